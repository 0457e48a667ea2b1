"""`run_and_wait` in SQL: one statement that comes back with the ends of its runs."""

import json
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from tests.e2e.driver import PATIENCE, Driver, new_key
from tests.eventually import eventually


def select(driver: Driver, rows: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """The values for rows of pipeline, day and key, in the order of the keys."""
    driver.sql("CREATE OR REPLACE TEMPORARY TABLE asked (pipeline VARCHAR, as_of VARCHAR, idempotency_key VARCHAR)")
    for row in rows:
        driver.sql("INSERT INTO asked SELECT ?, ?, ?", *row)
    found = driver.sql(
        "SELECT run_and_wait(pipeline, OBJECT_CONSTRUCT('as_of', as_of), idempotency_key)"
        " FROM asked ORDER BY idempotency_key"
    )
    return [json.loads(row[0]) for row in found]


def test_a_statement_waits_for_its_runs_and_tells_how_they_ended(driver: Driver) -> None:
    prefix = new_key()
    rows = [("churn-training", f"2026-10-0{day}", f"{prefix}-{day}") for day in (1, 2)]
    rows += [("trian", "2026-10-03", f"{prefix}-3"), ("churn-training", "yesterday", f"{prefix}-4")]

    values = select(driver, rows)

    assert [value["status"] for value in values] == ["COMPLETED", "COMPLETED", "REJECTED", "REJECTED"]
    for value in values[:2]:
        assert value["timed_out"] is False
        assert value.keys() >= {"outputs", "fingerprint", "pipeline"}
        assert value["started_at"] <= value["ended_at"]
        assert value["studio_url"].startswith("https://ml.azure.com/")
        assert driver.run(value["run_id"]) is not None
    assert [value["error"]["code"] for value in values[2:]] == ["UNKNOWN_PIPELINE", "WRONG_TYPE"]
    assert len({value["run_id"] for value in values}) == 4


def test_a_failed_run_is_told_with_its_error(driver: Driver) -> None:
    (row,) = driver.sql("SELECT run_and_wait('always-fails', {'reason': 'a test'}, NULL)")

    value = json.loads(row[0])
    assert (value["status"], value["error"]["code"]) == ("FAILED", "UserError")


def test_rows_that_are_all_bad_are_answered_without_waiting(driver: Driver) -> None:
    (row,) = driver.sql("SELECT run_and_wait('trian', {}, NULL)")

    assert json.loads(row[0])["status"] == "REJECTED"


def test_while_the_ledger_is_away_the_wait_goes_on(driver: Driver) -> None:
    """Asked as Snowflake asks: its emulator is the ledger as well."""
    headers = {
        "sf-external-function-query-batch-id": new_key(),
        "sf-external-function-current-query-id": new_key(),
    }
    body = {"data": [[0, "churn-training", {"as_of": "2026-11-01"}, None]]}
    assert driver.http.post("/snowflake/run_and_wait", json=body, headers=headers).status_code == 202
    driver.stack.outage("snowflake", down=True)
    try:
        away = driver.http.get("/snowflake/run_and_wait", headers=headers)
    finally:
        driver.stack.outage("snowflake", down=False)
    assert (away.status_code, "Retry-After" in away.headers) == (503, True)

    def ended() -> Any:
        answer = driver.http.get("/snowflake/run_and_wait", headers=headers)
        return answer.json() if answer.status_code == 200 else None

    found = eventually(ended, PATIENCE)

    assert [(number, value["status"]) for number, value in found["data"]] == [(0, "COMPLETED")]


def test_a_wait_without_the_batchs_id_is_refused(driver: Driver) -> None:
    assert driver.http.get("/snowflake/run_and_wait").status_code == 400


def test_a_statement_fails_when_its_batch_cannot_be_used(driver: Driver) -> None:
    with pytest.raises(ProgrammingError):
        driver.sql("SELECT run_and_wait('churn-training', 'no object', NULL)")
