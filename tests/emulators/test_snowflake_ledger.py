"""The ledger's own tables, views and statements on the emulated Snowflake: one row for each run, come what may."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from snowflake.connector.errors import IntegrityError

from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value
from tests.sql.ledger_scripts import ledger_statements

TEXTS = ("event_id", "run_id", "status", "pipeline", "fingerprint", "studio_url", "error_code", "source")
JSONS = ("inputs", "outputs")
NUMBERS = ("attempt", "rank")
TIMES = ("occurred_at", "started_at", "ended_at")
INSERT = (
    f"INSERT INTO RUN_EVENTS (is_job_fact, {', '.join((*TEXTS, *JSONS, *NUMBERS, *TIMES))}) SELECT "  # noqa: S608
    + ", ".join(
        (
            "f.value:is_job_fact::BOOLEAN",
            *(f"f.value:{name}::VARCHAR" for name in TEXTS),
            *(f"STRIP_NULL_VALUE(f.value:{name})" for name in JSONS),
            *(f"f.value:{name}::NUMBER(10,0)" for name in NUMBERS),
            *(f"TO_TIMESTAMP_TZ(f.value:{name}::VARCHAR)" for name in TIMES),
        )
    )
    + " FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f"
)


def event(run_id: str, status: str, minute: int, rank: int, **columns: Any) -> dict[str, Any]:
    is_job_fact = columns.pop("is_job_fact", False)
    return {
        "event_id": f"{run_id}-{status}-{columns.get('attempt', 1)}",
        "run_id": run_id,
        "status": status,
        "is_job_fact": is_job_fact,
        "attempt": 0 if is_job_fact or not rank else 1,
        "rank": rank,
        "occurred_at": f"2026-11-20T10:{minute:02d}:00Z",
        **{
            name: None
            for name in (*TEXTS, *JSONS, *TIMES)
            if name not in ("event_id", "run_id", "status", "occurred_at")
        },
        **columns,
    }


def history(run_id: str) -> list[dict[str, Any]]:
    """A run's life, with clocks that disagree, and notes that must change nothing."""
    job = {"is_job_fact": True}
    return [
        event(run_id, "ACCEPTED", 0, 2, pipeline="train", inputs={"a": 1, "n": None}, source="external_function"),
        event(run_id, "SUBMITTING", 1, 3, pipeline="train", fingerprint="f" * 64),
        event(run_id, "SUBMITTED", 2, 10, studio_url="https://ml/1", **job),
        event(run_id, "RUNNING", 9, 30, started_at="2026-11-20T10:04:30Z", studio_url="https://ml/2", **job),
        event(run_id, "FAILED", 7, 60, started_at="2026-11-20T10:04:00Z", ended_at="2026-11-20T10:07:00Z",
              error_code="UserError", outputs=["x"], **job),
        event(run_id, "CONFLICT", 59, 0, fingerprint="other", error_code="CONFLICT"),
        event(run_id, "RETRY_SCHEDULED", 58, 0, error_code="Throttled"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[SnowflakeService]:
    with SnowflakeService() as service:
        yield service


@pytest.fixture(scope="module")
def ledger(running: SnowflakeService) -> Any:
    connection = running.connect()
    for _ in range(2):  # a migration may run twice
        for statement in ledger_statements():
            rows(connection, statement)
    return connection


@pytest.fixture(autouse=True)
def _empty(running: SnowflakeService, ledger: Any) -> None:
    running.tell("/reset")


def write(ledger: Any, events: Sequence[dict[str, Any]]) -> None:
    with ledger.cursor() as cursor:
        cursor.execute(INSERT, (json.dumps(events),))
        assert cursor.rowcount == len(events)


def run(ledger: Any, run_id: str) -> dict[str, Any]:
    with ledger.cursor() as cursor:
        cursor.execute("SELECT * FROM RUNS_ALL WHERE RUN_ID = ?", (run_id,))
        (found,) = cursor.fetchall()
        return dict(zip([column.name for column in cursor.description], found, strict=True))


def test_each_column_folds_to_its_value_in_the_greatest_event(ledger: Any) -> None:
    write(ledger, history("r-1"))

    found = run(ledger, "r-1")

    assert (found["STATUS"], found["PIPELINE"], found["STUDIO_URL"]) == ("FAILED", "train", "https://ml/2")
    assert found["ACCEPTED_AT"] == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert (found["QUEUED_SECONDS"], found["RUN_SECONDS"]) == (120, 180)
    assert (json.loads(found["INPUTS"]), json.loads(found["OUTPUTS"])) == ({"a": 1, "n": None}, ["x"])
    assert found["ATTEMPT"] == 1


def test_notes_are_counted_and_change_nothing(ledger: Any) -> None:
    write(ledger, history("r-1"))

    found = run(ledger, "r-1")

    assert (found["FINGERPRINT"], found["ERROR_CODE"], found["CONFLICTS"]) == ("f" * 64, "UserError", 1)


def test_a_run_of_which_only_notes_are_known_has_no_row(ledger: Any) -> None:
    write(ledger, history("r-1")[-2:])

    assert rows(ledger, "SELECT * FROM RUNS_ALL") == []


def test_any_job_fact_outranks_what_the_bridge_says_later(ledger: Any) -> None:
    gave_up = event("r-1", "FAILED", 50, 4, attempt=2)
    write(ledger, [gave_up, event("r-1", "SUBMITTED", 2, 10, is_job_fact=True)])

    assert run(ledger, "r-1")["STATUS"] == "SUBMITTED"


def test_a_replay_outranks_the_attempt_before(ledger: Any) -> None:
    write(ledger, [event("r-1", "FAILED", 5, 4), event("r-1", "SUBMITTING", 3, 3, attempt=2)])

    found = run(ledger, "r-1")
    assert (found["STATUS"], found["ATTEMPT"]) == ("SUBMITTING", 2)


def test_any_order_and_any_repetition_folds_to_one_row(ledger: Any) -> None:
    shuffled = random.Random(20261120)  # noqa: S311  the same shuffles every time
    events = []
    for number in range(60):
        of_run = history(f"r-{number}")
        of_run += shuffled.choices(of_run, k=shuffled.randrange(8))
        shuffled.shuffle(of_run)
        events += of_run
    for start in range(0, len(events), 100):
        write(ledger, events[start : start + 100])

    columns = "* EXCLUDE (RUN_ID, LAST_RECORDED_AT)"
    assert value(ledger, "SELECT COUNT(*) FROM RUNS") == 60
    assert len(rows(ledger, f"SELECT DISTINCT {columns} FROM RUNS_ALL")) == 1  # noqa: S608


def test_runs_are_listed_by_status_and_pipeline_a_page_at_a_time(ledger: Any) -> None:
    for number in range(5):
        write(ledger, [event(f"r-{number}", "ACCEPTED", number, 2, pipeline="train")])
    write(ledger, [event("r-x", "ACCEPTED", 9, 2, pipeline="score")])
    page = "SELECT RUN_ID FROM RUNS WHERE STATUS = ? AND PIPELINE = ? ORDER BY ACCEPTED_AT DESC LIMIT ? OFFSET ?"

    assert rows(ledger, page, ["ACCEPTED", "train", 2, 1]) == [("r-3",), ("r-2",)]


def test_a_run_recorded_long_ago_is_in_the_longer_view_only(ledger: Any) -> None:
    write(ledger, history("r-1"))
    rows(ledger, "UPDATE RUN_EVENTS SET RECORDED_AT = DATEADD('day', -31, CURRENT_TIMESTAMP())")

    assert value(ledger, "SELECT COUNT(*) FROM RUNS") == 0
    assert value(ledger, "SELECT COUNT(*) FROM RUNS_ALL") == 1


def test_a_thousand_events_are_one_statement(running: SnowflakeService, ledger: Any) -> None:
    write(ledger, [event(f"r-{number}", "ACCEPTED", 0, 2) for number in range(1000)])

    assert running.ask("/statements")["counts"] == {"INSERT RUN_EVENTS": 1}
    assert value(ledger, "SELECT COUNT(*) FROM RUNS_ALL") == 1000


@pytest.mark.parametrize(
    ("column", "wrong", "code"),
    [("occurred_at", "nonsense", 100035), ("rank", "first", 100038), ("is_job_fact", "maybe", 100037)],
)
def test_a_value_that_no_column_takes_refuses_the_whole_statement(
    ledger: Any, column: str, wrong: str, code: int
) -> None:
    with refused(code):
        write(ledger, [*history("r-1"), event("r-2", "ACCEPTED", 0, 2) | {column: wrong}])

    assert value(ledger, "SELECT COUNT(*) FROM RUN_EVENTS") == 0


def test_a_missing_value_is_an_integrity_error(ledger: Any) -> None:
    with pytest.raises(IntegrityError) as error:
        write(ledger, [event("r-1", "ACCEPTED", 0, 2) | {"run_id": None}])

    assert (error.value.errno, error.value.sqlstate) == (100072, "22000")
