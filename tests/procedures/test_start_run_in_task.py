"""START_RUN_IN_TASK as the body of tasks of the emulated Snowflake: one run for each run of the task's graph."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bridge.domain.identity import run_id
from bridge.local.endpoints import BRIDGE_NAME
from tests.eventually import eventually
from tests.procedures.ledger import Ledger, ledger_running

TASK = "CREATE OR REPLACE TASK {} WAREHOUSE = W AS CALL START_RUN_IN_TASK('{}', {{'as_of': '2026-11-01', 'n': 1}})"
LONG = 123456789012345678901234567890
NUMBERS = f"{{'learning_rate': 0.5, 'tiny': 0.1, 'long': {LONG}}}"


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger_running() as ledger:
        ledger.procedures_of("085_tasks.sql")
        for name, pipeline in (("NIGHTLY", "train"), ("WEEKLY", "train"), ("WRONG", "bad"), ("LONELY", "away")):
            ledger.run(TASK.format(name, pipeline))
        yield ledger


@pytest.fixture
def ledger(running: Ledger) -> Ledger:
    running.service.tell("/reset")
    return running


def executed(ledger: Ledger, task: str, count: int = 1) -> dict[str, Any]:
    """What the emulator tells of the last run of this task."""
    ledger.run(f"EXECUTE TASK {task}")

    def ended() -> dict[str, Any] | None:
        (found,) = [each for each in ledger.service.ask("/tasks") if each["name"].endswith(f".{task}")]
        runs: list[dict[str, Any]] = found["runs"]
        return runs[-1] if len(runs) == count and runs[-1]["completed_at"] else None

    return eventually(ended)


def test_the_key_is_made_of_the_task_and_the_run_of_its_graph(ledger: Ledger) -> None:
    run = executed(ledger, "NIGHTLY")

    key = f"task:LAPTOP.ML_BRIDGE.NIGHTLY:{run['run_group_id']}"
    assert run["state"] == "SUCCEEDED", run["error"]
    assert ledger.calls() == [("train", {"as_of": "2026-11-01", "n": 1}, key)]


def test_the_run_id_is_the_return_value_of_the_task(ledger: Ledger) -> None:
    run = executed(ledger, "NIGHTLY")

    ((_, _, key),) = ledger.calls()
    assert run["return_value"] == run_id(BRIDGE_NAME, "train", key)


def test_every_run_of_the_graph_and_every_task_has_its_own_key(ledger: Ledger) -> None:
    executed(ledger, "NIGHTLY")
    executed(ledger, "NIGHTLY", count=2)
    executed(ledger, "WEEKLY")

    assert len({key for _, _, key in ledger.calls()}) == 3


def test_numbers_arrive_as_they_were_written(ledger: Ledger) -> None:
    ledger.run(f"CREATE OR REPLACE TASK EXACT WAREHOUSE = W AS CALL START_RUN_IN_TASK('train', {NUMBERS})")

    run = executed(ledger, "EXACT")

    ((_, inputs, _),) = ledger.calls()
    assert run["state"] == "SUCCEEDED", run["error"]
    assert inputs == {"learning_rate": Decimal("0.5"), "tiny": Decimal("0.1"), "long": LONG}


def test_a_task_without_inputs_sends_none(ledger: Ledger) -> None:
    ledger.run("CREATE OR REPLACE TASK BARE WAREHOUSE = W AS CALL START_RUN_IN_TASK('train', NULL)")

    executed(ledger, "BARE")

    assert [inputs for _, inputs, _ in ledger.calls()] == [{}]


def test_a_task_of_another_schema_finds_the_bridge_and_has_a_key_of_its_own(ledger: Ledger) -> None:
    ledger.run("CREATE SCHEMA IF NOT EXISTS SALES")
    ledger.run("USE SCHEMA ML_BRIDGE")
    body = "CALL LAPTOP.ML_BRIDGE.START_RUN_IN_TASK('train', {})"
    ledger.run(f"CREATE OR REPLACE TASK SALES.ELSEWHERE WAREHOUSE = W AS {body}")

    run = executed(ledger, "SALES.ELSEWHERE")

    assert run["state"] == "SUCCEEDED", run["error"]
    assert [key for _, _, key in ledger.calls()] == [f"task:LAPTOP.SALES.ELSEWHERE:{run['run_group_id']}"]


def test_a_rejection_fails_the_task_and_says_why(ledger: Ledger) -> None:
    run = executed(ledger, "WRONG")

    assert run["state"] == "FAILED"
    assert "the run was rejected: UNKNOWN_INPUT: no such input; UNKNOWN_INPUT: no such input" in run["error"]
    assert run["return_value"] is None


def test_an_app_that_is_away_fails_the_task(ledger: Ledger) -> None:
    run = executed(ledger, "LONELY")

    assert (run["state"], run["return_value"]) == ("FAILED", None)
    assert "the app is away" in run["error"]


def test_outside_of_a_task_it_says_what_to_call(ledger: Ledger) -> None:
    text = ledger.refused("START_RUN_IN_TASK('train', {})")

    assert "CALL START_RUN works everywhere" in text
    assert ledger.calls() == []
