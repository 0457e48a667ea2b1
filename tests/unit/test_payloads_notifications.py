"""Snowflake's notifications: whatever is wrapped around a message, the message is found, and nothing else is."""

import json
from decimal import Decimal
from typing import Any

import pytest

from bridge.domain.records import AmlEvent
from bridge.payloads.event_grid import read_events
from tests.unit.invocations import sample

REQUEST = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}
ENVELOPE = {"type": "Bridge.SubmitRun", "key": "k1", "data": REQUEST}
TASK = {"version": "1.0", "messageType": "USER_TASK_FAILED", "taskName": "T", "messages": [{"queryId": "q"}]}


def notification(data: Any, door: str = "snowflake", kind: str = "eventgrid-notification") -> AmlEvent:
    document = {"id": "e1", "eventType": kind, "subject": "Snowflake Queue Notification", "data": data}
    (event,) = read_events(json.dumps(document), door)
    return event


@pytest.mark.parametrize("name", ["string", "object"])
def test_the_bridges_envelope_is_taken_off_whether_it_is_a_text_or_an_object(name: str) -> None:
    (event,) = read_events(sample(f"snowflake_notification.event_grid.{name}"), "snowflake")

    assert (event.event_type, event.door) == ("nightly_load_done", "snowflake")
    assert event.data == {"rows": 10**38 - 1, "share": Decimal("0.10000000000000001")}


@pytest.mark.parametrize(
    "data",
    [
        ENVELOPE,
        json.dumps(ENVELOPE),
        json.dumps(json.dumps(ENVELOPE)),
        [ENVELOPE],
        {"Type": "bridge.submitrun", "Key": "k1", "Data": REQUEST},
        {"type": "Bridge.SubmitRun", "key": "k1", "data": json.dumps(REQUEST)},
        {"type": "Bridge.SubmitRun", "key": "k1", **REQUEST},
        {"message": json.dumps(ENVELOPE)},
        {"messageId": "m", "accountName": "a", "message": ENVELOPE},
        {"application/json": json.dumps(ENVELOPE)},
        {"whatever": {"body": [json.dumps(ENVELOPE)]}},
        {"type": "Bridge.SubmitRun", "key": "other", "data": {**REQUEST, "idempotency_key": "k1"}},
    ],
)
def test_a_request_is_found_in_any_wrapping_with_its_key(data: Any) -> None:
    event = notification(data)

    assert event.event_type.lower() == "bridge.submitrun"
    assert event.data == {**REQUEST, "idempotency_key": "k1"}


@pytest.mark.parametrize(
    ("message_type", "expected"),
    [
        ("USER_TASK_FAILED", "Snowflake.UserTaskFailed"),
        ("USER_TASK_SUCCEEDED", "Snowflake.UserTaskSucceeded"),
        ("INGEST_FAILED_FILE", "Snowflake.IngestFailedFile"),
    ],
)
def test_a_tasks_own_message_is_an_event_of_its_type(message_type: str, expected: str) -> None:
    event = notification(json.dumps({**TASK, "messageType": message_type}))

    assert (event.event_type, event.data["taskName"]) == (expected, "T")


def test_the_sample_of_a_failed_task_is_read() -> None:
    (event,) = read_events(sample("snowflake_task_failed.event_grid.string"), "snowflake")

    assert (event.event_type, event.data["messages"][0]["errorCode"]) == ("Snowflake.UserTaskFailed", "000630")


@pytest.mark.parametrize(
    "data",
    [
        None,
        5,
        "hello",
        "",
        [],
        [ENVELOPE, ENVELOPE],
        {},
        {"type": "x"},
        {"type": 5, "data": {}},
        {"type": "", "data": ""},
        {"messageType": "user task; DROP"},
        {"messageType": 5},
        {"message": ENVELOPE, "body": ENVELOPE},
        {"a": ENVELOPE, "b": 1},
        {"a": {"a": {"a": {"a": {"a": {"a": ENVELOPE}}}}}},
    ],
)
def test_what_says_no_type_or_could_be_two_things_stays_a_notification(data: Any) -> None:
    assert notification(data).event_type == "eventgrid-notification"


def test_only_notifications_are_unwrapped_and_never_those_of_the_workspace() -> None:
    assert notification(ENVELOPE, kind="Team.Done").event_type == "Team.Done"
    assert notification(ENVELOPE, door="workspace").event_type == "eventgrid-notification"


def test_two_envelopes_with_one_key_are_one_event() -> None:
    def ids(*envelopes: dict[str, Any]) -> set[str]:
        return {notification(envelope).id for envelope in envelopes}

    done: dict[str, Any] = {"type": "Team.Done", "key": "load-17", "data": {"rows": 1}}
    assert len(ids(done, {**done, "type": "TEAM.DONE", "data": {"rows": 2}})) == 1
    assert len(ids(done, {**done, "key": "load-18"}, {**done, "type": "Team.Begun"})) == 3
    assert ids({**done, "key": ""}, {**done, "key": 5}) == ids({"type": "Team.Done", "data": 0})


def test_an_envelope_with_a_plain_text_keeps_it() -> None:
    event = notification({"type": "Team.Done", "data": "all of it"})

    assert (event.event_type, event.data) == ("Team.Done", {"text": "all of it"})
