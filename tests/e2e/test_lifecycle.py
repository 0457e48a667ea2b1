"""What is done with runs that are there: started again, cancelled, and replayed from their dead letters."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from bridge.local.stack import HOST
from tests.e2e.driver import Driver, new_key, run_id_of
from tests.eventually import eventually

GOOD = {"as_of": "2026-11-01"}


def ask(driver: Driver, sql: str) -> list[dict[str, Any]]:
    """The answers of an external function, a row each."""
    return [json.loads(row[0]) for row in driver.sql(sql)]


def rerun_of(driver: Driver, run_id: str) -> str | None:
    found = driver.sql("SELECT rerun_of FROM runs WHERE run_id = ?", run_id)[0][0]
    return None if found is None else str(found)


def job_status(driver: Driver, run_id: str, *wanted: str) -> str | None:
    """What AML says of the job, if there is one and it is in one of these states."""
    job = driver.jobs().get(run_id)
    return str(job["status"]) if job and (not wanted or job["status"] in wanted) else None


def dead_letter(driver: Driver, **where: str) -> str:
    """The id of the dead letter that the API lists for this query, once it does."""

    def listed() -> list[dict[str, Any]]:
        answer = driver.http.get("/dead-letters", params=where)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["dead_letters"]
        return found

    return str(eventually(listed, 60)[0]["dead_letter_id"])


def test_sql_starts_a_completed_run_again(driver: Driver) -> None:
    first = driver.create(as_of="2026-11-01", rows=0, learning_rate=0.25)
    driver.wait_for(first, "COMPLETED")
    key = new_key()

    answers = [ask(driver, f"SELECT SUBMIT_RERUN('{first}', '{key}')")[0] for _ in range(2)]

    for answer in answers:
        assert len(answer.pop("trace_id")) == 32  # that of the statement
    assert answers[0] == answers[1], "one key is one rerun"
    second = answers[0]["run_id"]
    assert (answers[0]["status"], answers[0]["rerun_of"]) == ("ACCEPTED", first)
    driver.wait_for(second, "COMPLETED")
    assert rerun_of(driver, second) == first
    assert rerun_of(driver, first) is None
    jobs = driver.jobs()
    assert jobs[second]["inputs"] == jobs[first]["inputs"]
    assert jobs[second]["tags"]["bridge_rerun_of"] == first


def test_http_starts_a_failed_run_again_and_refuses_its_own_key(driver: Driver) -> None:
    key = new_key()
    first = driver.create("always-fails", key, reason="to be run again")
    driver.wait_for(first, "FAILED")

    answer = driver.http.post(f"/runs/{first}/rerun")
    own_key = driver.http.post(f"/runs/{first}/rerun", json={"idempotency_key": key})
    unknown = driver.http.post(f"/runs/{run_id_of('churn-training', new_key())}/rerun")

    assert (answer.status_code, answer.json()["rerun_of"]) == (202, first)
    assert (own_key.status_code, own_key.json()["code"]) == (422, "BAD_KEY")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_RUN")
    driver.wait_for(answer.json()["run_id"], "FAILED")
    assert rerun_of(driver, answer.json()["run_id"]) == first


@pytest.fixture
def _one_delivery(driver: Driver) -> Iterator[None]:
    """The first delivery of a command is also its last."""
    driver.wait_until_quiet()
    driver.stack.call("service_bus", "PUT", "/queues/run-commands", {"max_delivery_count": 1})
    yield
    driver.stack.call("service_bus", "PUT", "/queues/run-commands", {"max_delivery_count": 10})


@pytest.mark.usefixtures("_one_delivery")
def test_a_submit_that_the_broker_gave_up_on_is_replayed_from_sql(driver: Driver) -> None:
    """As of a host that dies of a message each time."""
    driver.stack.plan_fault("functions", "crash", match={"function": "execute", "when": "before"})
    key = new_key()
    driver.post_to_queue("run-commands", {"pipeline": "churn-training", "inputs": GOOD}, key)
    eventually(lambda: not driver.stack.processes[HOST].is_running, 30)  # the fault struck
    driver.stack.start_host()
    run_id = run_id_of("churn-training", key)
    assert driver.wait_for(run_id, "FAILED")["error_code"] == "DEAD_LETTERED"
    assert run_id not in driver.jobs()
    letter = dead_letter(driver, run_id=run_id, queue="run-commands")

    (answer,) = ask(driver, f"SELECT SUBMIT_REPLAY('{letter}')")

    assert answer == {
        "status": "REPLAYED",
        "dead_letter_id": letter,
        "queue": "run-commands",
        "run_id": run_id,
        "attempt": 2,
    }
    row = driver.wait_for(run_id, "COMPLETED")
    assert (row["attempt"], row["error_code"]) == (2, None)
    assert driver.jobs()[run_id]["puts"] == 1


def test_an_unreadable_message_is_not_replayed(driver: Driver) -> None:
    driver.post_to_queue("run-control", "not json", new_key())
    letter = dead_letter(driver, queue="run-control")

    answer = driver.http.post(f"/dead-letters/{letter}/replay")

    assert (answer.status_code, answer.json()["code"]) == (422, "UNREADABLE")


def test_a_table_of_runs_is_cancelled_by_one_statement(driver: Driver) -> None:
    driver.stack.plan_fault("azure_ml", "drop_event", times=None)
    run_ids = [driver.create() for _ in range(3)]
    for run_id in run_ids:
        eventually(partial(job_status, driver, run_id), 30)
        driver.stack.call("azure_ml", "POST", f"/jobs/{run_id}/status", {"status": "Running"})
    rows = ", ".join(f"('{run_id}')" for run_id in run_ids[:2])

    answers = ask(driver, f"SELECT SUBMIT_CANCEL(column1) FROM VALUES {rows}, ('latest')")  # noqa: S608 - our own

    assert [(answer["status"], answer["run_id"]) for answer in answers] == [
        ("CANCEL_REQUESTED", run_ids[0]),
        ("CANCEL_REQUESTED", run_ids[1]),
        ("REJECTED", "latest"),
    ]
    for run_id in run_ids[:2]:
        eventually(partial(job_status, driver, run_id, "CancelRequested", "Canceled"), 30)
    driver.stack.advance(60 * 60)
    for run_id in run_ids[:2]:
        driver.wait_for(run_id, "CANCELED")
    assert job_status(driver, run_ids[2]) == "Running", "nobody asked for this one"
