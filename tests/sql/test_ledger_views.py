"""What RUNS and RUNS_ALL show over months, and how much of the ledger a question reads."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.adapters.snowflake import STATEMENTS
from bridge.local.processes import EMULATOR_PYTHON, ROOT
from tests.emulators.snowflake_service import SnowflakeService, rows
from tests.sql.ledger_scripts import SQL, schema

BENCHMARK = ROOT / "benchmarks" / "ledger.py"


@pytest.fixture(scope="module")
def ledger() -> Iterator[Any]:
    with SnowflakeService() as service:
        yield schema(service, "VIEWS")


@pytest.fixture(autouse=True)
def _empty(ledger: Any) -> None:
    rows(ledger, "DELETE FROM RUN_EVENTS")


def recorded(ledger: Any, run_id: str, status: str, days_ago: int, rank: int, **columns: Any) -> None:
    event = {
        "event_id": f"{run_id}-{status}",
        "run_id": run_id,
        "is_job_fact": rank >= 100,
        "attempt": 0 if rank >= 100 else 1,
        "status": status,
        "rank": rank,
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    rows(ledger, STATEMENTS["insert_run_events"], [json.dumps([event | columns])])
    rows(
        ledger,
        "UPDATE RUN_EVENTS SET RECORDED_AT = DATEADD('day', ?, CURRENT_TIMESTAMP()) WHERE EVENT_ID = ?",
        [-days_ago, event["event_id"]],
    )


def shown(ledger: Any, view: str) -> list[Any]:
    return rows(ledger, f"SELECT RUN_ID, STATUS, PIPELINE FROM {view} ORDER BY RUN_ID")  # noqa: S608


def test_a_run_is_listed_until_nothing_was_recorded_of_it_for_30_days(ledger: Any) -> None:
    recorded(ledger, "r-1", "COMPLETED", 29, 150)
    recorded(ledger, "r-2", "COMPLETED", 31, 150)

    assert [run_id for run_id, *_ in shown(ledger, "RUNS")] == ["r-1"]
    assert [run_id for run_id, *_ in shown(ledger, "RUNS_ALL")] == ["r-1", "r-2"]


def test_a_run_that_took_a_month_is_listed_with_its_beginning(ledger: Any) -> None:
    recorded(ledger, "r-1", "ACCEPTED", 60, 20, pipeline="train")
    recorded(ledger, "r-1", "COMPLETED", 29, 150)

    assert shown(ledger, "RUNS") == [("r-1", "COMPLETED", "train")]


def test_an_old_run_that_is_asked_for_again_has_its_early_history_in_the_longer_view_only(ledger: Any) -> None:
    recorded(ledger, "r-1", "SUBMITTED", 70, 100, pipeline="train")
    recorded(ledger, "r-1", "ACCEPTED", 1, 20)

    assert shown(ledger, "RUNS") == [("r-1", "ACCEPTED", None)]
    assert shown(ledger, "RUNS_ALL") == [("r-1", "SUBMITTED", "train")]


def test_a_note_alone_keeps_a_run_listed_and_makes_none(ledger: Any) -> None:
    recorded(ledger, "r-1", "RUNNING", 40, 120)
    recorded(ledger, "r-1", "STUCK", 5, 0)
    recorded(ledger, "r-2", "STUCK", 5, 0)

    assert shown(ledger, "RUNS") == [("r-1", "RUNNING", None)]


def test_both_views_are_one_text_over_other_events() -> None:
    text = (SQL / "030_views.sql").read_text(encoding="utf-8")

    assert text.count("<% runs_fold_sql %>") == 2


@pytest.fixture(scope="module")
def read() -> dict[str, tuple[int, int]]:
    """Of 8,000 events of a year: how many each question scans, and how many it folds."""
    done = subprocess.run(
        [EMULATOR_PYTHON, BENCHMARK, "--events", "8000", "--rounds", "1", "--json"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return {each["name"]: (each["scanned"], each["folded"]) for each in json.loads(done.stdout)["questions"]}


def test_a_question_about_one_run_folds_the_events_of_one_run(read: dict[str, tuple[int, int]]) -> None:
    assert read["one run of RUNS_ALL"] == (8, 8)


def test_a_question_about_a_batch_folds_the_events_of_its_runs(read: dict[str, tuple[int, int]]) -> None:
    """20 rows with 8 events each, and in two of these events the rows themselves."""
    assert 160 <= read["batch of 20 rows"][1] <= 160 + 2 * 20


@pytest.mark.parametrize("question", ["RUNS, newest 50, every column", "RUNS, count by status"])
def test_recent_runs_are_read_of_two_months(read: dict[str, tuple[int, int]], question: str) -> None:
    scanned, folded = read[question]

    assert 8000 * 60 // 365 <= scanned == folded <= 8000 * 64 // 365


def test_a_page_is_folded_column_by_column_for_its_runs_only(read: dict[str, tuple[int, int]]) -> None:
    of_two_months = read["RUNS, count by status"][1]

    assert read["page of 50 (GET /runs)"][1] == of_two_months + 50 * 8
