"""One fault a test: it strikes for certain, and every run still ends in the right state with one job."""

import contextlib
from functools import partial

import httpx
import pytest

from bridge.local.stack import HOST
from tests.e2e.driver import Driver, new_key, run_id_of
from tests.eventually import eventually


def assert_one_completed_job(driver: Driver, run_id: str) -> None:
    driver.wait_for(run_id, "COMPLETED")
    jobs = driver.jobs()
    request = jobs[run_id]["tags"]["bridge_correlation_id"]
    assert [name for name, job in jobs.items() if job["tags"].get("bridge_correlation_id") == request] == [run_id]
    assert len(driver.sql("SELECT run_id FROM runs_all WHERE run_id = ?", run_id)) == 1


def test_azure_ml_throttles(driver: Driver) -> None:
    fault = driver.stack.plan_fault(
        "azure_ml", "status", match={"operation": "put_job"}, params={"status": 429, "retry_after": 3}
    )

    run_id = driver.create()
    driver.make_due("run-commands")

    assert_one_completed_job(driver, run_id)
    assert driver.struck("azure_ml", fault) == 1
    assert {"SUBMITTING", "RETRY_SCHEDULED"} <= set(driver.history(run_id))


def test_a_retry_inside_the_detection_window_is_not_dropped(driver: Driver) -> None:
    driver.stack.call("service_bus", "PUT", "/queues/run-commands", {"duplicate_detection_seconds": 600})
    fault = driver.stack.plan_fault(
        "azure_ml", "status", times=3, match={"operation": "put_job"}, params={"status": 503}
    )

    def struck(times: int) -> bool:
        return driver.struck("azure_ml", fault) == times

    run_id = driver.create()
    for strike in (1, 2, 3):
        eventually(partial(struck, strike), 30)
        driver.make_due("run-commands")

    assert_one_completed_job(driver, run_id)
    assert driver.struck("azure_ml", fault) == 3


def test_azure_ml_fails_after_it_made_the_job(driver: Driver) -> None:
    fault = driver.stack.plan_fault(
        "azure_ml", "status", match={"operation": "put_job"}, params={"status": 500, "after_commit": True}
    )

    run_id = driver.create()
    driver.make_due("run-commands")

    assert_one_completed_job(driver, run_id)
    assert driver.struck("azure_ml", fault) == 1
    assert driver.jobs()[run_id]["puts"] == 1, "the job that was there was found, not made again"


def test_azure_ml_does_not_answer_in_time(driver: Driver) -> None:
    fault = driver.stack.plan_fault(
        "azure_ml", "timeout", match={"operation": "put_job"}, params={"seconds": 12, "after_commit": True}
    )

    run_id = driver.create()
    driver.make_due("run-commands")

    assert_one_completed_job(driver, run_id)
    assert driver.struck("azure_ml", fault) == 1
    assert driver.jobs()[run_id]["puts"] == 1


def test_azure_ml_hangs_up(driver: Driver) -> None:
    fault = driver.stack.plan_fault("azure_ml", "disconnect", match={"operation": "put_job"})

    run_id = driver.create()
    driver.make_due("run-commands")

    assert_one_completed_job(driver, run_id)
    assert driver.struck("azure_ml", fault) == 1


def test_the_events_never_come(driver: Driver) -> None:
    fault = driver.stack.plan_fault("azure_ml", "drop_event", times=None)
    run_id = driver.create()
    eventually(lambda: "SUBMITTED" in driver.history(run_id), 30)

    driver.stack.advance(3 * 60)

    assert_one_completed_job(driver, run_id)
    assert driver.struck("azure_ml", fault) >= 1


@pytest.mark.parametrize("kind", ["duplicate_event"])
def test_events_come_twice(driver: Driver, kind: str) -> None:
    fault = driver.stack.plan_fault("azure_ml", kind, times=None)

    run_id = driver.create()

    assert_one_completed_job(driver, run_id)
    assert driver.struck("azure_ml", fault) >= 1


def test_event_grid_delivers_late_and_out_of_order(driver: Driver) -> None:
    fault = driver.stack.plan_fault("event_grid", "reorder", times=3, match={"door": "workspace"})

    run_id = driver.create()

    assert_one_completed_job(driver, run_id)
    assert driver.struck("event_grid", fault) >= 1


