"""The comparison of chaos finds what it is there to find: each ledger is falsified once."""

from typing import Any

import pytest

from bridge.local.chaos.callers import ToldLedger
from bridge.local.chaos.comparison import Comparison, Row, Verdict, mark_of
from bridge.local.chaos.doors import Told
from bridge.local.chaos.plan import Kind, Wish

MARK = "1-0"
RUN = "r-abcdefghijklmnopqrstuvwxyz"


class Ledgers:
    """One wish, accepted, run and recorded as it should be; a test changes one thing."""

    def __init__(self, kind: Kind = Kind.GOOD) -> None:
        self.told = ToldLedger()
        self.told.wishes[MARK] = Wish(mark=MARK, kind=kind, pipeline="p", inputs={"note": MARK}, key="k")
        self.told.told[MARK] = [Told(status="ACCEPTED", run_id=RUN)]
        self.jobs: list[dict[str, Any]] = [job()]
        self.rows = [row()]

    def judge(self) -> Verdict:
        return Comparison(self.told, self.jobs, self.rows).judge()


def job(name: str = RUN, status: str = "Completed", mark: str = MARK) -> dict[str, Any]:
    inputs = {"note": {"value": mark, "jobInputType": "literal"}}
    return {"name": name, "status": status, "inputs": inputs, "puts": 1}


def row(run_id: str = RUN, status: str = "COMPLETED", mark: str = MARK, conflicts: int = 0) -> Row:
    return Row(run_id=run_id, status=status, mark=mark, conflicts=conflicts, error_code=None)


def found(verdict: Verdict) -> dict[str, int]:
    names = ("lost", "doubled", "wrong")
    return {name: len(getattr(verdict, name)) for name in names if getattr(verdict, name)}


def test_ledgers_that_agree_are_good() -> None:
    verdict = Ledgers().judge()

    assert verdict.is_good
    assert verdict.counts["jobs"] == 1


def test_a_run_that_was_taken_and_has_no_job_is_lost() -> None:
    ledgers = Ledgers()
    ledgers.jobs = []

    assert found(ledgers.judge()) == {"lost": 1}


def test_a_job_that_the_ledger_does_not_show_is_lost() -> None:
    ledgers = Ledgers()
    ledgers.rows = []

    assert found(ledgers.judge()) == {"lost": 1}


def test_two_jobs_of_one_wish_are_doubled() -> None:
    ledgers = Ledgers()
    ledgers.jobs.append(job("r-another"))
    ledgers.rows.append(row("r-another"))

    assert found(ledgers.judge()) == {"doubled": 1, "wrong": 1}


def test_a_job_that_nobody_asked_for_is_doubled() -> None:
    ledgers = Ledgers()
    ledgers.jobs.append(job("r-another", mark=""))

    assert found(ledgers.judge()) == {"doubled": 1}


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "ACCEPTED", "CANCEL_REQUESTED"])
def test_a_row_that_ends_otherwise_than_its_job_is_wrong(status: str) -> None:
    ledgers = Ledgers()
    ledgers.rows = [row(status=status)]

    assert found(ledgers.judge()) == {"wrong": 1}


def test_a_job_that_ended_otherwise_than_was_wanted_is_wrong() -> None:
    ledgers = Ledgers()
    ledgers.jobs, ledgers.rows = [job(status="Canceled")], [row(status="CANCELED")]

    assert found(ledgers.judge()) == {"wrong": 1}


def test_a_job_under_another_name_than_its_caller_was_told_is_wrong() -> None:
    ledgers = Ledgers()
    ledgers.jobs, ledgers.rows = [job("r-another")], [row("r-another")]

    assert found(ledgers.judge()) == {"wrong": 1}


def test_two_answers_with_two_runs_are_wrong() -> None:
    ledgers = Ledgers()
    ledgers.told.told[MARK].append(Told(status="ACCEPTED", run_id="r-another"))

    assert found(ledgers.judge()) == {"wrong": 1}


def test_a_row_that_nobody_asked_for_is_wrong() -> None:
    ledgers = Ledgers()
    ledgers.rows.append(row("r-another", mark="else"))

    assert found(ledgers.judge()) == {"wrong": 1}


def test_a_rejected_wish_shows_in_the_ledger_and_has_no_job() -> None:
    ledgers = Ledgers(Kind.REJECTED)
    ledgers.told.told[MARK] = [Told(status="REJECTED", run_id=RUN)]
    ledgers.jobs, ledgers.rows = [], [row(status="REJECTED")]
    assert found(ledgers.judge()) == {}

    ledgers.rows = []
    assert found(ledgers.judge()) == {"lost": 1}

    ledgers.jobs, ledgers.rows = [job()], [row(status="REJECTED")]
    assert "wrong" in found(ledgers.judge())


def test_a_wish_whose_caller_never_heard_anything_may_have_a_job_or_none() -> None:
    ledgers = Ledgers()
    ledgers.told.told.clear()
    ledgers.told.unanswered.add(MARK)
    assert found(ledgers.judge()) == {}

    ledgers.jobs, ledgers.rows = [], []
    assert found(ledgers.judge()) == {}


def test_a_conflict_leaves_a_note_at_the_run_that_came_first() -> None:
    ledgers = Ledgers(Kind.CONFLICT)
    other = f"{MARK}-other"
    ledgers.told.wishes[other] = Wish(mark=other, kind=Kind.CONFLICT, pipeline="p", inputs={"note": other}, key="k")
    ledgers.told.told[other] = [Told(status="ACCEPTED", run_id=RUN)]
    ledgers.rows = [row(conflicts=1)]
    assert found(ledgers.judge()) == {}

    ledgers.rows = [row()]
    assert found(ledgers.judge()) == {"lost": 1}

    ledgers.rows = [row(conflicts=1)]
    ledgers.jobs.append(job("r-another", mark=other))
    assert "doubled" in found(ledgers.judge())


def test_a_cancel_that_was_taken_shows_in_its_runs_history() -> None:
    ledgers = Ledgers(Kind.CANCELED)
    ledgers.told.cancels.add(RUN)
    comparison = Comparison(ledgers.told, ledgers.jobs, ledgers.rows)

    comparison.judge_cancels({RUN})
    assert found(comparison.judge()) == {}

    comparison.judge_cancels({"r-another"})
    assert found(comparison.verdict) == {"lost": 1}


@pytest.mark.parametrize(
    ("inputs", "mark"),
    [({"note": {"value": "1-2"}}, "1-2"), ('{"reason": "1-3"}', "1-3"), (None, ""), ("{}", "")],
)
def test_the_mark_is_read_from_jobs_and_rows_alike(inputs: Any, mark: str) -> None:
    assert mark_of(inputs) == mark
