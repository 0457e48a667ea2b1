"""Ends of runs: the rules hear of each one, once somebody looked, whether there was a job or not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.commands import CheckRun, SubmitRun
from bridge.domain.errors import AccessDenied, ServiceUnavailable, SubmissionRejected
from bridge.domain.jobs import JobDetails
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.domain.statuses import JobStatus
from bridge.domain.trace import Trace
from bridge.handlers import queues as handlers
from bridge.payloads import bodies
from bridge.ports import Bridge
from bridge.services.check_run import check_run
from bridge.services.submit_run import submit_request, submit_run
from tests.unit.invocations import message
from tests.unit.occasions import rule, take, with_rules
from tests.unit.requests import accepted, request, statuses
from tests.unit.test_bridge_events import TOPIC, ended, running

ENDS = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED]


@pytest.fixture
def listening(bridge: Bridge) -> Bridge:
    """With a rule that hears of ends; nothing is published."""
    return with_rules(bridge, rule("on-end", "Bridge.RunEnded"))


@pytest.mark.parametrize("status", ENDS)
def test_the_rules_hear_of_every_end_that_azure_ml_tells(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock, status: JobStatus
) -> None:
    check = running(listening, queues, "first", "second")
    job = jobs.jobs[check.run_id]
    job.status = status
    times = {"started_at": clock.now(), "ended_at": clock.now() + timedelta(minutes=3)}
    job.details = JobDetails(**times, error_code="E", error_message="boom", outputs={"default": "azureml://x"})

    check_run(check, listening)

    (event,) = ended(queues)
    assert (event.event_type, event.subject, event.topic) == ("Bridge.RunEnded", f"runs/{check.run_id}", "")
    assert event.event_time == times["ended_at"]
    assert dict(event.data) == {
        "run_id": check.run_id,
        "status": status,
        "pipeline": "train",
        "workspace": "ws1",
        "attempt": 1,
        "has_job": True,
        "started_at": times["started_at"].isoformat(),
        "ended_at": times["ended_at"].isoformat(),
        "error_code": "E",
        "error_message": "boom",
        "outputs": {"default": "azureml://x"},
        "studio_url": f"https://ml.azure.com/runs/{check.run_id}",
        "tags": job.request.tags,
        "correlation_id": "c1",
        "rule_chain": ["first", "second"],
    }


@pytest.mark.parametrize("status", [JobStatus.NOT_STARTED, JobStatus.RUNNING, JobStatus.CANCEL_REQUESTED, "NEW_WORD"])
def test_nothing_but_an_end_is_told(listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs, status: str) -> None:
    check = running(listening, queues)
    jobs.jobs[check.run_id].status = status

    check_run(check, listening)

    assert statuses(queues) == [status]
    assert not ended(queues)


def test_an_end_that_was_reported_before_is_not_told_again(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    check = running(listening, queues)
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED

    check_run(replace(check, last_status=JobStatus.COMPLETED), listening)

    assert not ended(queues)


def test_two_checks_that_see_the_same_end_tell_the_same_event(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    check = running(listening, queues)
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED
    jobs.jobs[check.run_id].details = JobDetails(ended_at=clock.now())

    for each in (check, CheckRun(run_id=check.run_id, workspace="ws1", origin="e.1")):
        check_run(each, listening)

    first, second = ended(queues)
    assert first == second


def test_whoever_sees_the_end_knows_that_the_timeout_was_over(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    listening = with_rules(bridge, rule("on-end", "Bridge.RunEnded"))
    early, late = (accepted(listening, queues, request(key, pipeline="limited")) for key in ("early", "late"))
    for command, minutes in ((early, 5), (late, 60)):
        submit_run(command, listening)
        job = jobs.jobs[command.run_id]
        job.status = JobStatus.CANCELED
        job.details = JobDetails(ended_at=job.created_at + timedelta(minutes=minutes))
        check_run(CheckRun(run_id=command.run_id, workspace="ws1", origin="e.1"), listening)

    users, timeouts = (event.data for event in ended(queues))
    assert "error_code" not in users
    assert timeouts["error_code"] == "TIMED_OUT"
    assert "timeout ended at" in timeouts["error_message"]


def test_an_end_whose_time_nobody_knows_is_told_with_one_that_every_look_gives(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    check = running(listening, queues)
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED

    check_run(check, listening)
    clock.advance(timedelta(hours=1))
    check_run(CheckRun(run_id=check.run_id, workspace="ws1", origin="e.1"), listening)

    first, second = ended(queues)
    assert (first.id, first.event_time) == (second.id, jobs.jobs[check.run_id].created_at)


@pytest.mark.parametrize(
    ("kind", "topic", "told"),
    [("ModelRegistered", None, 0), ("Bridge.RunEnded", None, 1), ("ModelRegistered", TOPIC, 1)],
)
def test_an_end_is_only_told_when_somebody_listens(
    bridge: Bridge, queues: MemoryQueues, kind: str, topic: str | None, told: int
) -> None:
    some = with_rules(bridge, rule("r", kind), events_topic=topic)
    command = accepted(some, queues)

    submit_run(replace(command, workspace="elsewhere"), some)

    assert len(ended(queues)) == told


def test_an_end_that_could_not_be_told_is_told_by_the_next_try(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    check = running(listening, queues)
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED

    class Flaky(MemoryQueues):
        def send(self, queue: Queue, messages: Any) -> None:
            if queue is Queue.INBOUND_EVENTS:
                raise ServiceUnavailable
            queues.send(queue, messages)

    check_run(check, replace(listening, sender=Flaky()))
    (again,) = take(queues, Queue.RUN_CONTROL)
    check_run(again, listening)

    assert len(ended(queues)) == 1


def test_an_end_with_more_to_say_than_a_message_holds_is_told_in_short(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    check = running(listening, queues)
    job = jobs.jobs[check.run_id]
    job.status = JobStatus.FAILED
    job.details = JobDetails(error_message="ä" * 200_000, outputs={"x": "y" * 200_000})

    check_run(check, listening)

    (event,) = ended(queues)
    assert (event.data["status"], event.data["error_message"]) == ("FAILED", "ä" * 1000)
    assert event.data["outputs"] is None
    assert not queues.sent[Queue.RUN_CONTROL]


# ends without a job


def test_the_rules_hear_of_a_job_that_was_deleted_and_whose_run_it_was(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    check = running(listening, queues, "first")
    del jobs.jobs[check.run_id]
    check_run(check, listening)
    assert not ended(queues)
    (second,) = take(queues, Queue.RUN_CONTROL)
    clock.advance(timedelta(minutes=11))

    check_run(second, listening)

    (event,) = ended(queues)
    assert (event.data["status"], event.data["error_code"]) == ("FAILED", "JOB_DELETED")
    assert belongs(event) == ("train", "c1", ["first"])


def belongs(event: AmlEvent) -> tuple[str, str, list[str]]:
    return event.data["pipeline"], event.data["correlation_id"], event.data["rule_chain"]


def dead_submit(bridge: Bridge, queues: MemoryQueues) -> CheckRun:
    """The check of a submit of the rules that the broker gave up."""
    origin = replace(request().origin, rule_chain=("first",))
    command = accepted(bridge, queues, replace(request(), origin=origin))
    handlers.dead(message(bodies.write(command), application_properties={}), Queue.RUN_COMMANDS, bridge)
    (check,) = take(queues, Queue.RUN_CONTROL)
    assert isinstance(check, CheckRun)
    return check


def test_the_rules_hear_of_a_submit_that_was_dead_lettered(listening: Bridge, queues: MemoryQueues) -> None:
    check_run(dead_submit(listening, queues), listening)

    (event,) = ended(queues)
    assert (event.data["status"], event.data["error_code"]) == ("FAILED", "DEAD_LETTERED")
    assert event.data["has_job"] is False
    assert belongs(event) == ("train", "c1", ["first"])


def test_the_rules_hear_whose_request_it_was_that_was_posted_to_the_queue_and_died(
    listening: Bridge, queues: MemoryQueues
) -> None:
    posted = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}, "correlation_id": "c5"}
    handlers.dead(message(posted, application_properties={}), Queue.RUN_COMMANDS, listening)
    (check,) = take(queues, Queue.RUN_CONTROL)

    check_run(check, listening)

    (event,) = ended(queues)
    assert belongs(event) == ("train", "c5", [])


def test_a_job_that_a_dead_submit_had_made_is_followed_with_all_that_is_known_of_it(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    check = dead_submit(listening, queues)
    submit_run(accepted(listening, queues, request()), listening)
    take(queues, Queue.RUN_CONTROL)
    check_run(check, listening)
    assert not ended(queues), "the job exists"
    (chain,) = take(queues, Queue.RUN_CONTROL)
    jobs.jobs.clear()
    check_run(replace(chain, missing_since=clock.now()), listening)
    clock.advance(timedelta(minutes=11))

    (last,) = take(queues, Queue.RUN_CONTROL)
    check_run(last, listening)

    (event,) = ended(queues)
    assert belongs(event) == ("train", "c1", ["first"])


@pytest.mark.parametrize("give_up", [True, False])
def test_the_rules_hear_of_a_submit_that_azure_ml_never_took(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs, give_up: bool
) -> None:
    error = ServiceUnavailable() if give_up else SubmissionRejected("no such component", code="USER_ERROR")
    jobs.failures.append(("submit", error))
    command = replace(accepted(listening, queues), try_=2 if give_up else 0)

    submit_run(command, listening)

    (event,) = ended(queues)
    assert (event.data["status"], event.data["error_code"]) == ("FAILED", "GAVE_UP" if give_up else "USER_ERROR")
    assert belongs(event) == ("train", "c1", [])
    assert event.data["tags"]["bridge_caller"] == "key"


def test_each_attempt_has_an_end_of_its_own(listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(listening, queues)
    ids = []
    for attempt in (1, 1, 2):
        jobs.failures.append(("submit", SubmissionRejected("no", code="USER_ERROR")))
        submit_run(replace(command, attempt=attempt), listening)
        (event,) = ended(queues)
        ids.append((event.id, event.data["attempt"]))

    assert ids[0] == ids[1]
    assert [attempt for _, attempt in ids] == [1, 1, 2]
    assert len(set(ids)) == 2


def test_a_run_that_may_not_run_any_more_is_an_end_but_a_refused_request_is_none(
    listening: Bridge, queues: MemoryQueues
) -> None:
    command = accepted(listening, queues)
    submit_request(request(pipeline="absent"), listening)
    assert (statuses(queues)[-1], ended(queues)) == ("REJECTED", [])

    submit_run(replace(command, workspace="elsewhere", accepted_at=None), listening)
    assert (statuses(queues)[-1], ended(queues)) == ("REJECTED", [])

    submit_run(replace(command, workspace="elsewhere"), listening)

    (event,) = ended(queues)
    assert event.data["error_code"] == "FOREIGN_WORKSPACE"


@pytest.mark.parametrize(
    "check",
    [
        CheckRun(run_id="r-" + "a" * 26, workspace="ws1", origin="e.1"),
        CheckRun(run_id="r-" + "a" * 26, workspace="ws1", origin="s.1"),
    ],
)
def test_a_hint_about_a_job_that_is_not_there_is_no_end(
    listening: Bridge, queues: MemoryQueues, check: CheckRun
) -> None:
    check_run(check, listening)

    assert not any(queues.sent.values())


def test_an_end_that_azure_ml_does_not_tell_is_none_yet(
    listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    check = running(listening, queues)
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED
    jobs.failures.append(("get", AccessDenied("no role", code="ACCESS_DENIED")))

    check_run(check, listening)

    assert not ended(queues)
    assert not statuses(queues)


def test_a_command_reads_its_tags_back_from_the_queue(listening: Bridge, queues: MemoryQueues) -> None:
    check = running(listening, queues, "first", "second")

    assert check.tags == {
        "bridge_pipeline": "train",
        "bridge_correlation_id": "c1",
        "bridge_trace_id": Trace.derived("c1").trace_id,
        "bridge_rule_chain": "first,second",
    }
    assert isinstance(accepted(listening, queues, request("k9")), SubmitRun)
