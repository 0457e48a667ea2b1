"""The main job: a statement starts a run, and its life comes back as rows."""

import json
from typing import Any

import pytest

from tests.e2e.driver import Driver, new_key, run_id_of
from tests.eventually import eventually

GOOD = {"as_of": "2026-11-01"}


def test_sql_starts_a_run_and_shows_it_completed(driver: Driver) -> None:
    answer = json.loads(driver.sql("SELECT submit_run('churn-training', {'as_of': '2026-11-01'}, NULL)")[0][0])

    assert answer["status"] == "ACCEPTED"
    driver.wait_for(answer["run_id"], "COMPLETED")
    times = driver.sql(
        "SELECT accepted_at, submitted_at, started_at, ended_at, query_id, source FROM runs WHERE run_id = ?",
        answer["run_id"],
    )[0]
    assert None not in times
    assert times[0] <= times[1] <= times[2] <= times[3]
    assert times[5] == "external_function"


def test_a_failed_job_shows_azure_mls_error(driver: Driver) -> None:
    run_id = driver.create("always-fails", reason="a test")

    row = driver.wait_for(run_id, "FAILED")

    assert row["error_code"] == "UserError"
    assert "AS_OF is missing" in row["error_message"]


def test_zero_false_and_large_numbers_reach_azure_ml_unchanged(driver: Driver) -> None:
    run_id = driver.create(as_of="2026-11-01", rows=0, learning_rate=0.0, dry=False, note="")
    driver.wait_for(run_id, "COMPLETED")

    inputs = driver.jobs()[run_id]["inputs"]

    assert (inputs["rows"], inputs["dry"], inputs["note"]) == ("0", "False", "")
    assert float(inputs["learning_rate"]) == 0


def test_a_table_of_rows_is_one_run_a_row(driver: Driver) -> None:
    days = [f"2026-10-{day:02}" for day in range(1, 21)]
    values = ", ".join(f"('{day}')" for day in days)

    driver.sql(f"CREATE OR REPLACE TABLE days AS SELECT column1 AS as_of FROM VALUES {values}")  # noqa: S608 - our own
    rows = driver.sql("SELECT submit_run('churn-training', OBJECT_CONSTRUCT_KEEP_NULL('as_of', as_of), NULL) FROM days")

    run_ids = {json.loads(row[0])["run_id"] for row in rows}
    assert len(run_ids) == 20
    for run_id in run_ids:
        driver.wait_for(run_id, "COMPLETED")


@pytest.mark.parametrize("detection", [True, False])
class TestOnceOnly:
    """The same request five times is one job and one row, whatever the broker does about duplicates."""

    @pytest.fixture(autouse=True)
    def _detection(self, driver: Driver, *, detection: bool) -> None:
        for queue in ("run-commands", "run-control"):
            seconds = 600 if detection else 0
            driver.stack.call("service_bus", "PUT", f"/queues/{queue}", {"duplicate_detection_seconds": seconds})
        self.before = set(driver.jobs())

    def test_the_same_batch(self, driver: Driver) -> None:
        batch_id = new_key()

        answers = [driver.batch([["churn-training", GOOD, None]], batch_id)[0] for _ in range(5)]

        assert len({answer["run_id"] for answer in answers}) == 1
        self.assert_one(driver, answers[0]["run_id"])

    def test_the_same_idempotency_key(self, driver: Driver) -> None:
        key = new_key()

        run_ids = {driver.create(key=key) for _ in range(5)}

        assert len(run_ids) == 1
        self.assert_one(driver, run_ids.pop())

    def test_the_same_message(self, driver: Driver) -> None:
        key = new_key()
        for _ in range(5):
            driver.post_to_queue(
                "run-commands", {"pipeline": "churn-training", "inputs": GOOD, "idempotency_key": key}, key
            )

        self.assert_one(driver, run_id_of("churn-training", key))

    def assert_one(self, driver: Driver, run_id: str) -> None:
        driver.wait_for(run_id, "COMPLETED")
        driver.wait_until_quiet()
        assert set(driver.jobs()) - self.before == {run_id}
        assert len(driver.sql("SELECT run_id FROM runs_all WHERE run_id = ?", run_id)) == 1


