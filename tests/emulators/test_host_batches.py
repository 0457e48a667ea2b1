"""Service Bus functions that take batches: the window, settlement as a whole."""

from collections.abc import Iterator

import httpx
import pytest

from tests.emulators.host_process import RunningBroker, RunningHost, running_broker, running_host
from tests.eventually import eventually

#: The sample app waits for 3 messages or one second, and takes 5 at most.
LEAST, MOST = 3, 5


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def shared_host(broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host("queues", tmp_path_factory.mktemp("host"), **broker.settings) as running:
        yield running


@pytest.fixture
def host(broker: RunningBroker, shared_host: RunningHost) -> RunningHost:
    broker.reset()
    shared_host.begin()
    return shared_host


def batches(host: RunningHost) -> list[list[str]]:
    """The batches that were passed, in order."""
    return [line["batch"] for line in host.journal("many") if line["message_id"] == line["batch"][0]]


def test_no_batch_is_larger_than_the_most_and_every_message_is_completed(
    broker: RunningBroker, host: RunningHost
) -> None:
    sent = broker.send("many", [{"n": n} for n in range(12)])

    assert eventually(lambda: broker.is_empty("many"))
    assert max(len(batch) for batch in batches(host)) == MOST
    assert sorted(message for batch in batches(host) for message in batch) == sorted(sent)
    assert [line["body"] for line in host.journal("many", message_id="m7")] == ['{"n": 7}']


def test_enough_messages_are_passed_together(broker: RunningBroker, host: RunningHost) -> None:
    broker.send("many", [{}] * LEAST)

    assert eventually(lambda: broker.is_empty("many"))
    assert batches(host) == [["m0", "m1", "m2"]]


def test_too_few_messages_are_held_for_others_until_the_window_closes(broker: RunningBroker, host: RunningHost) -> None:
    broker.send("many", [{}])
    eventually(lambda: broker.counts("many")["locked"] == 1)
    assert not host.journal("many")

    assert eventually(lambda: broker.is_empty("many"))
    assert batches(host) == [["m0"]]


def test_a_message_joins_the_one_that_waits(broker: RunningBroker, host: RunningHost) -> None:
    broker.send("many", [{}])
    eventually(lambda: broker.counts("many")["locked"] == 1)
    broker.send("many", [{}, {}], first=1)

    assert eventually(lambda: broker.is_empty("many"))
    assert batches(host) == [["m0", "m1", "m2"]]


def test_one_failure_brings_the_whole_batch_back(broker: RunningBroker, host: RunningHost) -> None:
    broker.send("many", [{}, {"fail_until": 1}, {}])

    assert eventually(lambda: broker.is_empty("many"))
    assert [line["delivery_count"] for line in host.journal("many", message_id="m0")] == [1, 2]
    assert host.invocations("many")["failed"] == 1


def test_the_abandon_fault_brings_a_successful_batch_back(broker: RunningBroker, host: RunningHost) -> None:
    host.plan("abandon", {"function": "many"})
    broker.send("many", [{}] * LEAST)

    assert eventually(lambda: broker.is_empty("many"))
    assert [line["delivery_count"] for line in host.journal("many", message_id="m1")] == [1, 2]
    assert host.invocations("many") == {"succeeded": 2, "failed": 0, "running": 0}


@pytest.mark.parametrize("function", ["one", "many"])
def test_a_queue_function_is_called_by_hand_with_a_text(host: RunningHost, function: str) -> None:
    answer = httpx.post(
        f"{host.base}/admin/functions/{function}",
        json={"input": '{"by": "hand"}'},
        headers={"x-functions-key": "master"},
    )

    assert answer.status_code == 202
    line = eventually(lambda: host.journal(function))[0]
    assert (line["body"], line["delivery_count"]) == ('{"by": "hand"}', 1)
