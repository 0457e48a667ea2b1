"""WAIT_FOR_RUN as a procedure of the emulated Snowflake; its clock stands still unless it sleeps."""

from collections.abc import Iterator

import pytest

from tests.procedures.ledger import Ledger, ledger_running

RUN = "r-abcdefghijklmnopqrstuvwxyz"
#: Takes the place of the module `time`: sleeping costs nothing, is noted, and on the third time the run ends.
CLOCK = """
class Clock:
    def __init__(self):
        self.now, self.sleeps, self.session = 0.0, [], None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.sleeps.append(seconds)
        if len(self.sleeps) == 3:
            self.session.sql("UPDATE RUN_EVENTS SET STATUS = 'COMPLETED', RANK = 60 WHERE STATUS = 'RUNNING'").collect()


time = Clock()


def run(session, run_id, seconds, fingerprint):
    time.session = session
    return {**wait_for_run(session, run_id, seconds, fingerprint), "sleeps": time.sleeps}
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger_running() as ledger:
        signature = "WAIT_FOR_RUN(run_id VARCHAR, seconds NUMBER, fingerprint VARCHAR DEFAULT NULL)"
        ledger.create(signature, CLOCK, file="tasks.py")
        yield ledger


@pytest.fixture
def ledger(running: Ledger) -> Ledger:
    running.service.tell("/reset")
    return running


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELED"])
def test_a_run_that_has_ended_is_told_at_once(ledger: Ledger, status: str) -> None:
    ledger.fact(RUN, "ACCEPTED", 2, PIPELINE="train", FINGERPRINT="f")
    ledger.fact(RUN, status, 60, ERROR_CODE="E", ENDED_AT="2026-11-20T10:07:00Z")

    found = ledger.call("WAIT_FOR_RUN(?, 60)", RUN)

    assert (found["run_id"], found["status"], found["pipeline"]) == (RUN, status, "train")
    assert (found["timed_out"], found["sleeps"]) == (False, [])
    assert found["ended_at"].startswith("2026-11-20")
    assert found["outputs"] is None


def test_a_rejected_run_has_ended(ledger: Ledger) -> None:
    ledger.fact(RUN, "REJECTED", 1, ERROR_CODE="UNKNOWN_INPUT")

    assert ledger.call("WAIT_FOR_RUN(?, 60)", RUN)["error_code"] == "UNKNOWN_INPUT"


def test_a_run_is_looked_at_until_it_has_ended(ledger: Ledger) -> None:
    ledger.fact(RUN, "RUNNING", 30)

    found = ledger.call("WAIT_FOR_RUN(?, 600)", RUN)

    assert (found["status"], found["timed_out"], found["sleeps"]) == ("COMPLETED", False, [1, 2, 4])


def test_looks_grow_rarer_until_the_time_is_up(ledger: Ledger) -> None:
    ledger.fact(RUN, "QUEUED", 20)

    found = ledger.call("WAIT_FOR_RUN(?, 50)", RUN)

    assert (found["status"], found["timed_out"]) == ("QUEUED", True)
    assert found["sleeps"] == [1, 2, 4, 8, 15, 15, 5]


def test_an_unknown_run_is_waited_for_and_has_no_status(ledger: Ledger) -> None:
    found = ledger.call("WAIT_FOR_RUN(?, 2)", RUN)

    assert (found["run_id"], found["status"], found["timed_out"], found["sleeps"]) == (RUN, None, True, [1, 1])


def test_no_seconds_are_one_look(ledger: Ledger) -> None:
    ledger.fact(RUN, "RUNNING", 30)

    assert ledger.call("WAIT_FOR_RUN(?, 0)", RUN)["sleeps"] == []


@pytest.mark.parametrize("seconds", ["NULL", "-1"])
def test_a_time_that_is_none_is_refused(ledger: Ledger, seconds: str) -> None:
    assert "how many seconds" in ledger.refused(f"WAIT_FOR_RUN(?, {seconds})", RUN)


@pytest.mark.parametrize("run_id", ["NULL", "''", "'nonsense'", "'r-ABC'"])
def test_what_can_never_be_a_run_is_not_waited_for(ledger: Ledger, run_id: str) -> None:
    assert "is no run id" in ledger.refused(f"WAIT_FOR_RUN({run_id}, 8)")


@pytest.mark.parametrize("status", ["ACCEPTED", "COMPLETED"])
def test_a_run_that_does_something_else_is_an_error(ledger: Ledger, status: str) -> None:
    ledger.fact(RUN, status, 60 if status == "COMPLETED" else 2, FINGERPRINT="f1")

    text = ledger.refused("WAIT_FOR_RUN(?, 60, 'f2')", RUN)

    assert "fingerprint f1, wanted f2" in text
    assert "take a new key" in text


def test_the_fingerprint_that_was_answered_is_right(ledger: Ledger) -> None:
    ledger.fact(RUN, "COMPLETED", 60, FINGERPRINT="f1")

    assert ledger.call("WAIT_FOR_RUN(?, 60, 'f1')", RUN)["status"] == "COMPLETED"


def test_a_fingerprint_that_is_not_known_yet_is_waited_for(ledger: Ledger) -> None:
    ledger.fact(RUN, "RUNNING", 30)

    assert ledger.call("WAIT_FOR_RUN(?, 60, 'f1')", RUN)["status"] == "COMPLETED"
