"""PURGE_LEDGER as a procedure of the emulated Snowflake: what is old goes, and never half a run."""

from collections.abc import Iterator

import pytest

from tests.procedures.ledger import Ledger, ledger_running

WHEN = "DATEADD('day', ?, CURRENT_TIMESTAMP())"
OTHERS = {
    "AML_EVENTS": "INSERT INTO AML_EVENTS (ID, EVENT_TYPE, RECORDED_AT) SELECT 'e', 't', {}",
    "DEAD_LETTERS": "INSERT INTO DEAD_LETTERS (DEAD_LETTER_ID, QUEUE, RECORDED_AT) SELECT 'd', 'q', {}",
    "RULE_ACTIONS": "INSERT INTO RULE_ACTIONS (ACTION_ID, RULE, RECORDED_AT) SELECT UUID_STRING(), 'r', {}",
    "RUN_REQUESTS": (
        "INSERT INTO RUN_REQUESTS (REQUEST_KEY, PIPELINE, ANSWER, ANSWERED_AT) SELECT 'k', 'p', PARSE_JSON('{{}}'), {}"
    ),
    "HAND_OVERS": "INSERT INTO HAND_OVERS (RUN_ID, PIPELINE, EXPORTED_AT) SELECT 'r', 'p', {}",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger_running() as ledger:
        ledger.create("PURGE_LEDGER(days NUMBER)", file="upkeep.py", handler="purge_ledger")
        yield ledger


@pytest.fixture
def ledger(running: Ledger) -> Ledger:
    running.service.tell("/reset")
    return running


def add(ledger: Ledger, table: str, days: int) -> None:
    """One row of another table that is so many days old."""
    ledger.run(OTHERS[table].format(WHEN), -days)


def fact(ledger: Ledger, run_id: str, status: str, rank: int, days: int, **columns: object) -> None:
    """One row of RUN_EVENTS that was recorded so many days ago."""
    ledger.fact(run_id, status, rank, **columns)
    ledger.run(f"UPDATE RUN_EVENTS SET RECORDED_AT = {WHEN} WHERE RUN_ID = ? AND STATUS = ?", -days, run_id, status)  # noqa: S608 - from above


def runs(ledger: Ledger) -> set[str]:
    return {run_id for (run_id,) in ledger.run("SELECT DISTINCT RUN_ID FROM RUN_EVENTS")}


def test_an_old_run_that_has_ended_goes_with_all_its_rows(ledger: Ledger) -> None:
    for status, rank, days in [("ACCEPTED", 2, 92), ("RUNNING", 30, 92), ("CONFLICT", 0, 92), ("COMPLETED", 60, 91)]:
        fact(ledger, "r-old", status, rank, days)
    fact(ledger, "r-young", "COMPLETED", 60, 89)

    purged = ledger.call("PURGE_LEDGER(90)")

    assert purged["RUN_EVENTS"] == 4
    assert runs(ledger) == {"r-young"}


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_every_end_of_a_job_is_an_end(ledger: Ledger, status: str) -> None:
    fact(ledger, "r-1", status, 60, 91)

    assert ledger.call("PURGE_LEDGER(90)")["RUN_EVENTS"] == 1


@pytest.mark.parametrize(("status", "rank"), [("REJECTED", 1), ("FAILED", 4)])
def test_what_the_bridge_gave_up_has_ended(ledger: Ledger, status: str, rank: int) -> None:
    fact(ledger, "r-1", status, rank, 91)

    assert ledger.call("PURGE_LEDGER(90)")["RUN_EVENTS"] == 1


def test_a_run_with_one_young_row_stays_whole(ledger: Ledger) -> None:
    fact(ledger, "r-1", "COMPLETED", 60, 91)
    fact(ledger, "r-1", "CONFLICT", 0, 1)

    assert ledger.call("PURGE_LEDGER(90)")["RUN_EVENTS"] == 0
    assert ledger.count("RUN_EVENTS") == 2


def test_a_run_that_has_not_ended_stays_however_old(ledger: Ledger) -> None:
    fact(ledger, "r-1", "RUNNING", 30, 400)
    fact(ledger, "r-2", "ACCEPTED", 2, 400)
    fact(ledger, "r-3", "FAILED", 4, 400)  # given up, then replayed
    fact(ledger, "r-3", "SUBMITTING", 3, 400, ATTEMPT=2)
    fact(ledger, "r-4", "FAILED", 4, 400)  # given up, but there was a job after all
    fact(ledger, "r-4", "QUEUED", 20, 400)

    ledger.call("PURGE_LEDGER(90)")

    assert runs(ledger) == {"r-1", "r-2", "r-3", "r-4"}


@pytest.mark.parametrize("table", OTHERS)
def test_old_rows_of_other_tables_go(ledger: Ledger, table: str) -> None:
    for days in (91, 89):
        add(ledger, table, days)

    purged = ledger.call("PURGE_LEDGER(90)")

    assert purged == {name: int(name == table) for name in ("RUN_EVENTS", *OTHERS)}
    assert ledger.count(table) == 1


def test_what_a_rule_did_on_an_occasion_goes_as_a_whole(ledger: Ledger) -> None:
    for action_id, days in [("young", 91), ("young", 89), ("old", 92), ("old", 91)]:
        ledger.run(
            f"INSERT INTO RULE_ACTIONS (ACTION_ID, RULE, RECORDED_AT) SELECT ?, 'r', {WHEN}",
            action_id,
            -days,
        )

    assert ledger.call("PURGE_LEDGER(90)")["RULE_ACTIONS"] == 2
    assert ledger.run("SELECT ACTION_ID, COUNT(*) FROM RULE_ACTIONS GROUP BY ACTION_ID") == [("young", 2)]


def test_a_run_that_has_not_ended_is_the_same_without_the_event_and_the_rule_that_led_to_it(ledger: Ledger) -> None:
    fact(ledger, "r-1", "RUNNING", 30, 91, PIPELINE="train", CORRELATION_ID="c")
    shown = "SELECT * EXCLUDE (LAST_RECORDED_AT) FROM RUNS_ALL"
    before = ledger.run(shown)
    add(ledger, "AML_EVENTS", 91)
    add(ledger, "RULE_ACTIONS", 91)

    purged = ledger.call("PURGE_LEDGER(90)")

    assert (purged["AML_EVENTS"], purged["RULE_ACTIONS"], purged["RUN_EVENTS"]) == (1, 1, 0)
    assert ledger.run(shown) == before


def test_a_request_without_an_answer_stays(ledger: Ledger) -> None:
    add(ledger, "RUN_REQUESTS", 400)
    ledger.run("UPDATE RUN_REQUESTS SET ANSWER = NULL")

    assert ledger.call("PURGE_LEDGER(90)")["RUN_REQUESTS"] == 0


def test_a_hand_over_that_was_loaded_lately_stays(ledger: Ledger) -> None:
    add(ledger, "HAND_OVERS", 91)
    ledger.run("UPDATE HAND_OVERS SET LOADED_AT = CURRENT_TIMESTAMP()")

    assert ledger.call("PURGE_LEDGER(90)")["HAND_OVERS"] == 0


def test_62_days_are_the_least(ledger: Ledger) -> None:
    assert set(ledger.call("PURGE_LEDGER(62)").values()) == {0}


@pytest.mark.parametrize("days", ["61", "0", "-100", "NULL"])
def test_fewer_days_are_refused(ledger: Ledger, days: str) -> None:
    fact(ledger, "r-1", "COMPLETED", 60, 1_000)

    assert "62 is the least" in ledger.refused(f"PURGE_LEDGER({days})")
    assert ledger.count("RUN_EVENTS") == 1
