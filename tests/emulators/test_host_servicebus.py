"""Service Bus functions that take one message: settlement, concurrency, locks, dead letters."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.emulators.host_process import RunningBroker, RunningHost, running_broker, running_host
from tests.eventually import eventually

Changed = Callable[[str, str], RunningHost]
SERVICE_BUS = "AzureFunctionsJobHost__extensions__serviceBus__"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("broker"), lock="PT2S") as running:
        yield running


@pytest.fixture
def changed(broker: RunningBroker, tmp_path: Path) -> Iterator[Changed]:
    """Starts a host with one more setting, on queues of its own: the shared host listens, too."""
    with ExitStack() as running:

        def start(setting: str, value: str) -> RunningHost:
            broker.reset()
            settings = {**broker.settings, "ONE_QUEUE": "other", "MANY_QUEUE": "more", setting: value}
            return running.enter_context(running_host("queues", tmp_path, **settings))

        yield start


def begun(host: RunningHost) -> list[str]:
    return [line["message_id"] for line in host.journal("one", begins=True)]


def test_a_message_is_completed_when_the_function_returns(broker: RunningBroker, host: RunningHost) -> None:
    sent = broker.send("one", [{}] * 20, application_properties={"door": "a", "n": 1}, correlation_id="c")

    assert eventually(lambda: broker.is_empty("one"))
    assert sorted(begun(host)) == sorted(sent)
    (line,) = host.journal("one", message_id="m7", begins=True)
    assert (line["delivery_count"], line["properties"], line["correlation_id"]) == (1, {"door": "a", "n": 1}, "c")
    assert host.invocations("one") == {"succeeded": 20, "failed": 0, "running": 0}


def test_a_message_whose_function_raises_comes_back_at_once(broker: RunningBroker, host: RunningHost) -> None:
    httpx.put(f"{broker.control}/queues/one", json={"lock_seconds": 60}).raise_for_status()
    broker.send("one", [{"fail_until": 2}])

    assert eventually(lambda: broker.is_empty("one"))
    assert [line["delivery_count"] for line in host.journal("one", begins=True)] == [1, 2, 3]
    assert "RuntimeError: told to fail delivery 2" in host.log()


def test_a_function_that_returns_something_has_failed_after_its_side_effects(
    broker: RunningBroker, host: RunningHost
) -> None:
    broker.send("one", [{"return": 0}])

    assert eventually(lambda: host.journal("dead"))
    assert len(host.journal("one", ends=True)) == 3
    assert "ReturnedValueError: function 'one' has no return binding and returned a int" in host.log()


def test_a_dead_letter_reaches_the_function_on_the_dead_letter_queue(broker: RunningBroker, host: RunningHost) -> None:
    broker.send("one", [{"fail_until": 9}, {}])

    (dead,) = eventually(lambda: host.journal("dead"))
    assert dead["message_id"] == "m0"
    assert dead["properties"]["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert dead["reason"] is None  # the platform does not pass it on
    assert eventually(lambda: broker.is_empty("one"))


def test_no_more_messages_are_taken_than_may_run_at_once(
    broker: RunningBroker, host: RunningHost, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    broker.send("one", [{"wait_for": str(gate)}] * 10)

    eventually(lambda: len(begun(host)) == 4)
    assert eventually(lambda: broker.counts("one")["locked"] == 4 and broker.counts("one")["active"] == 6)
    assert len(begun(host)) == 4
    gate.touch()

    assert eventually(lambda: broker.is_empty("one"))
    assert len(begun(host)) == 10


def test_a_quick_message_is_settled_while_a_slow_one_still_runs(
    broker: RunningBroker, host: RunningHost, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    broker.send("one", [{"wait_for": str(gate)}, {}, {}])

    eventually(lambda: len(host.journal("one", ends=True)) == 2)
    assert eventually(lambda: broker.counts("one")["locked"] == 1 and broker.counts("one")["active"] == 0)

    gate.touch()
    assert eventually(lambda: broker.is_empty("one"))


def test_a_lock_is_renewed_for_as_long_as_the_function_runs(
    broker: RunningBroker, host: RunningHost, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    broker.send("one", [{"wait_for": str(gate)}])
    eventually(lambda: begun(host))

    def locked_until() -> str:
        (message,) = httpx.get(f"{broker.control}/queues/one/messages", params={"state": "locked"}).json()
        return str(message["locked_until"])

    first = locked_until()
    second = eventually(lambda: locked_until() if locked_until() > first else "")
    eventually(lambda: locked_until() > second)
    gate.touch()

    assert eventually(lambda: broker.is_empty("one"))
    assert begun(host) == ["m0"]


def test_a_lock_is_not_renewed_beyond_the_limit(broker: RunningBroker, changed: Changed, tmp_path: Path) -> None:
    host = changed(f"{SERVICE_BUS}maxAutoLockRenewalDuration", "00:00:00")
    gate = tmp_path / "gate"

    broker.send("other", [{"wait_for": str(gate)}])

    assert eventually(lambda: len(begun(host)) == 2)  # its lock ran out, so it came again
    gate.touch()
    assert eventually(lambda: broker.is_empty("other"))


def test_without_auto_complete_a_success_is_left_to_its_lock(broker: RunningBroker, changed: Changed) -> None:
    host = changed(f"{SERVICE_BUS}autoCompleteMessages", "false")

    broker.send("other", [{}])

    assert eventually(lambda: [line["delivery_count"] for line in host.journal("one", ends=True)] == [1, 2])


def test_a_function_that_exceeds_its_timeout_has_its_message_abandoned(
    broker: RunningBroker, changed: Changed, tmp_path: Path
) -> None:
    host = changed("AzureFunctionsJobHost__functionTimeout", "00:00:01")
    httpx.put(f"{broker.control}/queues/other", json={"lock_seconds": 60}).raise_for_status()
    gate = tmp_path / "gate"

    broker.send("other", [{"wait_for": str(gate)}])

    assert eventually(lambda: len(begun(host)) == 2)
    assert "FunctionTimeoutError: function 'one' ran longer than 1 s" in host.log()
    gate.touch()


def test_messages_may_be_fetched_ahead(broker: RunningBroker, changed: Changed, tmp_path: Path) -> None:
    host = changed(f"{SERVICE_BUS}prefetchCount", "8")
    gate = tmp_path / "gate"

    broker.send("other", [{"wait_for": str(gate)}] * 12)

    eventually(lambda: len(begun(host)) == 4)
    assert eventually(lambda: broker.counts("other")["locked"] > 4)
    gate.touch()
    assert eventually(lambda: broker.is_empty("other"))


def test_the_trace_of_a_message_reaches_the_function(broker: RunningBroker, host: RunningHost) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    broker.send("one", [{}], application_properties={"Diagnostic-Id": trace})

    (line,) = eventually(lambda: host.journal("one", begins=True))
    assert line["traceparent"] == trace


def test_a_disabled_function_takes_no_messages(broker: RunningBroker, changed: Changed) -> None:
    host = changed("AzureWebJobs.one.Disabled", "true")

    broker.send("other", [{}])
    broker.send("more", [{}])

    eventually(lambda: host.journal("many"))
    assert broker.counts("other")["active"] == 1
    assert not host.journal("one")
