"""START_RUN_IN_TASK as the body of tasks of the emulated Snowflake: one run for each run of the task's graph."""

from collections.abc import Iterator
from typing import Any

import pytest

from bridge.domain.identity import run_id
from tests.eventually import eventually
from tests.procedures.ledger import Ledger, ledger_running

TASK = "CREATE OR REPLACE TASK {} WAREHOUSE = W AS CALL START_RUN_IN_TASK('{}', {{'as_of': '2026-11-01', 'n': 1}})"


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger_running() as ledger:
        ledger.create(
            "START_RUN_IN_TASK(pipeline VARCHAR, inputs OBJECT)", file="tasks.py", handler="start_run_in_task"
        )
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
        (found,) = [each for each in ledger.service.ask("/tasks") if each["name"].split(".")[-1] == task]
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
    assert run["return_value"] == run_id("bridge", "train", key)


def test_every_run_of_the_graph_and_every_task_has_its_own_key(ledger: Ledger) -> None:
    executed(ledger, "NIGHTLY")
    executed(ledger, "NIGHTLY", count=2)
    executed(ledger, "WEEKLY")

    assert len({key for _, _, key in ledger.calls()}) == 3


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
