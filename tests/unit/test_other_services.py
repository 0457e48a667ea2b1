"""Cancelling, recording, ingesting, sweeping, and keeping dead letters."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events, identity
from bridge.domain.commands import CancelRun, CheckRun
from bridge.domain.errors import AccessDenied, RefusedData, ServiceUnavailable
from bridge.domain.records import AmlEvent, Records, dead_letter
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.ports import Bridge, Queue
from bridge.services.cancel_run import cancel_run, request_cancel
from bridge.services.check_run import check_run
from bridge.services.ingest_event import ingest_event
from bridge.services.keep_dead_letter import DeadMessage, keep_dead_letter
from bridge.services.record_events import BUDGET, record_events
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


# recording


def facts(count: int, bridge: Bridge) -> Records:
    now = bridge.clock.now()
    return Records(run_events=tuple(events.job_fact(f"run-{i}", "RUNNING", now) for i in range(count)))


def test_a_batch_is_one_write(bridge: Bridge, ledger: MemoryLedger) -> None:
    record_events([facts(1000, bridge)], bridge)

    assert ledger.writes == [1000]


def test_while_the_ledger_is_away_the_batch_is_put_off_to_one_moment(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    ledger.failures += [ServiceUnavailable(), ServiceUnavailable(retry_after=timedelta(seconds=15))]
    started = clock.now()

    record_events([facts(3000, bridge)], bridge)
    clock.advance(timedelta(seconds=1))
    record_events([replace(facts(3000, bridge), try_=1)], bridge)

    messages = queues.sent[Queue.RUN_EVENTS]
    assert started.second % 20 == 0
    assert {message.due for message in messages} == {started + timedelta(seconds=10), started + timedelta(seconds=20)}
    assert len({message.message_id for message in messages}) == len(messages)
    assert len(reported(queues)) == 6000


def test_what_is_put_off_within_an_outage_meets_at_one_moment(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    ledger.failures += [ServiceUnavailable()] * 60

    for _ in range(60):  # ten minutes of batches that have failed before
        record_events([replace(facts(10, bridge), try_=9)], bridge)
        clock.advance(timedelta(seconds=9.9))

    assert len({message.due for message in queues.sent[Queue.RUN_EVENTS]}) == 1


def test_it_never_gives_up_on_the_ledger(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    ledger.failures.append(ServiceUnavailable())

    record_events([replace(facts(1, bridge), try_=10_000)], bridge)

    assert len(queues.sent[Queue.RUN_EVENTS]) == 1


def test_what_follows_a_part_that_the_ledger_did_not_take_is_put_off_without_asking_again(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    ledger.failures.append(ServiceUnavailable())

    record_events([facts(10, bridge), Records(), facts(20, bridge)], bridge)

    assert ledger.writes == []
    assert len(reported(queues)) == 30
    assert {message.body.try_ for message in queues.sent[Queue.RUN_EVENTS] if isinstance(message.body, Records)} == {1}


def test_a_slow_ledger_gets_the_rest_later_so_that_no_lock_runs_out(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    def parts() -> Iterator[Records]:
        yield facts(10, bridge)
        clock.advance(BUDGET)
        yield facts(20, bridge)
        clock.advance(timedelta(seconds=1))
        yield facts(30, bridge)

    record_events(parts(), bridge)

    assert ledger.writes == [10, 20]
    assert len(reported(queues)) == 30


def test_a_slow_search_for_a_refused_row_goes_on_later_where_it_was(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.refused_runs = {"run-63"}
    write = ledger.write

    def slow(records: Records) -> None:
        clock.advance(BUDGET / 2)
        write(records)

    monkeypatch.setattr(ledger, "write", slow)

    record_events([facts(64, bridge)], bridge)

    assert ledger.writes == [32], "of three writes, all and the second half were refused"
    assert [len(message.body) for message in queues.sent[Queue.RUN_EVENTS] if isinstance(message.body, Records)] == [
        16,
        16,
    ]


def test_only_the_refused_row_leaves_the_batch(bridge: Bridge, ledger: MemoryLedger) -> None:
    ledger.refused_runs = {"run-41"}

    record_events([facts(100, bridge)], bridge)

    assert len(ledger.records.run_events) == 99
    (letter,) = ledger.records.dead_letters
    assert (letter.run_id, letter.reason) == ("run-41", "REFUSED_BY_LEDGER")


def test_a_refused_dead_letter_stays_with_the_broker(bridge: Bridge, ledger: MemoryLedger) -> None:
    ledger.failures += [RefusedData("no", code="1"), RefusedData("no", code="1")]

    with pytest.raises(RefusedData):
        record_events([facts(1, bridge)], bridge)


def test_when_ledger_and_queue_are_away_the_broker_keeps_the_batch(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    ledger.failures.append(ServiceUnavailable())
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        record_events([facts(1, bridge)], bridge)


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
