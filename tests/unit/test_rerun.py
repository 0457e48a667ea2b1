"""Starting runs again: new runs with the inputs that the ledger keeps, checked as any other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.inputs import Violation
from bridge.domain.pipelines import Catalogue
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.statuses import JobStatus
from bridge.ports import Bridge
from bridge.services.accept_runs import RunAnswer, accept_runs
from bridge.services.rerun import RerunRefusal, RerunRequest, rerun_runs
from tests.unit.requests import accepted, reported, request

ORIGIN = Origin(source="http", principal="key", correlation_id="c2")
UNKNOWN = "r-" + "z" * 26


@pytest.fixture
def first(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> SubmitRun:
    """A run that the ledger knows; the queues are empty."""
    return recorded(bridge, queues, ledger, "first")


def recorded(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, key: str, **inputs: Any) -> SubmitRun:
    command = accepted(bridge, queues, request(key, **inputs))
    ledger.write(Records(run_events=tuple(reported(queues))))
    queues.sent[Queue.RUN_EVENTS].clear()
    return command


def again(run_id: str, key: str | None = "again", **change: Any) -> RerunRequest:
    wanted: dict[str, Any] = {"run_id": run_id, "idempotency_key": key, "origin": ORIGIN}
    return RerunRequest(**wanted | change)


def only(bridge: Bridge, wanted: RerunRequest) -> RunAnswer | RerunRefusal:
    (answer,) = rerun_runs([wanted], bridge)
    return answer


def refusal(bridge: Bridge, wanted: RerunRequest) -> Violation:
    answer = only(bridge, wanted)
    assert isinstance(answer, RerunRefusal)
    return answer.violation


def test_a_rerun_is_a_new_run_with_the_same_inputs(first: SubmitRun, bridge: Bridge, queues: MemoryQueues) -> None:
    answer = only(bridge, again(first.run_id))

    (message,) = queues.sent[Queue.RUN_COMMANDS]
    command = message.body
    assert isinstance(command, SubmitRun)
    assert isinstance(answer, RunAnswer)
    assert (answer.status, answer.run_id) == ("ACCEPTED", command.run_id)
    assert command.run_id != first.run_id
    assert (command.pipeline, command.inputs, command.fingerprint) == (first.pipeline, first.inputs, first.fingerprint)
    assert (command.rerun_of, command.attempt, command.origin) == (first.run_id, 1, ORIGIN)
    assert [(fact.status, fact.rerun_of) for fact in reported(queues)] == [("ACCEPTED", first.run_id)]


def test_the_same_key_is_the_same_rerun_and_another_key_another(first: SubmitRun, bridge: Bridge) -> None:
    answers = rerun_runs([again(first.run_id, key) for key in ("a", "a", "b")], bridge)

    one, same, other = (answer.run_id for answer in answers if isinstance(answer, RunAnswer))
    assert one == same != other


def test_without_a_key_the_batch_and_row_identify_the_rerun(first: SubmitRun, bridge: Bridge) -> None:
    wanted = again(first.run_id, None, origin=replace(ORIGIN, query_batch_id="b1", row_number=3))

    answers = [only(bridge, wanted) for _ in range(2)]

    assert len({answer.run_id for answer in answers if isinstance(answer, RunAnswer)}) == 1


def test_numbers_of_the_first_run_are_those_of_the_second(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    first = recorded(bridge, queues, ledger, "n", as_of="2026-11-01", rows=12345678901234567890)

    only(bridge, again(first.run_id))

    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert message.body.inputs["rows"] == Decimal(12345678901234567890)  # type: ignore[union-attr]


def test_a_run_that_the_ledger_does_not_have_may_not_be_recorded_yet(bridge: Bridge) -> None:
    violation = refusal(bridge, again(UNKNOWN))

    assert (violation.code, violation.field) == ("UNKNOWN_RUN", "run_id")
    assert "within 60 seconds" in violation.message


@pytest.mark.parametrize("known", [{"pipeline": "train"}, {"inputs": {"as_of": "2026-11-01"}}])
def test_a_run_whose_inputs_were_not_kept_cannot_be_started_again(
    bridge: Bridge, ledger: MemoryLedger, known: dict[str, Any]
) -> None:
    seen = events.job_fact(UNKNOWN, JobStatus.RUNNING, bridge.clock.now(), **known)
    ledger.write(Records(run_events=(seen,)))

    assert refusal(bridge, again(UNKNOWN)).code == "INPUTS_NOT_KEPT"


def test_the_key_of_the_first_run_is_no_key_for_a_rerun(first: SubmitRun, bridge: Bridge, queues: MemoryQueues) -> None:
    violation = refusal(bridge, again(first.run_id, "first"))

    assert (violation.code, violation.field) == ("BAD_KEY", "idempotency_key")
    assert "a rerun needs a key of its own" in violation.message
    assert not any(queues.sent.values())


def test_the_caller_must_be_allowed_to_run_it(first: SubmitRun, bridge: Bridge, queues: MemoryQueues) -> None:
    stranger = again(first.run_id, origin=replace(ORIGIN, principal="event:custom"))

    answer = only(bridge, stranger)

    assert isinstance(answer, RunAnswer)
    assert answer.violations[0].code == "NOT_ALLOWED"
    assert not queues.sent[Queue.RUN_COMMANDS]
    assert [(fact.status, fact.rerun_of) for fact in reported(queues)] == [("REJECTED", first.run_id)]


def test_the_inputs_are_checked_against_todays_pipelines(first: SubmitRun, bridge: Bridge) -> None:
    today = bridge.catalogue.find("train")
    assert today is not None
    kept = {"as_of": today.inputs["as_of"]}

    answer = only(replace(bridge, catalogue=Catalogue([replace(today, inputs=kept)])), again(first.run_id))

    assert isinstance(answer, RunAnswer)
    assert [violation.code for violation in answer.violations] == ["UNKNOWN_INPUT"]


def test_a_rejected_request_may_be_mended_by_pipelines_yaml_and_run_again(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    (rejected,) = accept_runs([replace(request("r"), pipeline="new")], bridge)
    ledger.write(Records(run_events=tuple(reported(queues))))
    train = bridge.catalogue.find("train")
    assert train is not None

    answer = only(replace(bridge, catalogue=Catalogue([replace(train, name="new")])), again(rejected.run_id))

    assert isinstance(answer, RunAnswer)
    assert (rejected.status, answer.status) == ("REJECTED", "ACCEPTED")


class CountingLedger(MemoryLedger):
    """Counts how often it is read; away when told so."""

    def __init__(self, *, away: bool = False) -> None:
        super().__init__()
        self.away = away
        self.asked: list[list[str]] = []

    def runs_by_id(self, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        self.asked.append(list(run_ids))
        if self.away:
            raise ServiceUnavailable
        return super().runs_by_id(run_ids)


def test_many_rows_are_one_read_and_answered_in_order(bridge: Bridge, queues: MemoryQueues) -> None:
    ledger = CountingLedger()
    bridge = replace(bridge, ledger=ledger)
    runs = [recorded(bridge, queues, ledger, f"k{i}").run_id for i in range(3)]
    bad = Violation(code="BAD_RUN_ID", message="no")
    requests = [again(runs[1], "a"), again("", problem=bad), again(UNKNOWN), again(runs[0], "b"), again(runs[1], "c")]

    answers = rerun_runs(requests, bridge)

    assert ledger.asked == [[runs[1], UNKNOWN, runs[0]]]
    told = [each.violation.code if isinstance(each, RerunRefusal) else each.idempotency_key for each in answers]
    assert told == ["a", "BAD_RUN_ID", "UNKNOWN_RUN", "b", "c"]
    assert [message.body.rerun_of for message in queues.sent[Queue.RUN_COMMANDS]] == [runs[1], runs[0], runs[1]]  # type: ignore[union-attr]


def test_without_a_usable_row_the_ledger_is_not_asked(bridge: Bridge, queues: MemoryQueues) -> None:
    ledger = CountingLedger()

    rerun_runs([again("x", problem=Violation(code="BAD_RUN_ID", message="no"))], replace(bridge, ledger=ledger))

    assert ledger.asked == []
    assert not any(queues.sent.values())


def test_while_the_ledger_is_away_nobody_is_answered(bridge: Bridge, queues: MemoryQueues) -> None:
    with pytest.raises(ServiceUnavailable):
        rerun_runs([again(UNKNOWN)], replace(bridge, ledger=CountingLedger(away=True)))

    assert not any(queues.sent.values())
