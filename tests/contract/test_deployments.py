"""What the services may expect of Deployments, in memory and through azure-ai-ml on the emulator alike."""

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

import pytest

from bridge.adapters.azureml_clients import AmlClients
from bridge.adapters.azureml_endpoints import AmlDeployments
from bridge.adapters.memory_reactions import MemoryDeployments
from bridge.domain.deployments import Deployment, DeploymentRequest, DeploymentState, moved
from bridge.domain.errors import PermanentError, RetryableError, ServiceUnavailable, Throttled
from bridge.local.endpoints import WORKSPACE
from bridge.local.stack import Stack
from bridge.ports import Deployments
from bridge.settings.app_settings import Settings
from tests.contract.azure_clients import aml_clients


class Steering(Protocol):
    """What a test does to the far side."""

    #: An endpoint of this test alone.
    endpoint: str

    def end(self, name: str, error: str | None = None) -> None: ...
    def finish_moving(self) -> None: ...
    def throttle_begin(self, retry_after: timedelta) -> None: ...
    def lose_answer_of_begin(self) -> None: ...
    def changes(self) -> int: ...
    def traffic(self) -> dict[str, int]: ...


@dataclass
class MemorySteering:
    memory: MemoryDeployments
    endpoint: str

    def end(self, name: str, error: str | None = None) -> None:
        self.memory.end(self.endpoint, name, error)

    def finish_moving(self) -> None: ...

    def throttle_begin(self, retry_after: timedelta) -> None:
        self.memory.failures.append(Throttled(retry_after=retry_after))

    def lose_answer_of_begin(self) -> None:
        self.memory.lost_answers.append(ServiceUnavailable())

    def changes(self) -> int:
        return len(self.memory.changes)

    def traffic(self) -> dict[str, int]:
        return self.memory.traffic.get(self.endpoint, {})


@dataclass
class EmulatorSteering:
    stack: Stack
    endpoint: str

    def end(self, name: str, error: str | None = None) -> None:
        body = {"provisioning_state": "Failed" if error else "Succeeded", **({"error": error} if error else {})}
        self.stack.call("azure_ml", "POST", f"/deployments/{self.endpoint}/{name}", body)

    def finish_moving(self) -> None:
        self.stack.call("azure_ml", "POST", "/clock", {"advance_seconds": 60})

    def throttle_begin(self, retry_after: timedelta) -> None:
        self.fault(status=429, retry_after=int(retry_after.total_seconds()))

    def lose_answer_of_begin(self) -> None:
        self.fault(status=500, after_commit=True)

    def fault(self, **params: Any) -> None:
        match = {"operation": "put_deployment", "endpoint": self.endpoint}
        self.stack.plan_fault("azure_ml", "status", match=match, params=params)

    def inside(self) -> dict[str, Any]:
        found = self.stack.call("azure_ml", "GET", "/endpoints")
        return next(each for each in found if each["name"] == self.endpoint)

    def changes(self) -> int:
        operations: dict[str, int] = self.stack.call("azure_ml", "GET", "/requests")["operations"]
        return operations.get("put_deployment", 0) + operations.get("put_endpoint", 0)

    def traffic(self) -> dict[str, int]:
        return dict(self.inside()["traffic"])


Pair = tuple[Deployments, Steering]


@pytest.fixture
def clients(settings: Settings) -> Iterator[AmlClients]:
    with aml_clients(settings) as clients:
        yield clients


def prepared(stack: Stack, clients: AmlClients) -> EmulatorSteering:
    """An endpoint of its own, and models whose deployments wait until they are told."""
    scope, endpoint = clients.path(WORKSPACE), f"e-{uuid.uuid4().hex[:12]}"
    stack.call("azure_ml", "POST", "/endpoints", {"name": endpoint, "workspace": scope})
    known = {(model["name"], model["version"]) for model in stack.call("azure_ml", "GET", "/models")}
    for version in {"1", "2", "3"} - {number for name, number in known if name == "contract"}:
        model = {"name": "contract", "version": version, "workspace": scope, "tags": {"emulator.deployment": "hold"}}
        stack.call("azure_ml", "POST", "/models", model)
    return EmulatorSteering(stack, endpoint)


