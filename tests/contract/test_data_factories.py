"""What the services may expect of DataFactories, in memory and by plain calls to the emulator alike."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from bridge.adapters.arm import ArmClient
from bridge.adapters.datafactory import AzureDataFactories
from bridge.adapters.memory_reactions import MemoryDataFactories
from bridge.domain.actions import Occasion, RunDataFactory
from bridge.domain.errors import (
    AccessDenied,
    BridgeError,
    PermanentError,
    RetryableError,
    ServiceUnavailable,
    Throttled,
)
from bridge.local.stack import Stack
from bridge.ports import DataFactories
from bridge.settings.app_settings import Settings
from tests.contract.azure_clients import aml_clients

FACTORY = "contract-factory"
PIPELINES = ("copy scores", "other")


class Steering(Protocol):
    """What a test does to the far side, and sees there."""

    def runs(self) -> list[tuple[str, str, dict[str, Any]]]: ...
    def throttle(self, retry_after: timedelta) -> None: ...
    def lose_answer_of_start(self) -> None: ...


@dataclass
class MemorySteering:
    memory: MemoryDataFactories

    def runs(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [(run.run_id, run.pipeline, dict(run.parameters)) for run in self.memory.runs]

    def throttle(self, retry_after: timedelta) -> None:
        self.memory.failures.append(Throttled(retry_after=retry_after))

    def lose_answer_of_start(self) -> None:
        self.memory.lost_answers.append(ServiceUnavailable())


@dataclass
class EmulatorSteering:
    stack: Stack

    def runs(self) -> list[tuple[str, str, dict[str, Any]]]:
        found = self.stack.call("azure_ml", "GET", "/data-factory-runs")
        return [(run["run_id"], run["pipeline"], run["parameters"]) for run in found if run["factory"] == FACTORY]

    def throttle(self, retry_after: timedelta) -> None:
        self.fault(status=429, retry_after=int(retry_after.total_seconds()))

    def lose_answer_of_start(self) -> None:
        self.fault(status=500, after_commit=True)

    def fault(self, **params: Any) -> None:
        self.stack.plan_fault("azure_ml", "status", match={"operation": "create_run"}, params=params)


Pair = tuple[DataFactories, Steering]


@pytest.fixture
def real(emulators: Stack, settings: Settings) -> Iterator[AzureDataFactories]:
    emulators.call("azure_ml", "POST", "/reset", {})
    emulators.call("azure_ml", "POST", "/factories", {"name": FACTORY, "pipelines": list(PIPELINES)})
    with aml_clients(settings) as clients:
        yield AzureDataFactories(
            clients.arm_of("Data Factory"),
            subscription_id=settings.subscription_id,
            resource_group=settings.resource_group,
        )


@pytest.fixture(params=["memory", "data-factory"])
def pair(request: pytest.FixtureRequest) -> Pair:
    if request.param == "memory":
        memory = MemoryDataFactories(pipelines={(FACTORY, name) for name in PIPELINES})
        return memory, MemorySteering(memory)
    return request.getfixturevalue("real"), EmulatorSteering(request.getfixturevalue("emulators"))


def command(**change: Any) -> RunDataFactory:
    why = Occasion(
        rule="copy",
        action_id=uuid.uuid4().hex,
        event_id="e1",
        event_type="Bridge.RunEnded",
        event_time=datetime.now(UTC),
        correlation_id="nightly",
    )
    whole = RunDataFactory(occasion=why, factory=FACTORY, pipeline="copy scores", parameters={"table": "SCORES"})
    return replace(whole, **change)


def test_a_pipeline_is_started_with_its_parameters(pair: Pair) -> None:
    factories, steering = pair

    run_id = factories.start(command())

    assert steering.runs() == [(run_id, "copy scores", {"table": "SCORES"})]


def test_the_pipeline_is_told_the_action_if_it_has_a_parameter_for_it(pair: Pair) -> None:
    factories, steering = pair
    wanted = command(key_parameter="action")

    factories.start(wanted)

    assert steering.runs()[0][2] == {"table": "SCORES", "action": wanted.occasion.action_id}


def test_a_pipeline_with_a_key_is_started_once(pair: Pair) -> None:
    factories, steering = pair
    wanted = command(key_parameter="action")

    first = factories.start(wanted)
    again = factories.start(wanted.next_try())

    assert first == again
    assert len(steering.runs()) == 1


def test_a_start_whose_answer_was_lost_is_found_again(pair: Pair) -> None:
    factories, steering = pair
    wanted = command(key_parameter="action")
    steering.lose_answer_of_start()

    with pytest.raises(RetryableError):
        factories.start(wanted)

    assert [factories.start(wanted)] == [run_id for run_id, _, _ in steering.runs()]


def test_another_occasion_is_another_run(pair: Pair) -> None:
    factories, steering = pair

    started = {factories.start(command(key_parameter="action")) for _ in range(3)}

    assert started == {run_id for run_id, _, _ in steering.runs()}
    assert len(started) == 3


def test_the_same_key_of_another_pipeline_or_parameter_is_another_run(pair: Pair) -> None:
    factories, steering = pair
    wanted = command(key_parameter="action")

    for each in (wanted, replace(wanted, pipeline="other"), replace(wanted, key_parameter="key")):
        factories.start(each)

    assert len(steering.runs()) == 3


def test_a_pipeline_without_a_key_is_started_at_least_once(pair: Pair) -> None:
    factories, steering = pair
    wanted = command()

    for _ in range(2):
        factories.start(wanted)

    assert len(steering.runs()) == 2


@pytest.mark.parametrize("event_time", [None, datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)])
def test_an_earlier_start_is_found_whatever_the_event_said_of_its_time(pair: Pair, event_time: datetime | None) -> None:
    factories, steering = pair
    wanted = command(key_parameter="action")
    wanted = replace(wanted, occasion=replace(wanted.occasion, event_time=event_time))

    assert factories.start(wanted) == factories.start(wanted)
    assert len(steering.runs()) == 1


@pytest.mark.parametrize("change", [{"pipeline": "no such"}, {"factory": "no-such-factory"}], ids=str)
def test_what_is_not_there_is_a_refusal(pair: Pair, change: dict[str, str]) -> None:
    factories, steering = pair

    with pytest.raises(PermanentError, match=r"no such|no-such") as caught:
        factories.start(command(key_parameter="action", **change))

    assert caught.value.code == "NOT_FOUND"
    assert steering.runs() == []


def test_throttling_says_how_long_to_wait_and_is_not_retried_inside(pair: Pair) -> None:
    factories, steering = pair
    steering.throttle(timedelta(seconds=17))

    with pytest.raises(Throttled) as caught:
        factories.start(command())

    assert caught.value.retry_after == timedelta(seconds=17)
    assert steering.runs() == []


class TestAzure:
    def test_parameters_arrive_with_all_their_digits(self, real: AzureDataFactories, emulators: Stack) -> None:
        real.start(command(parameters={"rows": 10**20, "share": Decimal("0.5"), "list": [True]}))

        parameters = EmulatorSteering(emulators).runs()[0][2]
        assert parameters == {"rows": str(10**20), "share": "0.5", "list": "[true]"}

    def test_errors_name_data_factory(self, real: AzureDataFactories, emulators: Stack) -> None:
        EmulatorSteering(emulators).fault(status=403)

        with pytest.raises(AccessDenied, match="Data Factory, POST createRun"):
            real.start(command())

    def test_a_factory_may_be_anywhere(self, real: AzureDataFactories, emulators: Stack) -> None:
        real.start(command(subscription_id=str(uuid.uuid4()), resource_group="another group"))

        assert len(EmulatorSteering(emulators).runs()) == 1

    @pytest.mark.parametrize("change", [{"factory": f"x/../{FACTORY}"}, {"pipeline": "x/../copy scores"}], ids=str)
    def test_no_name_leads_out_of_its_place(
        self, real: AzureDataFactories, emulators: Stack, change: dict[str, str]
    ) -> None:
        with pytest.raises(BridgeError):
            real.start(command(**change))

        assert EmulatorSteering(emulators).runs() == []

    def test_all_pages_of_runs_are_looked_through(self) -> None:
        """The emulator has one page only."""
        wanted = command(key_parameter="action")
        queries: list[Any] = []

        class Pages(ArmClient):
            def __init__(self) -> None:
                """Without a connection."""

            def post(self, url: str, params: Mapping[str, str], body: Any = None) -> Any:
                assert url.endswith("/queryPipelineRuns"), "nothing is started"
                assert params == {"api-version": "2018-06-01"}
                queries.append(dict(body))
                if len(queries) < 3:
                    return {"value": [{"runId": "x", "parameters": None}], "continuationToken": f"t{len(queries)}"}
                return {"value": [{"runId": "r3", "parameters": {"action": wanted.occasion.action_id}}]}

        factories = AzureDataFactories(Pages(), subscription_id="s", resource_group="g")

        assert factories.start(wanted) == "r3"
        assert [query.get("continuationToken") for query in queries] == [None, "t1", "t2"]
