"""What comes first when only one of two things can be done, and when things end: promises that are easy to break."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.commands import CheckRun
from bridge.domain.errors import RetryableError, ServiceUnavailable, Throttled
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.statuses import JobStatus
from bridge.ports import Bridge, Message
from bridge.services import check_chain
from bridge.services.accept_runs import accept_runs
from bridge.services.check_run import check_run
from bridge.services.record_events import record_events
from bridge.services.submit_run import submit_run
from tests.unit.parts import parts
from tests.unit.requests import accepted, request, statuses


class OneQueueAway(MemoryQueues):
    """Queues of which one takes nothing."""

    away: Queue | None = None

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        if queue is self.away:
            raise ServiceUnavailable
        super().send(queue, messages)


@pytest.fixture
def queues() -> OneQueueAway:
    return OneQueueAway()


def chain_check(queues: MemoryQueues) -> CheckRun:
    """The one check that was scheduled last."""
    body = queues.sent[Queue.RUN_CONTROL][-1].body
    assert isinstance(body, CheckRun)
    return body


def test_no_run_is_told_of_that_was_not_queued(bridge: Bridge, queues: OneQueueAway) -> None:
    queues.away = Queue.RUN_COMMANDS

    with pytest.raises(RetryableError):
        accept_runs([request()], bridge)

    assert queues.sent[Queue.RUN_EVENTS] == []


def test_a_run_that_cannot_be_told_of_yet_is_queued_all_the_same(bridge: Bridge, queues: OneQueueAway) -> None:
    queues.away = Queue.RUN_EVENTS

    with pytest.raises(RetryableError):
        accept_runs([request()], bridge)

    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_a_job_is_followed_even_if_it_cannot_be_told_of_yet(bridge: Bridge, queues: OneQueueAway) -> None:
    command = accepted(bridge, queues)
    queues.away = Queue.RUN_EVENTS

    with pytest.raises(RetryableError):
        submit_run(command, bridge)

    assert chain_check(queues).step == 1


def test_no_job_is_told_of_that_nobody_follows(bridge: Bridge, queues: OneQueueAway) -> None:
    command = accepted(bridge, queues)
    queues.away = Queue.RUN_CONTROL

    with pytest.raises(RetryableError):
        submit_run(command, bridge)

    assert statuses(queues) == ["ACCEPTED"]


def test_the_timeout_is_a_due_time_like_any_other(bridge: Bridge, queues: OneQueueAway, clock: MemoryClock) -> None:
    """The pipeline's is one hour; the steps around it are 30 minutes, an hour and two hours."""
    submit_run(accepted(bridge, queues, request(pipeline="limited")), bridge)
    check = replace(chain_check(queues), timeout_at=clock.now() + timedelta(minutes=40))

    check_chain.schedule_next(replace(check, step=4), bridge)

    assert queues.sent[Queue.RUN_CONTROL][-1].due == clock.now() + timedelta(minutes=40)


def test_after_the_timeout_the_job_is_cancelled_once(
    bridge: Bridge, queues: OneQueueAway, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    submit_run(accepted(bridge, queues, request(pipeline="limited")), bridge)
    check = chain_check(queues)
    jobs.jobs[check.run_id].status = JobStatus.RUNNING
    clock.advance(timedelta(hours=1))

    for _ in range(4):
        check_run(check, bridge)
        jobs.jobs[check.run_id].status = JobStatus.RUNNING  # it takes its time
        check = chain_check(queues)
        clock.advance(timedelta(hours=1))

    assert jobs.calls.count("cancel") == 1


@pytest.mark.parametrize(("days", "asked_again"), [(30, True), (32, False)])
def test_a_chain_that_gets_no_answer_ends_after_31_days(
    bridge: Bridge, queues: OneQueueAway, jobs: MemoryJobs, clock: MemoryClock, days: int, *, asked_again: bool
) -> None:
    submit_run(accepted(bridge, queues), bridge)
    check = chain_check(queues)
    queues.sent[Queue.RUN_CONTROL].clear()
    clock.advance(timedelta(days=days))
    jobs.failures.append(("get", ServiceUnavailable()))

    check_run(check, bridge)

    assert bool(queues.sent[Queue.RUN_CONTROL]) is asked_again


@pytest.mark.parametrize(("try_", "seconds"), [(0, 10), (1, 20), (3, 80), (6, 600), (500, 600)])
def test_a_ledger_that_is_away_is_asked_ever_less_often(
    bridge: Bridge, queues: OneQueueAway, ledger: MemoryLedger, *, try_: int, seconds: int
) -> None:
    ledger.failures.append(ServiceUnavailable())
    fact = events.job_fact("r-" + "a" * 26, JobStatus.RUNNING, bridge.clock.now())

    record_events(parts(Records(run_events=(fact,), try_=try_)), bridge)

    assert queues.sent[Queue.RUN_EVENTS][0].due == bridge.clock.now() + timedelta(seconds=seconds)


def test_a_ledger_that_names_a_time_is_not_asked_before(
    bridge: Bridge, queues: OneQueueAway, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    ledger.failures.append(Throttled(retry_after=timedelta(minutes=20)))
    fact = events.job_fact("r-" + "a" * 26, JobStatus.RUNNING, clock.now())

    record_events(parts(Records(run_events=(fact,))), bridge)

    due = queues.sent[Queue.RUN_EVENTS][0].due
    assert due is not None
    assert timedelta(minutes=20) <= due - clock.now() <= timedelta(minutes=20, seconds=10)
