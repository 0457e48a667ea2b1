"""Who may run a pipeline is asked wherever a run is touched: at the door, before the job, for cancels and replays."""

import logging
from dataclasses import replace

import pytest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import CancelRun, Origin, SubmitRun
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.queues import Queue
from bridge.domain.records import Records, dead_letter
from bridge.domain.statuses import JobStatus
from bridge.handlers.dead_letters import read_letter
from bridge.ports import Bridge
from bridge.services.accept_runs import RunRequest, accept_runs
from bridge.services.cancel_run import cancel_run, request_cancel
from bridge.services.replay_dead_letters import ReplayRequest, replay_dead_letters
from bridge.services.submit_run import submit_run
from tests.conftest import pipeline
from tests.unit.requests import reported, request, statuses

APP = "app:00000000-0000-0000-0000-000000000009"
TEAM = CallerIdentity(principal=APP, roles=("ML_TEAM",))
SUBMITTER = CallerIdentity(principal=APP, app_roles=("Bridge.Submit",))
STRANGER = CallerIdentity(principal=APP, roles=("PUBLIC",), app_roles=("Bridge.Read",))
ALLOW = Allow(principals=frozenset({"approle:Bridge.Submit"}), roles=frozenset({"ML_TEAM"}))


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    return replace(bridge, catalogue=Catalogue([replace(pipeline("train"), allow=ALLOW), pipeline("limited")]))


def wanted(caller: CallerIdentity, key: str = "k1", name: str = "train") -> RunRequest:
    origin = Origin(
        source="http", principal=caller.principal, correlation_id="c1", roles=caller.roles, app_roles=caller.app_roles
    )
    return replace(request(key, name), origin=origin)


def started(bridge: Bridge, queues: MemoryQueues) -> str:
    """The id of a run of the team's whose job there is."""
    accept_runs([wanted(TEAM)], bridge)
    command = queues.sent[Queue.RUN_COMMANDS].pop().body
    assert isinstance(command, SubmitRun)
    submit_run(command, bridge)
    for messages in queues.sent.values():
        messages.clear()
    return command.run_id


@pytest.mark.parametrize("caller", [TEAM, SUBMITTER])
def test_a_role_is_enough_from_the_door_to_the_job(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, caller: CallerIdentity
) -> None:
    (answer,) = accept_runs([wanted(caller)], bridge)
    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert isinstance(message.body, SubmitRun)
    submit_run(message.body, bridge)

    assert list(jobs.jobs) == [answer.run_id]


def test_without_a_role_nothing_is_queued(bridge: Bridge, queues: MemoryQueues) -> None:
    (answer,) = accept_runs([wanted(STRANGER)], bridge)

    assert [violation.code for violation in answer.violations] == ["NOT_ALLOWED"]
    assert '"PUBLIC"' in answer.violations[0].message
    assert not queues.sent[Queue.RUN_COMMANDS]


def test_a_role_that_was_taken_away_meanwhile_ends_the_run(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    accept_runs([wanted(TEAM)], bridge)
    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert isinstance(message.body, SubmitRun)
    narrower = replace(pipeline("train"), allow=replace(ALLOW, roles=frozenset({"OTHERS"})))

    submit_run(message.body, replace(bridge, catalogue=Catalogue([narrower])))

    assert not jobs.jobs
    assert reported(queues)[-1].error_code == "NOT_ALLOWED"


@pytest.mark.parametrize("caller", [TEAM, SUBMITTER])
def test_whoever_may_run_a_pipeline_may_cancel_its_runs(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, caller: CallerIdentity
) -> None:
    run_id = started(bridge, queues)

    cancel(run_id, caller, bridge, queues)

    assert jobs.jobs[run_id].status == JobStatus.CANCEL_REQUESTED


def test_nobody_else_may_cancel_them(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = started(bridge, queues)
    before = jobs.jobs[run_id].status

    cancel(run_id, STRANGER, bridge, queues)

    assert jobs.jobs[run_id].status == before
    assert "cancel" not in jobs.calls
    (note,) = reported(queues)
    assert note.status == "CANCEL_IGNORED"
    assert "may not run" in (note.payload or {})["message"]
    assert [record.levelno for record in caplog.records if run_id in record.getMessage()] == [logging.WARNING]


def test_a_pipeline_that_is_gone_allows_nobody(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    run_id = started(bridge, queues)
    before = jobs.jobs[run_id].status

    cancel(run_id, TEAM, replace(bridge, catalogue=Catalogue([pipeline("limited")])), queues)

    assert jobs.jobs[run_id].status == before
    assert statuses(queues) == ["CANCEL_IGNORED"]


def cancel(run_id: str, caller: CallerIdentity, bridge: Bridge, queues: MemoryQueues) -> None:
    """From the request to what `control` makes of it, over the queue's text."""
    request_cancel(run_id, caller, bridge)
    (message,) = queues.sent[Queue.RUN_CONTROL]
    queues.sent[Queue.RUN_CONTROL].clear()
    assert isinstance(message.body, CancelRun)
    cancel_run(message.body, bridge)


@pytest.mark.parametrize(("caller", "is_replayed"), [(TEAM, True), (SUBMITTER, True), (STRANGER, False)])
def test_whoever_replays_a_submit_has_to_be_allowed_its_pipeline(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, caller: CallerIdentity, is_replayed: bool
) -> None:
    accept_runs([wanted(TEAM)], bridge)
    command = queues.sent[Queue.RUN_COMMANDS].pop().body
    assert isinstance(command, SubmitRun)
    letter = dead_letter(
        queue=Queue.RUN_COMMANDS,
        message_id="m1",
        body=queues.text(command),
        reason="GAVE_UP",
        description="",
        run_id=command.run_id,
        at=bridge.clock.now(),
    )
    ledger.write(Records(dead_letters=(letter,)))

    (answer,) = replay_dead_letters(
        [ReplayRequest(dead_letter_id=letter.dead_letter_id, caller=caller)], read_letter, bridge
    )

    assert [violation.code for violation in answer.violations] == ([] if is_replayed else ["NOT_ALLOWED"])
    assert len(queues.sent[Queue.RUN_COMMANDS]) == is_replayed


def test_rejections_are_one_line_without_a_word_of_the_callers(
    bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    strange = "drop\ntable; s3cret"
    rows = [wanted(STRANGER, f"k{number}", name) for number, name in enumerate(["train", "train", strange, "limited"])]

    accept_runs(rows, bridge)

    (record,) = [record for record in caplog.records if record.name == "bridge.services.accept_runs"]
    assert record.levelno == logging.WARNING
    found = record.getMessage()
    assert found == (
        f"of 4 requests by {APP}, http: 2 NOT_ALLOWED (train), 1 UNKNOWN_PIPELINE (no pipeline), "
        "1 NOT_ALLOWED (limited)"
    )
