"""A table of a thousand rows, in the function's batches of a hundred, one of which has to be sent twice."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.local.stack import Stack, local_stack
from tests.e2e.driver import Driver
from tests.eventually import eventually

#: Every hundredth row asks for a day that does not exist.
ROWS = """
    CREATE OR REPLACE TABLE thousand AS
    SELECT SEQ4() AS n, IFF(MOD(SEQ4(), 100) = 99, 'yesterday', '2026-11-01') AS as_of
    FROM TABLE(GENERATOR(ROWCOUNT => 1000))
"""
SUBMIT = """
    CREATE OR REPLACE TABLE answers AS
    SELECT n, submit_run('churn-training', OBJECT_CONSTRUCT('as_of', as_of, 'rows', n), NULL) AS answer
    FROM thousand
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One of its own, in which Azure ML tells no events: how jobs end is shown elsewhere, and takes longest."""
    with local_stack() as running:
        silence = running.plan_fault("azure_ml", "drop_event", times=None)
        yield running
        assert running.fault("azure_ml", silence)["struck"] >= 990, "nobody heard of the jobs by an event"


@pytest.fixture(scope="module")
def driver(stack: Stack) -> Iterator[Driver]:
    with Driver(stack) as driver:
        yield driver


@pytest.mark.timeout(600)
def test_a_thousand_rows_with_ten_bad_ones_and_a_batch_sent_again_are_990_jobs(driver: Driver) -> None:
    before = set(driver.jobs())
    log = driver.stack.directory / "functions.log"
    logged = log.stat().st_size
    driver.sql(ROWS)
    # The commands are queued, their facts are not: the app answers 503, and Snowflake sends the same batch again.
    driver.wait_until_quiet()
    fault = driver.stack.plan_fault(
        "service_bus", "drop_connection", times=3, match={"queue": "run-events", "operation": "send"}
    )

    driver.sql(SUBMIT)

    assert driver.struck("service_bus", fault) == 3
    assert b"try later: Service Bus, queue run-events" in log.read_bytes()[logged:], "no batch was answered 503"
    answers: list[dict[str, Any]] = [json.loads(row[0]) for row in driver.sql("SELECT answer FROM answers ORDER BY n")]
    assert Counter(answer["status"] for answer in answers) == {"ACCEPTED": 990, "REJECTED": 10}
    rejected = [answer for answer in answers if answer["status"] == "REJECTED"]
    assert {(answer["error"]["code"], answer["error"]["field"]) for answer in rejected} == {("WRONG_TYPE", "as_of")}
    assert all("yesterday" in answer["error"]["message"] for answer in rejected)

    run_ids = {answer["run_id"] for answer in answers if answer["status"] == "ACCEPTED"}
    assert len(run_ids) == 990
    eventually(lambda: run_ids <= set(driver.jobs()), 240)
    eventually(lambda: recorded(driver) == 1000, 120)
    driver.wait_until_quiet(within=240)
    assert set(driver.jobs()) - before == run_ids


def recorded(driver: Driver) -> int:
    """How many of the answers the ledger shows."""
    found = driver.sql("SELECT COUNT(*) FROM answers a JOIN runs_all r ON r.run_id = a.answer:run_id::VARCHAR")
    return int(found[0][0])
