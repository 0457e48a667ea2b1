"""Service Bus functions that take batches: the window, settlement as a whole."""

from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.emulators.host_process import RunningBroker, RunningHost, running_host
from tests.eventually import eventually

#: The sample app waits for 3 messages or one second, and takes 5 at most.
LEAST, MOST = 3, 5


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


def test_too_few_messages_are_passed_when_the_window_closes(broker: RunningBroker, host: RunningHost) -> None:
    broker.send("many", [{}])

    assert eventually(lambda: broker.is_empty("many"))
    assert batches(host) == [["m0"]]


def test_messages_that_come_within_the_window_are_passed_together(broker: RunningBroker, tmp_path: Path) -> None:
    broker.reset()
    settings = {
        **broker.settings,
        "ONE_QUEUE": "other",
        "MANY_QUEUE": "more",
        "AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime": "00:01:00",
    }

    def is_held(number: int) -> bool:
        return broker.counts("more")["locked"] == number

    def others_ran(number: int) -> bool:
        return len(patient.journal("one", ends=True)) == number

    with running_host("queues", tmp_path, **settings) as patient:
        for number in range(LEAST):
            broker.send("more", [{}], first=number)
            eventually(partial(is_held, number + 1) if number + 1 < LEAST else partial(broker.is_empty, "more"))
            broker.send("other", [{}] * 5, first=10 * number)
            eventually(partial(others_ran, 5 * (number + 1)))  # so time passes, and the host is not asleep
        assert batches(patient) == [["m0", "m1", "m2"]]


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