@pytest.fixture(params=["memory", "azure-ai-ml"])
def pair(request: pytest.FixtureRequest) -> Pair:
    if request.param == "memory":
        memory = MemoryDeployments(endpoints={"e-1"})
        memory.models = frozenset({"contract:1", "contract:2", "contract:3"})
        return memory, MemorySteering(memory, "e-1")
    clients = request.getfixturevalue("clients")
    return AmlDeployments(clients), prepared(request.getfixturevalue("emulators"), clients)


def wanted(endpoint: str, version: str = "1", **change: Any) -> DeploymentRequest:
    whole = DeploymentRequest(
        workspace=WORKSPACE,
        endpoint=endpoint,
        name=f"contract-{version}",
        model_name="contract",
        model_version=version,
        instance_type="Standard_DS3_v2",
        instance_count=2,
        tags={"bridge_rule": "deploy-prod"},
    )
    return replace(whole, **change)


def ready(pair: Pair, version: str) -> str:
    """A deployment that is ready for traffic."""
    deployments, steering = pair
    request = wanted(steering.endpoint, version)
    deployments.begin(request)
    steering.end(request.name)
    return request.name


def found(pair: Pair, name: str = "contract-1") -> Deployment:
    deployments, steering = pair
    deployment = deployments.get(WORKSPACE, steering.endpoint, name)
    assert deployment is not None
    return deployment


def test_a_deployment_that_was_begun_is_under_way(pair: Pair) -> None:
    deployments, steering = pair

    deployments.begin(wanted(steering.endpoint))

    assert found(pair) == Deployment(
        name="contract-1",
        state=DeploymentState.WORKING,
        model="contract:1",
        traffic=0,
        tags={"bridge_rule": "deploy-prod"},
        endpoint_state=DeploymentState.READY,
    )


def test_a_deployment_becomes_ready(pair: Pair) -> None:
    name = ready(pair, "1")

    assert found(pair, name).state is DeploymentState.READY
    assert found(pair, name).error_message is None


def test_a_failed_deployment_says_something_of_it(pair: Pair) -> None:
    deployments, steering = pair
    deployments.begin(wanted(steering.endpoint))

    steering.end("contract-1", "the container crashed")

    assert found(pair).state is DeploymentState.FAILED
    assert found(pair).error_message


def test_a_failed_deployment_is_begun_anew(pair: Pair) -> None:
    deployments, steering = pair
    deployments.begin(wanted(steering.endpoint))
    steering.end("contract-1", "the container crashed")

    deployments.begin(wanted(steering.endpoint))

    assert found(pair).state is DeploymentState.WORKING


def test_what_is_being_made_is_not_begun_twice(pair: Pair) -> None:
    deployments, steering = pair

    for _ in range(2):
        deployments.begin(wanted(steering.endpoint))

    assert found(pair).state is DeploymentState.WORKING


def test_a_deployment_that_is_not_there_is_none(pair: Pair) -> None:
    deployments, steering = pair

    assert deployments.get(WORKSPACE, steering.endpoint, "contract-9") is None


def test_those_that_serve_are_those_with_traffic(pair: Pair) -> None:
    deployments, steering = pair
    assert deployments.serving(WORKSPACE, steering.endpoint) == []
    names = [ready(pair, version) for version in ("1", "2", "3")]

    for name, percent in zip(names[:2], (100, 20), strict=True):
        deployments.move_traffic(WORKSPACE, steering.endpoint, name, percent)
        steering.finish_moving()

    serving = deployments.serving(WORKSPACE, steering.endpoint)
    assert sorted((each.name, each.traffic) for each in serving) == [("contract-1", 80), ("contract-2", 20)]
    assert {each.tags["bridge_rule"] for each in serving} == {"deploy-prod"}


def test_an_endpoint_that_is_not_there_is_told(pair: Pair) -> None:
    deployments, _ = pair
    calls: tuple[Callable[[], object], ...] = (
        lambda: deployments.get(WORKSPACE, "e-nowhere", "contract-1"),
        lambda: deployments.serving(WORKSPACE, "e-nowhere"),
        lambda: deployments.begin(wanted("e-nowhere")),
        lambda: deployments.move_traffic(WORKSPACE, "e-nowhere", "contract-1", 10),
    )

    for call in calls:
        with pytest.raises(PermanentError, match="no endpoint e-nowhere") as caught:
            call()
        assert caught.value.code == "UNKNOWN_ENDPOINT"


