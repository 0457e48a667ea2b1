"""An hour without Snowflake on the whole stack: runs go on, and the ledger catches up in few statements."""

import pytest

from tests.e2e.driver import Driver, new_key
from tests.eventually import eventually

ROWS = 25
STEPS = 2
STEP_SECONDS = 30 * 60
#: Statements of the catch-up: the rows of the outage, and those of the checks that it makes due.
FEW = 12


def inserts(driver: Driver) -> int:
    """How many statements added rows so far."""
    counts = driver.stack.call("snowflake", "GET", "/statements")["counts"]
    return sum(count for name, count in counts.items() if name.startswith("INSERT"))


def batch(driver: Driver) -> list[str]:
    answers = driver.batch([["churn-training", {"as_of": "2026-11-01"}, new_key()] for _ in range(ROWS)], new_key())
    return [answer["run_id"] for answer in answers]


@pytest.mark.timeout(300)
def test_after_an_hour_without_snowflake_every_run_is_recorded_in_one_catch_up(driver: Driver) -> None:
    driver.wait_until_quiet()
    before = inserts(driver)
    driver.stack.outage("snowflake", down=True)
    run_ids: list[str] = []
    for _ in range(STEPS):
        run_ids += batch(driver)
        eventually(lambda: driver.scheduled("run-events"), 60)  # rows were put off: the outage struck
        driver.stack.advance(STEP_SECONDS)
    eventually(lambda: all(driver.jobs()[run_id]["status"] == "Completed" for run_id in run_ids), 60)
    driver.wait_until_quiet(within=150)  # each batch tries to log in, and waits for the answer that does not come

    driver.stack.outage("snowflake", down=False)
    assert inserts(driver) == before, "nothing was written during the outage"
    driver.stack.advance(STEP_SECONDS)

    marks = ", ".join("?" * len(run_ids))
    ended = f"SELECT COUNT(*) FROM runs_all WHERE status = 'COMPLETED' AND run_id IN ({marks})"  # noqa: S608 - binds
    eventually(lambda: driver.sql(ended, *run_ids)[0][0] == len(run_ids), 60)
    assert {"ACCEPTED", "SUBMITTED"} <= set(driver.history(run_ids[0]))
    driver.wait_until_quiet()
    assert inserts(driver) - before <= FEW
