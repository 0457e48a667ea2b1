"""Replaying dead letters: what a message had asked for is asked for again, or it is said why not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events, identity
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.inputs import Violation
from bridge.domain.pipelines import Catalogue
from bridge.domain.queues import Queue
from bridge.domain.records import DeadLetter, Records, dead_letter
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.handlers.dead_letters import read_letter
from bridge.ports import Bridge
from bridge.services.check_run import check_run
from bridge.services.keep_dead_letter import DeadMessage, keep_dead_letter
from bridge.services.replay_dead_letters import ReplayAnswer, ReplayRequest, replay_dead_letters
from bridge.services.submit_run import submit_run
from tests.unit.invocations import sample
from tests.unit.requests import KEY, accepted, reported, request, statuses

RUN_ID = "r-" + "a" * 26
GOOD = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}


def kept(ledger: MemoryLedger, queue: str, body: str | Mapping[str, Any], **change: Any) -> DeadLetter:
    """A letter that the ledger has."""
    text = body if isinstance(body, str) else json.dumps(body)
    facts: dict[str, Any] = {"message_id": "m1", "reason": "POISON", "description": "", "run_id": None}
    letter = dead_letter(queue=queue, body=text, at=MemoryClock().now(), **facts | change)
    ledger.write(Records(dead_letters=(letter,)))
    return letter


def replay(bridge: Bridge, *letters: DeadLetter, occasion: str | None = None) -> list[ReplayAnswer]:
    requests = [
        ReplayRequest(dead_letter_id=letter.dead_letter_id, caller=KEY, occasion=occasion) for letter in letters
    ]
    return replay_dead_letters(requests, read_letter, bridge)


def refused(bridge: Bridge, letter: DeadLetter) -> Violation:
    (answer,) = replay(bridge, letter)
    return answer.violations[0]


def sent(queues: MemoryQueues, queue: Queue) -> list[Any]:
    return [message.body for message in queues.sent[queue]]


# submits


@pytest.fixture
def dead(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> SubmitRun:
    """A submit that was given up: its letter is kept, its run FAILED, and the queues are empty."""
    command = accepted(bridge, queues)
    message = DeadMessage(
        queue=Queue.RUN_COMMANDS,
        message_id=command.message_id,
        body=queues.text(replace(command, try_=7, waits=3, waiting_since=bridge.clock.now())),
        reason="MaxDeliveryCountExceeded",
        description="",
        submit=command,
    )
    keep_dead_letter(message, bridge)
    check = queues.sent[Queue.RUN_CONTROL].pop().body
    assert isinstance(check, CheckRun)
    check_run(check, bridge)
    record(queues, ledger)
    assert shown(ledger, command.run_id) == ("FAILED", 1)
    return command


def record(queues: MemoryQueues, ledger: MemoryLedger) -> None:
    for body in sent(queues, Queue.RUN_EVENTS):
        ledger.write(body)
    queues.sent[Queue.RUN_EVENTS].clear()


def shown(ledger: MemoryLedger, run_id: str) -> tuple[str, int]:
    row = ledger.run(run_id)
    assert row is not None
    return row["status"], row["attempt"]


def test_a_submit_is_tried_again_as_the_next_attempt_of_the_same_run(
    dead: SubmitRun, bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    (letter,) = ledger.records.dead_letters

    (answer,) = replay(bridge, letter)

    assert sent(queues, Queue.RUN_COMMANDS) == [replace(dead, attempt=2, try_=0)]
    assert (answer.queue, answer.run_id, answer.attempt, answer.violations) == ("run-commands", dead.run_id, 2, ())


def test_a_replayed_run_is_seen_as_live_and_by_whom(
    dead: SubmitRun, bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    (letter,) = ledger.records.dead_letters
    replay(bridge, letter)
    (fact,) = reported(queues)
    record(queues, ledger)

    row = ledger.run(dead.run_id)

    assert fact.payload == {"replayed_by": "key", "dead_letter_id": letter.dead_letter_id}
    assert row is not None
    assert (row["status"], row["attempt"], row["error_code"]) == ("ACCEPTED", 2, None)
    assert (row["principal"], row["pipeline"]) == (dead.origin.principal, "train")


def test_a_replayed_submit_makes_the_job(
    dead: SubmitRun, bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, jobs: MemoryJobs
) -> None:
    replay(bridge, *ledger.records.dead_letters)

    submit_run(sent(queues, Queue.RUN_COMMANDS)[0], bridge)
    record(queues, ledger)

    assert list(jobs.jobs) == [dead.run_id]
    assert shown(ledger, dead.run_id)[0] == "SUBMITTED"


def test_the_attempt_is_later_than_any_that_the_ledger_knows(
    dead: SubmitRun, bridge: Bridge, ledger: MemoryLedger
) -> None:
    failed = events.bridge_fact(dead.run_id, BridgeStatus.FAILED, 6, bridge.clock.now())
    ledger.write(Records(run_events=(failed,)))

    (answer,) = replay(bridge, *ledger.records.dead_letters)

    assert answer.attempt == 7


def test_the_attempt_is_later_than_the_letters_own(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    command = replace(accepted(bridge, queues), attempt=3)
    letter = kept(ledger, "run-commands", queues.text(command))

    (answer,) = replay(bridge, letter)

    assert answer.attempt == 4


@pytest.mark.parametrize("order", [(1, -1), (-1, 1)])
def test_two_letters_of_one_run_are_both_its_latest_attempt(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, order: tuple[int, int]
) -> None:
    command = accepted(bridge, queues)
    bodies = [queues.text(replace(command, attempt=3 + each)) for each in order]

    answers = replay(bridge, *(kept(ledger, "run-commands", body) for body in bodies))

    assert [answer.attempt for answer in answers] == [5, 5]


def test_two_letters_of_one_submit_are_one_command(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    body = queues.text(accepted(bridge, queues))
    letters = [kept(ledger, "run-commands", body, reason=reason) for reason in ("GAVE_UP", "POISON")]

    first, second = replay(bridge, *letters)

    assert (first.run_id, first.attempt) == (second.run_id, second.attempt)
    assert len(sent(queues, Queue.RUN_COMMANDS)) == 1


def test_a_request_in_short_form_keeps_the_run_that_its_message_id_named(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    letter = kept(ledger, "run-commands", GOOD, message_id="from-a-script-17")

    (answer,) = replay(bridge, letter)

    (command,) = sent(queues, Queue.RUN_COMMANDS)
    assert command.run_id == answer.run_id == identity.run_id("bridge", "train", "from-a-script-17")
    assert (command.origin.principal, command.origin.correlation_id) == ("queue:run-commands", "from-a-script-17")
    assert (command.attempt, command.accepted_at, command.inputs["rows"]) == (2, None, 1000)


def test_a_request_in_short_form_keeps_its_own_key(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    whole = {**GOOD, "idempotency_key": "mine", "correlation_id": "c-9", "rerun_of": RUN_ID}

    (answer,) = replay(bridge, kept(ledger, "run-commands", whole))

    (command,) = sent(queues, Queue.RUN_COMMANDS)
    assert answer.run_id == identity.run_id("bridge", "train", "mine")
    assert (command.origin.correlation_id, command.rerun_of) == ("c-9", RUN_ID)


def test_a_request_that_may_not_run_today_is_refused_with_all_that_is_wrong(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    letter = kept(ledger, "run-commands", {"pipeline": "train", "inputs": {"as_of": "never", "rows": -1}})

    (answer,) = replay(bridge, letter)
    (nowhere,) = replay(replace(bridge, catalogue=Catalogue([])), letter)

    assert {violation.field for violation in answer.violations} == {"as_of", "rows"}
    assert [violation.code for violation in nowhere.violations] == ["UNKNOWN_PIPELINE"]
    assert not any(queues.sent.values())


# control


def test_a_check_of_the_chain_becomes_one_look(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    now = bridge.clock.now()
    check = CheckRun(run_id=RUN_ID, workspace="ws1", step=3, submitted_at=now, last_status="RUNNING", try_=9)
    letter = kept(ledger, "run-control", queues.text(check))

    (answer,) = replay(bridge, letter)

    (again,) = sent(queues, Queue.RUN_CONTROL)
    assert (again.run_id, again.workspace, again.step, again.last_status, again.try_) == (RUN_ID, "ws1", None, None, 0)
    assert again.origin.startswith(f"d.{letter.dead_letter_id}")
    assert (answer.run_id, answer.attempt) == (RUN_ID, None)


def test_a_check_that_settles_a_submit_still_settles_it(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    check = CheckRun(run_id=RUN_ID, workspace="ws1", origin="d.1", attempt=4, if_missing_fail="no job")
    replay(bridge, kept(ledger, "run-control", queues.text(check)))

    check_run(sent(queues, Queue.RUN_CONTROL)[0], bridge)

    (fact,) = reported(queues)
    assert (fact.status, fact.attempt, fact.error_message) == ("FAILED", 4, "no job")


def test_a_cancel_is_requested_again_for_who_had_asked(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    old = CancelRun(
        run_id=RUN_ID, workspace=None, requested_at=clock.now().replace(year=2020), principal="them", try_=9
    )

    replay(bridge, kept(ledger, "run-control", queues.text(old)))

    (again,) = sent(queues, Queue.RUN_CONTROL)
    assert (again.requested_at, again.principal, again.try_) == (clock.now(), "them", 0)


@pytest.mark.parametrize("kind", ["check", "cancel"])
def test_a_repeated_replay_has_the_same_message_id_and_a_later_one_another(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock, kind: str
) -> None:
    commands: dict[str, CheckRun | CancelRun] = {
        "check": CheckRun(run_id=RUN_ID, workspace="ws1", step=1, submitted_at=clock.now()),
        "cancel": CancelRun(run_id=RUN_ID, workspace=None, requested_at=clock.now(), principal="key"),
    }
    letter = kept(ledger, "run-control", queues.text(commands[kind]))

    for occasion in ("b:1", "b:1", "b:2"):
        replay(bridge, letter, occasion=occasion)

    first, same, other = (message.message_id for message in queues.sent[Queue.RUN_CONTROL])
    assert first == same != other


# events and records


def test_an_event_is_taken_again_by_the_door_that_it_came_through(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    letter = kept(ledger, "inbound-events", sample("run_status_changed.event_grid.camel"), door="workspace")

    (answer,) = replay(bridge, letter)

    assert (answer.queue, answer.run_id, answer.attempt) == ("inbound-events", None, None)
    assert statuses(queues) == ["RUNNING"]


def test_an_event_of_another_door_proves_nothing(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    replay(bridge, kept(ledger, "inbound-events", sample("run_status_changed.event_grid.camel"), door="custom"))

    assert not reported(queues)


@pytest.mark.parametrize("door", [None, "", "unknown"])
def test_an_event_whose_door_nobody_knows_is_refused(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, door: str | None
) -> None:
    letter = kept(ledger, "inbound-events", sample("run_status_changed.event_grid.camel"), door=door)

    assert refused(bridge, letter).code == "UNKNOWN_DOOR"
    assert not any(queues.sent.values())


def test_records_are_sent_to_the_ledger_again(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    facts = [events.job_fact(RUN_ID, status, bridge.clock.now()) for status in (JobStatus.RUNNING, JobStatus.COMPLETED)]
    letters = [kept(ledger, "run-events", queues.text(Records(run_events=(fact,))), run_id=RUN_ID) for fact in facts]

    answers = replay(bridge, *letters)

    assert reported(queues) == facts
    assert [body.try_ for body in sent(queues, Queue.RUN_EVENTS)] == [1], "or detection could drop it as a duplicate"
    assert [(answer.queue, answer.run_id) for answer in answers] == [("run-events", RUN_ID)] * 2


# refusals


@pytest.mark.parametrize("queue", list(Queue))
def test_a_message_that_nobody_can_read_is_refused_with_what_is_wrong(
    queue: Queue, bridge: Bridge, ledger: MemoryLedger
) -> None:
    violation = refused(bridge, kept(ledger, queue, "not json", door="custom"))

    assert violation.code == "UNREADABLE"
    assert "not JSON" in violation.message
    assert "send a corrected request" in violation.message


def test_a_letter_of_no_queue_of_ours_is_refused(bridge: Bridge, ledger: MemoryLedger) -> None:
    assert refused(bridge, kept(ledger, "reports", GOOD)).code == "UNREADABLE"


def test_a_body_that_was_cut_is_not_replayed(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    long = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}, "correlation_id": "c" + " " * 70_000}
    letter = kept(ledger, "run-commands", long)
    readable_when_cut = replace(letter, dead_letter_id="other", body=json.dumps(GOOD))
    ledger.write(Records(dead_letters=(readable_when_cut,)))

    assert [answer.violations[0].code for answer in replay(bridge, letter, readable_when_cut)] == ["BODY_CUT"] * 2
    assert "60,000 characters" in refused(bridge, letter).message
    assert not any(queues.sent.values())


def test_a_letter_that_is_not_there_may_not_be_recorded_yet(bridge: Bridge) -> None:
    (answer,) = replay_dead_letters([ReplayRequest(dead_letter_id="d1", caller=KEY)], read_letter, bridge)

    assert answer.violations[0].code == "UNKNOWN_DEAD_LETTER"
    assert "within 60 seconds" in answer.violations[0].message


# many at once


class CountingLedger(MemoryLedger):
    """Counts how often it is read; away when told so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.away = ""

    def runs_by_id(self, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        self._ask("runs")
        return super().runs_by_id(run_ids)

    def dead_letters_by_id(self, dead_letter_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        self._ask("letters")
        return super().dead_letters_by_id(dead_letter_ids)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.away == what:
            raise ServiceUnavailable


def test_many_letters_are_two_reads_and_answered_in_order(bridge: Bridge, queues: MemoryQueues) -> None:
    ledger = CountingLedger()
    bridge = replace(bridge, ledger=ledger)
    good = [kept(ledger, "run-commands", queues.text(accepted(bridge, queues, request(key)))) for key in "ab"]
    bad = kept(ledger, "run-commands", "{")
    check = kept(ledger, "run-control", queues.text(CheckRun(run_id=RUN_ID, workspace="ws1", origin="e.1")))
    no_row = ReplayRequest(dead_letter_id="", caller=KEY, problem=Violation(code="BAD_ROW", message="no"))
    letters = [good[1], bad, check, good[0]]
    wanted = [ReplayRequest(dead_letter_id=each.dead_letter_id, caller=KEY) for each in letters]

    answers = replay_dead_letters([no_row, *wanted], read_letter, bridge)

    assert ledger.asked == ["letters", "runs"]
    assert [answer.dead_letter_id for answer in answers] == ["", *(each.dead_letter_id for each in letters)]
    assert [bool(answer.violations) for answer in answers] == [True, False, True, False, False]
    assert [command.attempt for command in sent(queues, Queue.RUN_COMMANDS)] == [2, 2]


def test_without_a_submit_the_runs_are_not_read(bridge: Bridge, queues: MemoryQueues) -> None:
    ledger = CountingLedger()
    check = CheckRun(run_id=RUN_ID, workspace="ws1", origin="e.1")

    replay(replace(bridge, ledger=ledger), kept(ledger, "run-control", queues.text(check)))

    assert ledger.asked == ["letters"]


@pytest.mark.parametrize("what", ["letters", "runs"])
def test_while_the_ledger_is_away_nothing_is_sent(bridge: Bridge, queues: MemoryQueues, what: str) -> None:
    ledger = CountingLedger()
    ledger.away = what

    with pytest.raises(ServiceUnavailable):
        replay(replace(bridge, ledger=ledger), kept(ledger, "run-commands", GOOD))

    assert not any(queues.sent.values())


def test_a_replay_that_could_not_be_queued_may_be_asked_for_again(
    dead: SubmitRun, bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    queues.failures.append(ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        replay(bridge, *ledger.records.dead_letters)
    assert not any(queues.sent.values()), "no row says that it was accepted"

    replay(bridge, *ledger.records.dead_letters)

    assert len(sent(queues, Queue.RUN_COMMANDS)) == 1