def test_a_model_that_is_not_there_is_a_refusal(pair: Pair) -> None:
    deployments, steering = pair

    with pytest.raises(PermanentError, match="model"):
        deployments.begin(wanted(steering.endpoint, "99"))

    assert deployments.get(WORKSPACE, steering.endpoint, "contract-99") is None


def test_throttling_says_how_long_to_wait_and_is_not_retried_inside(pair: Pair) -> None:
    deployments, steering = pair
    steering.throttle_begin(timedelta(seconds=17))

    with pytest.raises(Throttled) as caught:
        deployments.begin(wanted(steering.endpoint))

    assert caught.value.retry_after == timedelta(seconds=17)
    assert deployments.get(WORKSPACE, steering.endpoint, "contract-1") is None


def test_a_deployment_whose_answer_was_lost_is_under_way(pair: Pair) -> None:
    deployments, steering = pair
    steering.lose_answer_of_begin()

    with pytest.raises(ServiceUnavailable):
        deployments.begin(wanted(steering.endpoint))

    deployments.begin(wanted(steering.endpoint))
    assert found(pair).state is DeploymentState.WORKING


def test_the_first_deployment_gets_all_traffic_because_nobody_has_the_rest(pair: Pair) -> None:
    deployments, steering = pair
    name = ready(pair, "1")

    deployments.move_traffic(WORKSPACE, steering.endpoint, name, 10)
    steering.finish_moving()

    assert found(pair, name).traffic == 100
    assert steering.traffic() == {"contract-1": 100}


def test_the_others_share_the_rest_as_they_did_before(pair: Pair) -> None:
    deployments, steering = pair

    for version, percent in (("1", 100), ("2", 10), ("3", 50)):
        deployments.move_traffic(WORKSPACE, steering.endpoint, ready(pair, version), percent)
        steering.finish_moving()

    assert steering.traffic() == {"contract-1": 45, "contract-2": 5, "contract-3": 50}


def test_all_of_the_traffic_leaves_nothing_to_the_others(pair: Pair) -> None:
    deployments, steering = pair

    for version in ("1", "2"):
        deployments.move_traffic(WORKSPACE, steering.endpoint, ready(pair, version), 100)
        steering.finish_moving()

    assert steering.traffic() == {"contract-2": 100}
    assert found(pair, "contract-1").traffic == 0


def test_traffic_that_is_already_so_changes_nothing(pair: Pair) -> None:
    deployments, steering = pair
    for version, percent in (("1", 100), ("2", 30)):
        deployments.move_traffic(WORKSPACE, steering.endpoint, ready(pair, version), percent)
        steering.finish_moving()
    before = steering.changes()

    deployments.move_traffic(WORKSPACE, steering.endpoint, "contract-2", 30)

    assert steering.changes() == before


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        ({}, 100, {"new": 100}),
        ({}, 10, {"new": 100}),
        ({}, 0, {}),
        ({"new": 100}, 10, {"new": 100}),
        ({"a": 100}, 10, {"a": 90, "new": 10}),
        ({"a": 100}, 0, {"a": 100}),
        ({"a": 90, "new": 10}, 10, {"a": 90, "new": 10}),
        ({"a": 90, "new": 10}, 100, {"new": 100}),
        ({"a": 50, "b": 50}, 33, {"a": 34, "b": 33, "new": 33}),
        ({"a": 34, "b": 33, "c": 33}, 10, {"a": 30, "b": 30, "c": 30, "new": 10}),
        ({"a": 99, "b": 1}, 50, {"a": 50, "new": 50}),
        ({"a": 0, "b": 100}, 50, {"b": 50, "new": 50}),
    ],
)
def test_shares_keep_their_proportions(before: dict[str, int], percent: int, after: dict[str, int]) -> None:
    assert moved(before, "new", percent) == after