def test_the_same_key_for_other_work_is_noted_and_changes_nothing(driver: Driver) -> None:
    key = new_key()
    run_id = driver.create(key=key, as_of="2026-11-01")
    driver.wait_for(run_id, "COMPLETED")

    driver.create(key=key, as_of="2026-11-02")

    def noted() -> bool:
        row = driver.run(run_id)
        return row is not None and row["conflicts"] == 1

    eventually(noted, 30)
    assert driver.run(run_id) is not None
    assert driver.jobs()[run_id]["inputs"]["as_of"] == "2026-11-01"
    assert driver.wait_for(run_id, "COMPLETED")


def test_two_thousand_rows_in_one_request_all_arrive(driver: Driver) -> None:
    rows: list[list[Any]] = [["churn-training", {"as_of": "yesterday"}, None] for _ in range(1990)]
    rows += [["churn-training", GOOD, None] for _ in range(10)]
    batch_id = new_key()

    answers = driver.batch(rows, batch_id)

    assert [answer["status"] for answer in answers] == ["REJECTED"] * 1990 + ["ACCEPTED"] * 10

    def recorded() -> bool:
        found = driver.sql("SELECT COUNT(DISTINCT run_id) FROM run_events WHERE query_batch_id = ?", batch_id)
        return int(found[0][0]) == 2000

    eventually(recorded, 60)
    for answer in answers[1990:]:
        driver.wait_for(answer["run_id"], "COMPLETED")


def test_a_run_is_cancelled(driver: Driver) -> None:
    driver.stack.plan_fault("azure_ml", "drop_event", times=None)
    run_id = driver.create()
    eventually(lambda: run_id in driver.jobs(), 30)
    driver.stack.call("azure_ml", "POST", f"/jobs/{run_id}/status", {"status": "Running"})

    answer = driver.http.post(f"/runs/{run_id}/cancel")

    assert answer.status_code == 202
    eventually(lambda: driver.jobs()[run_id]["status"] in {"CancelRequested", "Canceled"}, 30)
    driver.stack.advance(60 * 60)
    driver.wait_for(run_id, "CANCELED")


def test_one_run_is_shown_live(driver: Driver) -> None:
    run_id = driver.create()
    driver.wait_for(run_id, "COMPLETED")

    shown = driver.http.get(f"/runs/{run_id}")

    assert (shown.status_code, shown.json()["status"]) == (200, "COMPLETED")
    assert shown.json()["studio_url"].startswith("https://ml.azure.com/")


def test_a_failed_run_is_shown_live_with_its_error(driver: Driver) -> None:
    run_id = driver.create("always-fails", reason="a live look")
    eventually(lambda: driver.http.get(f"/runs/{run_id}").json().get("status") == "FAILED", 30)

    shown = driver.http.get(f"/runs/{run_id}").json()

    assert (shown["error_code"], shown["pipeline"]) == ("UserError", "always-fails")
    assert shown["started_at"] <= shown["ended_at"]


def test_runs_are_listed_from_the_ledger(driver: Driver) -> None:
    run_id = driver.create("always-fails", reason="a list")
    driver.wait_for(run_id, "FAILED")

    listed = driver.http.get("/runs", params={"status": "FAILED", "pipeline": "always-fails"})

    assert run_id in {run["run_id"] for run in listed.json()["runs"]}


def test_the_sweep_finds_a_run_that_nobody_followed(driver: Driver) -> None:
    """Its first check and its events are lost, as in a disaster."""
    driver.stack.plan_fault("azure_ml", "drop_event", times=None)
    run_id = driver.create()
    eventually(lambda: "SUBMITTED" in driver.history(run_id), 30)
    driver.stack.call("service_bus", "POST", "/reset", {})
    driver.stack.call("azure_ml", "POST", "/clock", {"advance_seconds": 60})

    driver.stack.call("functions", "POST", "/timers/sweep/fire", {})

    driver.wait_for(run_id, "COMPLETED")
