"""A dead letter of an inbound event keeps the door that the event came by, as its replay must come by the same."""

import json
from typing import Any

import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.domain.queues import Queue
from bridge.handlers import queues as handlers
from bridge.payloads.records import read_records, write_records
from bridge.ports import Bridge
from tests.unit.invocations import message
from tests.unit.requests import put_aside

LETTER = {
    "dead_letter_id": "d-1",
    "queue": "inbound-events",
    "body": "{",
    "body_sha256": "0" * 64,
    "reason": "POISON",
    "description": "no JSON",
    "message_id": "m-1",
    "occurred_at": "2026-11-20T10:00:00Z",
}


@pytest.mark.parametrize("door", ["workspace", "snowflake", "custom"])
def test_an_event_that_was_given_up_on_keeps_its_door(bridge: Bridge, queues: MemoryQueues, door: str) -> None:
    handlers.dead(message(b"{}", application_properties={"bridge_door": door}), Queue.INBOUND_EVENTS, bridge)

    assert [letter.door for letter in put_aside(queues)] == [door]


def test_an_event_that_cannot_be_read_keeps_its_door(bridge: Bridge, queues: MemoryQueues) -> None:
    handlers.ingest(message(b"{", application_properties={"bridge_door": "custom"}), bridge)

    assert [(letter.reason, letter.door) for letter in put_aside(queues)] == [("POISON", "custom")]


@pytest.mark.parametrize("properties", [None, {}, {"bridge_door": ""}])
def test_what_came_by_no_door_has_none(bridge: Bridge, queues: MemoryQueues, properties: dict[str, Any] | None) -> None:
    handlers.dead(message(b"{}", application_properties=properties), Queue.RUN_COMMANDS, bridge)

    assert [letter.door for letter in put_aside(queues)] == [None]


@pytest.mark.parametrize("door", ["custom", None])
def test_a_door_goes_through_the_queue(door: str | None) -> None:
    text = json.dumps({"schema_version": 1, "dead_letters": [LETTER | {"door": door}]})

    (letter,) = read_records(text).dead_letters

    assert letter.door == door
    assert write_records(read_records(text))["dead_letters"][0].get("door") == door


def test_a_letter_of_an_older_app_is_read() -> None:
    """Messages wait in `run-events` while a new version is deployed."""
    (letter,) = read_records(json.dumps({"schema_version": 1, "dead_letters": [LETTER]})).dead_letters

    assert letter.door is None