def test_service_bus_restarts(driver: Driver) -> None:
    run_ids = [driver.create() for _ in range(3)]
    driver.stack.outage("service_bus", down=True)

    refused = driver.http.post("/runs", json={"pipeline": "churn-training", "inputs": {"as_of": "2026-11-01"}})
    assert refused.status_code == 503, "the outage struck"
    assert int(refused.headers["Retry-After"]) >= 1
    key = refused.json()["idempotency_key"]

    driver.stack.outage("service_bus", down=False)
    eventually(lambda: driver.http.post("/runs", json=good(key)).status_code == 202, 30)
    for run_id in [*run_ids, run_id_of("churn-training", key)]:
        assert_one_completed_job(driver, run_id)


def test_service_bus_loses_a_connection_after_it_stored_the_message(driver: Driver) -> None:
    fault = driver.stack.plan_fault(
        "service_bus",
        "drop_connection",
        match={"queue": "run-commands", "operation": "send"},
        params={"after_commit": True},
    )

    run_id = driver.create()

    assert_one_completed_job(driver, run_id)
    assert driver.struck("service_bus", fault) == 1


def test_service_bus_delivers_twice(driver: Driver) -> None:
    fault = driver.stack.plan_fault("service_bus", "duplicate_delivery", times=5)

    run_id = driver.create()

    assert_one_completed_job(driver, run_id)
    assert driver.struck("service_bus", fault) >= 1


def test_a_lock_is_lost_while_the_job_is_made(driver: Driver) -> None:
    fault = driver.stack.plan_fault("service_bus", "lock_lost", match={"queue": "run-commands", "operation": "settle"})

    run_id = driver.create()

    assert_one_completed_job(driver, run_id)
    assert driver.struck("service_bus", fault) == 1


def test_snowflake_fails_after_it_wrote(driver: Driver) -> None:
    fault = driver.stack.plan_fault("snowflake", "after_commit_error", match={"verb": "INSERT"})

    run_id = driver.create()
    eventually(lambda: driver.struck("snowflake", fault), 30)
    driver.stack.advance(15 * 60)

    assert_one_completed_job(driver, run_id)


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_host_is_killed_around_a_submit(driver: Driver, when: str) -> None:
    host = driver.stack.processes[HOST]
    driver.wait_until_quiet()
    driver.stack.plan_fault("functions", "crash", match={"function": "execute", "when": when})
    key = new_key()
    run_id = run_id_of("churn-training", key)
    with contextlib.suppress(httpx.TransportError):  # the host may die before it has answered
        driver.http.post("/runs", json=good(key))
    eventually(lambda: not host.is_running, 30)  # the fault struck
    assert (run_id in driver.jobs()) == (when == "after")
    driver.stack.start_host()

    driver.wait_for(run_id, "COMPLETED", within=90)

    assert driver.jobs()[run_id]["puts"] == 1


def test_the_host_is_killed_before_it_recorded(driver: Driver) -> None:
    host = driver.stack.processes[HOST]
    driver.wait_until_quiet()
    driver.stack.plan_fault("functions", "crash", match={"function": "record", "when": "before"})
    key = new_key()
    run_id = run_id_of("churn-training", key)
    with contextlib.suppress(httpx.TransportError):
        driver.http.post("/runs", json=good(key))
    eventually(lambda: not host.is_running, 30)
    driver.stack.start_host()

    assert_one_completed_job(driver, run_id)


def test_an_unreadable_message_is_kept_and_hurts_nobody(driver: Driver) -> None:
    mark = new_key()
    for queue in ("run-commands", "run-control", "run-events", "inbound-events"):
        driver.post_to_queue(queue, f"not json {mark}", f"{queue}-{mark}")
    run_id = driver.create()

    assert_one_completed_job(driver, run_id)
    eventually(
        lambda: len(driver.sql("SELECT DISTINCT queue FROM dead_letters WHERE body LIKE ?", f"%{mark}%")) == 4, 30
    )


def good(key: str) -> dict[str, object]:
    return {"pipeline": "churn-training", "inputs": {"as_of": "2026-11-01"}, "idempotency_key": key}
