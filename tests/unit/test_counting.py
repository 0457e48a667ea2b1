"""What is counted of the facts on their way to the ledger, and what is not counted twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.adapters.counting import CountingSender
from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import RetryableError, ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.statuses import JobStatus
from bridge.handlers import queues as handlers
from bridge.ports import Bridge, Message, MessageSender
from bridge.services.accept_runs import accept_runs
from bridge.services.check_run import check_run
from bridge.services.report import report
from bridge.services.submit_run import submit_run
from tests.unit.invocations import message
from tests.unit.recorded import Recorded
from tests.unit.requests import accepted, request
from tests.unit.test_bridge_events import running


@pytest.fixture
def told() -> Recorded:
    return Recorded()


@pytest.fixture
def counted(bridge: Bridge, told: Recorded) -> Bridge:
    sender: MessageSender = CountingSender(bridge.sender, told.telemetry, bridge.catalogue)
    return replace(bridge, sender=sender, telemetry=told.telemetry)


def test_a_runs_life_is_counted_once(
    counted: Bridge, told: Recorded, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    check = running(counted, queues)
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED
    for _ in range(3):  # an event's look, the chain's, and one after a redelivery
        check_run(check, counted)
        clock.advance(timedelta(minutes=2))

    names = ("accepted", "submitted", "completed", "failed", "canceled", "rejected")
    assert [told.total(f"bridge.runs.{name}", pipeline="train") for name in names] == [1, 1, 1, 0, 0, 0]


def test_a_request_that_comes_again_is_counted_once(counted: Bridge, told: Recorded) -> None:
    for _ in range(3):
        accept_runs([request("k")], counted)

    assert told.total("bridge.runs.accepted") == 1


def test_rejections_are_counted_by_their_reason_and_never_by_a_callers_word(counted: Bridge, told: Recorded) -> None:
    accept_runs([request("k", pipeline="hers"), request("l", as_of="yesterday")], counted)

    assert told.total("bridge.runs.rejected", pipeline="unknown", reason="UNKNOWN_PIPELINE") == 1
    assert told.total("bridge.runs.rejected", pipeline="train", reason="WRONG_TYPE") == 1
    assert "hers" not in str(told.points("bridge.runs.rejected"))


def test_what_was_not_sent_is_not_counted(counted: Bridge, told: Recorded, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable("the broker is away"))

    with pytest.raises(RetryableError):
        accept_runs([request("k")], counted)

    assert told.total("bridge.runs.accepted") == 0


def test_retries_are_counted_by_what_is_tried_again(
    counted: Bridge, told: Recorded, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    command: SubmitRun = accepted(counted, queues, request("k"))
    jobs.failures.append(("submit", ServiceUnavailable("Azure ML is away")))
    submit_run(command, counted)
    check = running(counted, queues)
    jobs.failures.append(("get", ServiceUnavailable("Azure ML is away")))
    check_run(check, counted)

    assert [told.total("bridge.retries", operation=name) for name in ("submit", "check")] == [1, 1]


def test_rows_that_were_put_off_are_a_retry_and_no_second_count(
    counted: Bridge, told: Recorded, queues: MemoryQueues
) -> None:
    accept_runs([request("k")], counted)
    rows: Any = queues.sent[Queue.RUN_EVENTS][0].body
    counted.sender.send(Queue.RUN_EVENTS, [Message(message_id="again", body=rows.next_try())])

    assert told.total("bridge.runs.accepted") == 1
    assert told.total("bridge.retries", operation="record") == 1


def test_dead_letters_are_counted_by_queue_and_reason(counted: Bridge, told: Recorded) -> None:
    for _ in range(2):
        handlers.execute(message("{", message_id="m"), counted)

    assert told.total("bridge.dead_letters", queue="run-commands", reason="POISON") == 1


def test_memory_of_what_was_counted_is_bounded(
    counted: Bridge, told: Recorded, queues: MemoryQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.adapters.counting.REMEMBERED", 1)
    accept_runs([request("k"), request("l"), request("k")], counted)
    first: Any = queues.sent[Queue.RUN_EVENTS][0].body
    report(first.run_events[:1], counted)

    assert told.total("bridge.runs.accepted") > 2
