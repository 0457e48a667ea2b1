"""Checking: AML is asked, changes are reported, and only a check ends a run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.commands import CheckRun
from bridge.domain.errors import AccessDenied, ServiceUnavailable, Throttled
from bridge.domain.jobs import JobDetails
from bridge.domain.queues import Queue
from bridge.domain.statuses import JobStatus
from bridge.ports import Bridge
from bridge.services import check_chain
from bridge.services.check_run import check_run
from bridge.services.submit_run import submit_run
from tests.unit.requests import accepted, reported, request, statuses


@pytest.fixture
def check(bridge: Bridge, queues: MemoryQueues) -> CheckRun:
    """The first check of a run that was just submitted."""
    return first_check(bridge, queues)


def first_check(bridge: Bridge, queues: MemoryQueues, pipeline: str = "train") -> CheckRun:
    submit_run(accepted(bridge, queues, request(pipeline=pipeline)), bridge)
    queues.sent[Queue.RUN_EVENTS].clear()
    return next_check(queues)


def next_check(queues: MemoryQueues) -> CheckRun:
    (message,) = queues.sent[Queue.RUN_CONTROL]
    queues.sent[Queue.RUN_CONTROL].clear()
    assert isinstance(message.body, CheckRun)
    return message.body


def test_a_change_is_reported_once(check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.jobs[check.run_id].status = JobStatus.RUNNING
    check_run(check, bridge)

    check_run(next_check(queues), bridge)

    assert statuses(queues) == ["RUNNING"]


def test_the_end_is_reported_with_what_the_history_knows(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    job = jobs.jobs[check.run_id]
    job.status = JobStatus.FAILED
    job.details = JobDetails(
        started_at=clock.now(),
        ended_at=clock.now() + timedelta(minutes=3),
        error_code="UserError",
        error_message="boom",
    )

    check_run(check, bridge)

    (event,) = reported(queues)
    assert (event.status, event.error_code, event.error_message) == ("FAILED", "UserError", "boom")
    assert event.ended_at == clock.now() + timedelta(minutes=3)
    assert not queues.sent[Queue.RUN_CONTROL], "the chain ends with the run"


def test_the_steps_of_the_chain_are_due_after_2_5_15_30_60_minutes_and_then_hourly(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    start, due = clock.now(), []
    for _ in range(7):
        due.append(int((check_chain.due_at(check) - start).total_seconds() / 60))
        clock.advance(check_chain.due_at(check) - clock.now())
        check_run(check, bridge)
        check = next_check(queues)

    assert due == [2, 5, 15, 30, 60, 120, 180]


def test_a_chain_that_slept_for_days_goes_on_with_its_next_step_only(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    clock.advance(timedelta(days=2))

    check_run(check, bridge)

    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert message.due is not None
    assert clock.now() < message.due <= clock.now() + timedelta(hours=1)


def test_a_one_shot_check_schedules_nothing(check: CheckRun, bridge: Bridge, queues: MemoryQueues) -> None:
    check_run(CheckRun(run_id=check.run_id, workspace="ws1", origin="e.1"), bridge)

    assert not queues.sent[Queue.RUN_CONTROL]
    assert statuses(queues) == ["NOT_STARTED"]


def test_a_check_that_azure_ml_does_not_answer_comes_again(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    jobs.failures.append(("get", Throttled(retry_after=timedelta(minutes=4))))

    check_run(check, bridge)

    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert message.due == clock.now() + timedelta(minutes=4)
    assert message.message_id != check.message_id
    assert isinstance(message.body, CheckRun)
    assert message.body.step == check.step


def test_a_check_that_azure_ml_refuses_comes_again(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures.append(("get", AccessDenied("no role", code="ACCESS_DENIED")))

    check_run(check, bridge)

    assert len(queues.sent[Queue.RUN_CONTROL]) == 1


def test_an_end_is_reported_even_without_its_history(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED
    jobs.failures.append(("details", AccessDenied("no role", code="ACCESS_DENIED")))

    check_run(check, bridge)

    (event,) = reported(queues)
    assert event.status == "COMPLETED"
    assert event.ended_at is not None


def test_a_chain_never_gives_up_because_of_tries(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))

    check_run(replace(check, try_=500), bridge)

    assert len(queues.sent[Queue.RUN_CONTROL]) == 1


def test_one_missing_answer_does_not_make_a_job_deleted(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    clock.advance(timedelta(hours=1))
    del jobs.jobs[check.run_id]

    check_run(check, bridge)

    assert not reported(queues)
    assert len(queues.sent[Queue.RUN_CONTROL]) == 1


def test_a_job_that_is_missing_twice_was_deleted(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    del jobs.jobs[check.run_id]
    check_run(check, bridge)
    second = next_check(queues)
    check_run(second, bridge)
    assert not reported(queues), "too soon after the submission"
    clock.advance(timedelta(minutes=11))

    check_run(next_check(queues), bridge)

    (event,) = reported(queues)
    assert (event.status, event.error_code) == ("FAILED", "JOB_DELETED")


def test_a_job_that_comes_back_was_not_deleted(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    clock.advance(timedelta(minutes=11))
    job = jobs.jobs.pop(check.run_id)
    check_run(check, bridge)
    jobs.jobs[check.run_id] = job
    check_run(next_check(queues), bridge)
    del jobs.jobs[check.run_id]

    check_run(next_check(queues), bridge)

    assert "FAILED" not in statuses(queues)


def test_the_pipelines_timeout_cancels_the_job_and_says_so(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    check = first_check(bridge, queues, pipeline="limited")
    jobs.jobs[check.run_id].status = JobStatus.RUNNING
    clock.advance(timedelta(minutes=59))
    check_run(check, bridge)
    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert message.due == check.timeout_at, "the step is due at the timeout at the latest"
    clock.advance(timedelta(minutes=1))

    check_run(next_check(queues), bridge)

    last = reported(queues)[-1]
    assert (last.status, last.error_code) == ("CANCEL_REQUESTED", "TIMED_OUT")
    assert jobs.jobs[check.run_id].status == JobStatus.CANCEL_REQUESTED


def test_a_timeout_that_may_not_be_carried_out_is_tried_again(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    check = first_check(bridge, queues, pipeline="limited")
    jobs.jobs[check.run_id].status = JobStatus.RUNNING
    jobs.failures.append(("cancel", AccessDenied("no role", code="ACCESS_DENIED")))
    clock.advance(timedelta(hours=1))
    check_run(check, bridge)

    check_run(next_check(queues), bridge)

    assert jobs.jobs[check.run_id].status == JobStatus.CANCEL_REQUESTED


def test_a_job_that_takes_its_time_to_stop_is_looked_at_again(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    jobs.jobs[check.run_id].status = JobStatus.CANCEL_REQUESTED
    looks = CheckRun(run_id=check.run_id, workspace="ws1", origin="c.1")
    delays = []
    for _ in range(5):
        check_run(looks, bridge)
        (message,) = queues.sent[Queue.RUN_CONTROL]
        assert message.due is not None
        delays.append((message.due - clock.now()).total_seconds() / 60)
        looks = next_check(queues)
    check_run(looks, bridge)

    assert delays == [1, 2, 4, 8, 16]
    assert not queues.sent[Queue.RUN_CONTROL], "the run's own chain goes on"
    assert statuses(queues) == ["CANCEL_REQUESTED"]


def test_a_job_of_another_bridge_is_none_of_ours(
    check: CheckRun, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    job = jobs.jobs[check.run_id]
    job.request = replace(job.request, tags={**job.request.tags, "bridge": "other"})

    check_run(check, bridge)

    assert not reported(queues)
    assert not queues.sent[Queue.RUN_CONTROL]


@pytest.mark.parametrize(("try_", "comes_again"), [(1, True), (2, False), (500, False)])
def test_a_one_shot_check_gives_up_after_its_tries(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, try_: int, *, comes_again: bool
) -> None:
    """Whoever asked for it was only curious: the run's own chain goes on."""
    jobs.failures.append(("get", ServiceUnavailable()))

    check_run(CheckRun(run_id="r-" + "a" * 26, workspace="ws1", origin="e.1", try_=try_), bridge)

    assert [message.body.try_ for message in queues.sent[Queue.RUN_CONTROL]] == ([try_ + 1] if comes_again else [])


def test_a_check_that_settles_a_dead_submit_does_not_give_up(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))

    check_run(
        CheckRun(run_id="r-" + "a" * 26, workspace="ws1", origin="d.1", try_=500, if_missing_fail="no job"), bridge
    )

    assert next_check(queues).try_ == 501
