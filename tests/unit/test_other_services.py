"""Cancelling, ingesting, sweeping, and keeping dead letters."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events, identity
from bridge.domain.commands import CancelRun, CheckRun
from bridge.domain.errors import AccessDenied, ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records, dead_letter
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.ports import Bridge
from bridge.services.cancel_run import cancel_run, request_cancel
from bridge.services.check_run import check_run
from bridge.services.ingest_event import ingest_event
from bridge.services.keep_dead_letter import DeadMessage, keep_dead_letter
from bridge.services.report import send_records
from bridge.services.submit_run import submit_run
from bridge.services.sweep_jobs import sweep_jobs
from tests.conftest import WORKSPACE_ID
from tests.unit.requests import KEY, accepted, put_aside, reported, request, statuses


def submitted(bridge: Bridge, queues: MemoryQueues, key: str = "k1") -> str:
    """The run id of a submitted run; the queues are empty afterwards."""
    command = accepted(bridge, queues, request(key))
    submit_run(command, bridge)
    for messages in queues.sent.values():
        messages.clear()
    return command.run_id


def run_event(run_id: str, status: str, bridge: Bridge, **change: object) -> AmlEvent:
    event = AmlEvent(
        id="event-1",
        event_type="Microsoft.MachineLearningServices.RunStatusChanged",
        subject=f"experiments/x/runs/{run_id}",
        event_time=bridge.clock.now(),
        data={"runId": run_id, "runStatus": status, "runTags": {"bridge": "bridge", "bridge_pipeline": "train"}},
        topic=WORKSPACE_ID,
        door="workspace",
    )
    return replace(event, **change)  # type: ignore[arg-type]


# cancelling


def take_cancel(queues: MemoryQueues) -> CancelRun:
    message = queues.sent[Queue.RUN_CONTROL].pop()
    assert isinstance(message.body, CancelRun)
    return message.body


def test_a_running_job_is_cancelled_and_looked_at_soon(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    run_id = submitted(bridge, queues)
    request_cancel(run_id, KEY, bridge)

    cancel_run(take_cancel(queues), bridge)

    assert jobs.jobs[run_id].status == JobStatus.CANCEL_REQUESTED
    assert statuses(queues) == ["CANCEL_REQUESTED"]
    assert isinstance(queues.sent[Queue.RUN_CONTROL][0].body, CheckRun)


def test_a_cancel_that_overtook_its_submit_waits_for_it(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)
    request_cancel(command.run_id, KEY, bridge)
    first = take_cancel(queues)
    cancel_run(first, bridge)
    again = take_cancel(queues)
    submit_run(command, bridge)
    queues.sent[Queue.RUN_CONTROL].clear()

    cancel_run(again, bridge)

    assert first.message_id != again.message_id
    assert jobs.jobs[command.run_id].status == JobStatus.CANCEL_REQUESTED


def test_a_cancel_waits_a_day_at_most_and_says_so(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    request_cancel("r-" + "a" * 26, KEY, bridge)
    clock.advance(timedelta(hours=24))

    cancel_run(take_cancel(queues), bridge)

    assert statuses(queues) == ["CANCEL_IGNORED"]
    assert not queues.sent[Queue.RUN_CONTROL]


def test_a_cancel_that_waited_for_hours_survives_one_error(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    request_cancel("r-" + "a" * 26, KEY, bridge)
    jobs.failures.append(("get", ServiceUnavailable()))

    cancel_run(replace(take_cancel(queues), try_=500), bridge)

    assert take_cancel(queues).try_ == 501


def test_a_cancel_ends_when_its_run_has_ended_without_a_job(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    failed = events.bridge_fact("r-" + "a" * 26, BridgeStatus.FAILED, 1, bridge.clock.now())
    ledger.write(Records(run_events=(failed,)))
    request_cancel(failed.run_id, KEY, bridge)

    cancel_run(take_cancel(queues), bridge)

    assert statuses(queues) == ["CANCEL_IGNORED"]
    assert not queues.sent[Queue.RUN_CONTROL]


def test_an_ended_run_is_not_cancelled(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    run_id = submitted(bridge, queues)
    jobs.jobs[run_id].status = JobStatus.COMPLETED
    request_cancel(run_id, KEY, bridge)

    cancel_run(take_cancel(queues), bridge)

    assert jobs.jobs[run_id].status == JobStatus.COMPLETED
    assert statuses(queues) == ["CANCEL_IGNORED"]


@pytest.mark.parametrize("error", [ServiceUnavailable(), AccessDenied("no role", code="ACCESS_DENIED")])
def test_a_cancel_that_azure_ml_does_not_take_comes_again(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, error: Exception
) -> None:
    run_id = submitted(bridge, queues)
    jobs.failures.append(("cancel", error))
    request_cancel(run_id, KEY, bridge)

    cancel_run(take_cancel(queues), bridge)

    assert take_cancel(queues).try_ == 1


# ingesting


def test_a_status_on_the_way_becomes_a_fact(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest_event(run_event("r-" + "a" * 26, "Running", bridge), bridge)

    assert statuses(queues) == ["RUNNING"]
    assert not queues.sent[Queue.RUN_CONTROL]


@pytest.mark.parametrize("status", ["Completed", "failed", "Canceled"])
def test_an_end_is_only_a_reason_to_look(bridge: Bridge, queues: MemoryQueues, status: str) -> None:
    ingest_event(run_event("r-" + "a" * 26, status, bridge), bridge)

    assert not reported(queues)
    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert isinstance(message.body, CheckRun)
    assert message.body.step is None


def test_keys_are_read_without_regard_to_case(bridge: Bridge, queues: MemoryQueues) -> None:
    data = {"RunId": "r-" + "a" * 26, "RunStatus": "running", "RunTags": {"bridge": "bridge"}}

    ingest_event(run_event("", "", bridge, data=data), bridge)

    assert statuses(queues) == ["RUNNING"]


def test_run_completed_means_completed(bridge: Bridge, queues: MemoryQueues) -> None:
    kind = "Microsoft.MachineLearningServices.RunCompleted"

    ingest_event(run_event("r-" + "a" * 26, "", bridge, event_type=kind), bridge)

    assert len(queues.sent[Queue.RUN_CONTROL]) == 1


@pytest.mark.parametrize(
    "change",
    [{"door": "custom"}, {"topic": WORKSPACE_ID.replace("ws1", "ws2")}, {"topic": ""}],
)
def test_azure_mls_events_count_only_from_our_workspaces_own_door(
    bridge: Bridge, queues: MemoryQueues, change: dict[str, object]
) -> None:
    ingest_event(run_event("r-" + "a" * 26, "Completed", bridge, **change), bridge)

    assert not any(queues.sent.values())


@pytest.mark.parametrize("run_id", ["someone-elses-job", "", "r-short"])
def test_events_of_other_runs_are_no_runs_of_ours(bridge: Bridge, queues: MemoryQueues, run_id: str) -> None:
    ingest_event(run_event(run_id, "Running", bridge), bridge)

    assert not any(queues.sent.values())


def test_an_event_without_our_tag_proves_nothing_but_is_checked(bridge: Bridge, queues: MemoryQueues) -> None:
    data = {"runId": "r-" + "a" * 26, "runStatus": "Running"}

    ingest_event(run_event("", "", bridge, data=data), bridge)

    assert not reported(queues)
    assert len(queues.sent[Queue.RUN_CONTROL]) == 1


def test_another_bridges_run_is_left_alone(bridge: Bridge, queues: MemoryQueues) -> None:
    data = {"runId": "r-" + "a" * 26, "runStatus": "Running", "runTags": {"bridge": "other"}}

    ingest_event(run_event("", "", bridge, data=data), bridge)

    assert not any(queues.sent.values())


def test_model_events_are_kept(bridge: Bridge, queues: MemoryQueues) -> None:
    kind = "Microsoft.MachineLearningServices.ModelRegistered"

    ingest_event(run_event("", "", bridge, event_type=kind, data={"ModelName": "churn"}), bridge)

    (message,) = queues.sent[Queue.RUN_EVENTS]
    assert [event.data for event in message.body.aml_events] == [{"ModelName": "churn"}]  # type: ignore[union-attr]


# sweeping


def test_the_sweep_checks_what_the_ledger_does_not_show_as_ended(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, ledger: MemoryLedger
) -> None:
    lost, known = submitted(bridge, queues, "a"), submitted(bridge, queues, "b")
    for run_id in (lost, known):
        jobs.jobs[run_id].status = JobStatus.COMPLETED
    ledger.write(Records(run_events=(events.job_fact(known, JobStatus.COMPLETED, bridge.clock.now()),)))

    result = sweep_jobs(bridge)

    assert (result.jobs, result.checks) == (2, 1)
    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert message.body.run_id == lost  # type: ignore[union-attr]


def test_the_sweep_spreads_its_checks_within_the_budget_of_azure_ml(bridge: Bridge, queues: MemoryQueues) -> None:
    for key in range(12):
        submitted(bridge, queues, str(key))
    queues.sent[Queue.RUN_CONTROL].clear()

    sweep_jobs(bridge)

    now = bridge.clock.now()
    later = [message.due - now for message in queues.sent[Queue.RUN_CONTROL] if message.due]
    assert [wait.total_seconds() for wait in later] == [1, 1, 1, 1, 1, 2, 2]
    assert len(queues.sent[Queue.RUN_CONTROL]) == 12


def test_the_sweep_leaves_older_jobs_alone(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    submitted(bridge, queues)
    clock.advance(timedelta(days=4))

    assert sweep_jobs(bridge).jobs == 0


# dead letters


def test_a_dead_submit_without_a_job_ends_the_run_as_failed(bridge: Bridge, queues: MemoryQueues) -> None:
    command = accepted(bridge, queues)
    dead = DeadMessage(
        queue="run-commands",
        message_id="m1",
        body=queues.text(command),
        reason="MaxDeliveryCountExceeded",
        description="",
        submit=command,
    )
    keep_dead_letter(dead, bridge)
    check = queues.sent[Queue.RUN_CONTROL].pop().body
    assert isinstance(check, CheckRun)

    check_run(check, bridge)

    (letter,) = put_aside(queues)
    assert letter.run_id == command.run_id
    last = reported(queues)[-1]
    assert (last.status, last.is_job_fact) == ("FAILED", False)
    assert letter.dead_letter_id in str(last.error_message)


def test_a_dead_submit_whose_job_exists_is_followed(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    jobs.jobs[command.run_id].status = JobStatus.RUNNING
    queues.sent[Queue.RUN_CONTROL].clear()
    dead = DeadMessage(queue="run-commands", message_id="m", body="", reason="r", description="", submit=command)
    keep_dead_letter(dead, bridge)
    check = queues.sent[Queue.RUN_CONTROL].pop().body
    assert isinstance(check, CheckRun)

    check_run(check, bridge)

    assert reported(queues)[-1].status == "RUNNING"
    assert "FAILED" not in statuses(queues)
    followed = queues.sent[Queue.RUN_CONTROL][-1].body
    assert isinstance(followed, CheckRun)
    assert followed.step == 1


def test_a_dead_request_that_was_posted_to_the_queue_is_settled_as_well(bridge: Bridge, queues: MemoryQueues) -> None:
    posted = request("posted")
    dead = DeadMessage(queue="run-commands", message_id="m", body="", reason="r", description="", submit=posted)

    keep_dead_letter(dead, bridge)

    check = queues.sent[Queue.RUN_CONTROL].pop().body
    assert isinstance(check, CheckRun)
    assert (check.run_id, check.workspace) == (identity.run_id("bridge", "train", "posted"), "ws1")
    assert put_aside(queues)[0].run_id == check.run_id


def test_a_dead_check_of_the_chain_is_not_the_end_of_the_chain(bridge: Bridge, queues: MemoryQueues) -> None:
    check = CheckRun(run_id="r-" + "a" * 26, workspace="ws1", step=1, submitted_at=bridge.clock.now())

    keep_dead_letter(
        DeadMessage(queue="run-control", message_id="m", body="", reason="r", description="", check=check), bridge
    )

    following = queues.sent[Queue.RUN_CONTROL].pop().body
    assert isinstance(following, CheckRun)
    assert following.step == 2


def test_a_record_that_no_message_can_hold_is_sent_without_its_bulk(bridge: Bridge, queues: MemoryQueues) -> None:
    huge = "ä" * 300_000
    rejected = events.bridge_fact(
        "r-x", BridgeStatus.REJECTED, 1, bridge.clock.now(), inputs={huge: huge}, error_message=huge
    )
    event = AmlEvent(id="e", event_type="t", subject="s", data={"x": huge}, topic="t", door="custom")
    letter = dead_letter(
        queue="q", message_id="m", body="\0" * 60_000, reason="r", description="d", run_id=None, at=bridge.clock.now()
    )

    send_records(Records(run_events=(rejected,), aml_events=(event,), dead_letters=(letter,)), bridge)

    (row,) = reported(queues)
    assert (row.status, row.inputs) == ("REJECTED", None)
    assert len(put_aside(queues)) == 1
    assert [each.id for message in queues.sent[Queue.RUN_EVENTS] for each in message.body.aml_events] == ["e"]  # type: ignore[union-attr]


def test_a_workspace_is_known_in_any_spelling(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest_event(run_event("r-" + "a" * 26, "Completed", bridge, topic=WORKSPACE_ID.upper()), bridge)

    assert queues.sent[Queue.RUN_CONTROL][0].body.workspace == "ws1"  # type: ignore[union-attr]


def test_a_dead_letters_body_is_cut_and_its_whole_hash_kept(bridge: Bridge, queues: MemoryQueues) -> None:
    for body in ("x" * 100_000, "x" * 100_001):
        keep_dead_letter(
            DeadMessage(queue="inbound-events", message_id="m", body=body, reason="POISON", description=""), bridge
        )

    first, second = put_aside(queues)
    assert len(first.body) == len(second.body) == 60_000
    assert first.body_sha256 != second.body_sha256
