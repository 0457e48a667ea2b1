"""Every row about a run knows the run's trace, whoever writes it and however late."""

from dataclasses import replace
from datetime import timedelta

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.commands import CancelRun, SubmitRun
from bridge.domain.context import about
from bridge.domain.errors import ServiceUnavailable, SubmissionRejected
from bridge.domain.events import RunEvent
from bridge.domain.queues import Queue
from bridge.domain.trace import Trace
from bridge.handlers import queues as handlers
from bridge.ports import Bridge
from bridge.services.cancel_run import cancel_run
from bridge.services.check_run import check_run
from bridge.services.ingest_event import ingest_event
from bridge.services.submit_run import submit_run
from tests.unit.invocations import message
from tests.unit.occasions import RETRAIN, drift, open_to_rules, rule, run_changed, take, with_rules
from tests.unit.requests import accepted, reported, request

TRACE = Trace(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331")


def traced(bridge: Bridge, queues: MemoryQueues, key: str = "k", **inputs: str) -> SubmitRun:
    wanted = request(key, **inputs)
    return accepted(bridge, queues, replace(wanted, origin=replace(wanted.origin, traceparent=TRACE.traceparent)))


def new_rows(queues: MemoryQueues, *statuses: str) -> list[RunEvent]:
    """What was reported last, which has to be this."""
    rows = reported(queues)[-len(statuses) :]
    assert [row.status for row in rows] == list(statuses)
    return rows


def assert_traced(rows: list[RunEvent]) -> None:
    assert {row.trace_id for row in rows} == {TRACE.trace_id}


def test_a_try_that_failed(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.failures.append(("submit", ServiceUnavailable("away")))
    submit_run(traced(bridge, queues), bridge)

    assert_traced(new_rows(queues, "ACCEPTED", "SUBMITTING", "RETRY_SCHEDULED"))


def test_a_submission_that_was_refused(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.failures.append(("submit", SubmissionRejected("no", code="INVALID_JOB")))
    submit_run(traced(bridge, queues), bridge)

    assert_traced(new_rows(queues, "FAILED"))


def test_a_conflict_is_in_the_trace_of_whoever_came_second(bridge: Bridge, queues: MemoryQueues) -> None:
    submit_run(accepted(bridge, queues, request("k", as_of="2026-11-01")), bridge)
    submit_run(traced(bridge, queues, as_of="2026-11-02"), bridge)

    assert_traced(new_rows(queues, "CONFLICT"))


def test_what_a_check_finds(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    submit_run(traced(bridge, queues), bridge)
    (check,) = take(queues, Queue.RUN_CONTROL)
    for status in ("RUNNING", "COMPLETED"):
        jobs.jobs[check.run_id].status = status
        check_run(check, bridge)

    assert_traced(new_rows(queues, "SUBMITTED", "RUNNING", "COMPLETED"))


def test_a_timeout(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    wanted = request("k", pipeline="limited")
    origin = replace(wanted.origin, traceparent=TRACE.traceparent)
    submit_run(accepted(bridge, queues, replace(wanted, origin=origin)), bridge)
    (check,) = take(queues, Queue.RUN_CONTROL)
    clock.advance(timedelta(hours=2))
    check_run(check, bridge)

    assert_traced(new_rows(queues, "CANCEL_REQUESTED"))


def test_a_job_that_was_deleted(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock) -> None:
    submit_run(traced(bridge, queues), bridge)
    (check,) = take(queues, Queue.RUN_CONTROL)
    jobs.jobs.clear()
    clock.advance(timedelta(minutes=11))
    check_run(replace(check, missing_since=clock.now()), bridge)

    (row,) = new_rows(queues, "FAILED")
    assert (row.pipeline, row.error_code, row.trace_id) == ("train", "JOB_DELETED", TRACE.trace_id)


def test_a_submit_that_died(bridge: Bridge, queues: MemoryQueues) -> None:
    command = traced(bridge, queues)
    handlers.dead(message(queues.text(command)), Queue.RUN_COMMANDS, bridge)
    (check,) = take(queues, Queue.RUN_CONTROL)
    check_run(check, bridge)

    (row,) = new_rows(queues, "FAILED")
    assert (row.pipeline, row.error_code, row.trace_id) == ("train", "DEAD_LETTERED", TRACE.trace_id)


def test_a_cancel(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    command = traced(bridge, queues)
    submit_run(command, bridge)
    cancel_run(CancelRun(run_id=command.run_id, workspace=None, requested_at=clock.now(), principal="key"), bridge)

    assert_traced(new_rows(queues, "CANCEL_REQUESTED"))


def test_an_event_on_the_way(bridge: Bridge, queues: MemoryQueues) -> None:
    tags = {"bridge": bridge.name, "bridge_pipeline": "train", "bridge_trace_id": TRACE.trace_id}
    ingest_event(run_changed(bridge, "Running", RunTags=tags), bridge)

    assert_traced(new_rows(queues, "RUNNING"))


def test_a_run_that_a_rule_starts_is_in_the_trace_that_led_to_it(bridge: Bridge, queues: MemoryQueues) -> None:
    again = with_rules(open_to_rules(bridge), rule("again", "DatasetDriftDetected", RETRAIN))
    with about(trace=TRACE):
        ingest_event(drift(again), again)

    (command,) = take(queues, Queue.RUN_COMMANDS)
    assert command.origin.trace_id == TRACE.trace_id