def test_shares_always_add_up_and_stay_where_they_are_when_moved_again() -> None:
    for percent in range(1, 101):
        for first in range(101):
            before = {"a": first, "b": (100 - first) // 3, "c": 100 - first - (100 - first) // 3}

            after = moved(before, "new", percent)

            assert sum(after.values()) == 100
            assert after["new"] == percent
            assert min(after.values()) > 0
            assert moved(after, "new", percent) == after


class TestAzureMl:
    """What only the real one can do wrong."""

    @pytest.fixture
    def steering(self, emulators: Stack, clients: AmlClients) -> EmulatorSteering:
        return prepared(emulators, clients)

    @pytest.fixture
    def deployments(self, clients: AmlClients) -> AmlDeployments:
        return AmlDeployments(clients)

    def test_no_thread_stays_behind_and_nothing_is_printed(
        self, deployments: AmlDeployments, steering: EmulatorSteering, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The SDK would ask for the end of it in a thread, for many minutes, and print a dot each time."""
        deployments.begin(wanted(steering.endpoint))
        steering.end("contract-1")
        before = self.questions(steering)

        deployments.begin(wanted(steering.endpoint, "2"))
        deployments.move_traffic(WORKSPACE, steering.endpoint, "contract-1", 100)

        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("LROPoller")] == []
        assert self.questions(steering) == before
        assert capfd.readouterr() == ("", "")

    @staticmethod
    def questions(steering: EmulatorSteering) -> int:
        """How often the end of an operation was asked for."""
        return int(steering.stack.call("azure_ml", "GET", "/requests")["operations"].get("get_operation", 0))

    def test_the_deployment_is_as_it_was_asked_for(
        self, deployments: AmlDeployments, steering: EmulatorSteering
    ) -> None:
        deployments.begin(wanted(steering.endpoint, environment="azureml:serving:7"))

        (inside,) = steering.inside()["deployments"]
        assert (inside["instance_type"], inside["instance_count"]) == ("Standard_DS3_v2", 2)
        assert inside["environment"].endswith("/environments/serving/versions/7")

    def test_moving_traffic_changes_nothing_else_of_the_endpoint(
        self, deployments: AmlDeployments, steering: EmulatorSteering, clients: AmlClients
    ) -> None:
        url = f"{clients.url(WORKSPACE)}/onlineEndpoints/{steering.endpoint}"
        before: Any = clients.arm.get(url, {"api-version": "2022-02-01-preview"})
        deployments.begin(wanted(steering.endpoint))
        steering.end("contract-1")

        deployments.move_traffic(WORKSPACE, steering.endpoint, "contract-1", 100)
        steering.finish_moving()

        after: Any = clients.arm.get(url, {"api-version": "2022-02-01-preview"})
        for resource in (before, after):
            del resource["properties"]["traffic"]
            resource["properties"].pop("properties")  # where the SDK writes down who made the endpoint
        assert after == before

    @pytest.mark.parametrize("state", ["Creating", "Deleting"])
    def test_an_endpoint_that_is_busy_is_waited_for(
        self, deployments: AmlDeployments, steering: EmulatorSteering, state: str
    ) -> None:
        body = {"provisioning_state": state}
        steering.stack.call("azure_ml", "POST", f"/endpoints/{steering.endpoint}", body)

        with pytest.raises(RetryableError, match="409"):
            deployments.begin(wanted(steering.endpoint))

    def test_traffic_that_is_moving_is_waited_for(
        self, deployments: AmlDeployments, steering: EmulatorSteering
    ) -> None:
        deployments.begin(wanted(steering.endpoint))
        steering.end("contract-1")
        body = {"provisioning_state": "Updating"}
        steering.stack.call("azure_ml", "POST", f"/endpoints/{steering.endpoint}", body)

        with pytest.raises(RetryableError, match="409"):
            deployments.move_traffic(WORKSPACE, steering.endpoint, "contract-1", 100)

        found = deployments.get(WORKSPACE, steering.endpoint, "contract-1")
        assert found is not None
        assert found.endpoint_state is DeploymentState.WORKING

    def test_what_the_sdk_refuses_is_never_asked_for(
        self, deployments: AmlDeployments, steering: EmulatorSteering
    ) -> None:
        with pytest.raises(PermanentError, match="cannot be built") as caught:
            deployments.begin(wanted(steering.endpoint, name="no name at all"))

        assert caught.value.code == "INVALID_DEPLOYMENT"

    def test_a_service_that_is_away_is_waited_for(
        self, deployments: AmlDeployments, steering: EmulatorSteering
    ) -> None:
        steering.stack.outage("azure_ml", down=True)
        try:
            with pytest.raises(ServiceUnavailable):
                deployments.get(WORKSPACE, steering.endpoint, "contract-1")
            with pytest.raises(ServiceUnavailable):
                deployments.begin(wanted(steering.endpoint))
        finally:
            steering.stack.outage("azure_ml", down=False)
