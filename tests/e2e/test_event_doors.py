"""Runs that are asked for by events, and events and messages that leave through the app."""

import json
import uuid
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

from tests.e2e.driver import PATIENCE, Driver, new_key, run_id_of
from tests.eventually import eventually

REQUEST = {"pipeline": "churn-training", "inputs": {"as_of": "2026-11-01"}}


def publish(driver: Driver, *events: EventGridEvent, topic: str = "custom") -> None:
    """As any program with the topic's key; Snowflake itself publishes to the topic `snowflake`."""
    grid = driver.stack.endpoints["event_grid"]
    endpoint = str(grid["topic_endpoint"]).replace("/custom/", f"/{topic}/")
    with EventGridPublisherClient(endpoint, AzureKeyCredential(grid["key"])) as client:
        client.send(list(events))


def event(data: Any, event_id: str, kind: str = "Bridge.SubmitRun", subject: str = "tests") -> EventGridEvent:
    return EventGridEvent(id=event_id, subject=subject, event_type=kind, data=data, data_version="1")


def origin(driver: Driver, run_id: str) -> tuple[str, str, str]:
    (row,) = driver.sql("SELECT source, principal, correlation_id FROM runs WHERE run_id = ?", run_id)
    return row[0], row[1], row[2]


def rejected(driver: Driver, event_id: str) -> tuple[str, str]:
    """Code and source of the row that the event left."""

    def found() -> tuple[str, str] | None:
        query = "SELECT error_code, source FROM runs WHERE correlation_id = ? AND status = 'REJECTED'"
        rows = driver.sql(query, event_id)
        return (rows[0][0], rows[0][1]) if rows else None

    return eventually(found, PATIENCE) or ("", "")


def test_an_event_starts_a_run_once_however_often_it_comes(driver: Driver) -> None:
    event_id, before = str(uuid.uuid4()), set(driver.jobs())
    fault = driver.stack.plan_fault("event_grid", "duplicate", match={"door": "custom"})

    publish(driver, event(REQUEST, event_id))
    publish(driver, event(REQUEST, event_id))

    run_id = run_id_of("churn-training", event_id)
    driver.wait_for(run_id, "COMPLETED")
    driver.wait_until_quiet()
    assert driver.struck("event_grid", fault) == 1
    assert origin(driver, run_id) == ("event:custom", "event:custom", event_id)
    assert set(driver.jobs()) - before == {run_id}


@pytest.mark.parametrize("as_text", [True, False])
def test_a_notification_of_snowflake_starts_a_run(driver: Driver, *, as_text: bool) -> None:
    event_id, key = str(uuid.uuid4()), new_key()
    envelope = {"type": "Bridge.SubmitRun", "key": key, "data": REQUEST}
    data = json.dumps(envelope) if as_text else envelope

    notification = event(data, event_id, "eventgrid-notification", "Snowflake Queue Notification")
    publish(driver, notification, topic="snowflake")

    run_id = run_id_of("churn-training", key)
    driver.wait_for(run_id, "COMPLETED")
    assert origin(driver, run_id) == ("event:snowflake", "event:snowflake", event_id)


def test_a_bad_request_and_one_by_the_wrong_door_leave_rows_that_say_why(driver: Driver) -> None:
    malformed, misdirected, good = (str(uuid.uuid4()) for _ in range(3))

    publish(driver, event({"inputs": {}}, malformed), event(REQUEST, good))
    publish(driver, event(REQUEST, misdirected), topic="workspace")

    assert rejected(driver, malformed) == ("BAD_EVENT", "event:custom")
    assert rejected(driver, misdirected) == ("NOT_ALLOWED", "event:workspace")
    driver.wait_for(run_id_of("churn-training", good), "COMPLETED")
    assert run_id_of("churn-training", misdirected) not in driver.jobs()


def test_an_event_that_leaves_by_the_app_comes_back_as_a_run(driver: Driver) -> None:
    answer = driver.http.post("/events", json={"type": "Bridge.SubmitRun", "data": REQUEST})

    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["status"], told["topic"]) == ("PUBLISHED", "custom")
    driver.wait_for(run_id_of("churn-training", told["event_id"]), "COMPLETED")


def test_a_message_that_leaves_by_the_app_comes_back_as_a_run(driver: Driver) -> None:
    answer = driver.http.post("/messages", json={"queue": "run-commands", "body": REQUEST})

    assert answer.status_code == 202, answer.text
    run_id = run_id_of("churn-training", answer.json()["message_id"])
    driver.wait_for(run_id, "COMPLETED")
    assert origin(driver, run_id)[:2] == ("queue:run-commands", "queue:run-commands")


def test_sql_sends_events_and_messages_row_by_row(driver: Driver) -> None:
    data = json.dumps(REQUEST)
    events = driver.sql(
        "SELECT submit_event(column1, NULL, PARSE_JSON(column2), column3)"
        " FROM VALUES (?, ?, NULL), (?, ?, ?), (?, ?, NULL)",
        *("Bridge.SubmitRun", data),
        *("Team.Done", data, "https://example.com/api/events"),
        *("Microsoft.MachineLearningServices.RunCompleted", data),
    )
    messages = driver.sql(
        "SELECT submit_message(column1, PARSE_JSON(column2), NULL) FROM VALUES (?, ?), (?, ?)",
        *("run-commands", data),
        *("run-events", data),
    )

    published, foreign, forged = (json.loads(row[0]) for row in events)
    sent, internal = (json.loads(row[0]) for row in messages)
    assert [published["status"], sent["status"]] == ["PUBLISHED", "SENT"]
    assert {each["error"]["code"] for each in (foreign, forged, internal)} == {"NOT_ALLOWED"}
    driver.wait_for(run_id_of("churn-training", published["event_id"]), "COMPLETED")
    driver.wait_for(run_id_of("churn-training", sent["message_id"]), "COMPLETED")


def test_while_the_topic_is_away_the_caller_is_to_try_again_with_the_same_id(driver: Driver) -> None:
    body = {"type": "Bridge.SubmitRun", "data": REQUEST}
    driver.stack.outage("event_grid", down=True)
    try:
        refused = driver.http.post("/events", json=body)
    finally:
        driver.stack.outage("event_grid", down=False)
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)

    event_id = refused.json()["event_id"]
    answer = driver.http.post("/events", json=body | {"id": event_id})

    assert answer.json()["event_id"] == event_id
    driver.wait_for(run_id_of("churn-training", event_id), "COMPLETED")
