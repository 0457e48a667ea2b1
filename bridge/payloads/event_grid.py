"""Events as Event Grid delivers them: its own schema or CloudEvents 1.0, one object or an array."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.domain.aml_events import WORKSPACE_DOOR
from bridge.domain.errors import PoisonMessage
from bridge.domain.identity import short_hash
from bridge.domain.records import AmlEvent
from bridge.payloads import limits, lossless, snowflake_notifications
from bridge.payloads.shape import in_utc
from bridge.payloads.snowflake_notifications import Inside

#: An id is repeated in the ids of messages; one that is longer is replaced by its hash.
ID_LIMIT = 200
#: The names of the same things in the two schemas.
_EVENT_GRID = {"id": "id", "type": "eventType", "subject": "subject", "time": "eventTime", "topic": "topic"}
_CLOUD_EVENTS = {"id": "id", "type": "type", "subject": "subject", "time": "time", "topic": "source"}


@dataclass(frozen=True, kw_only=True)
class UnreadableEvent:
    """One of several events that came together; the others are not to blame."""

    text: str
    reason: str


def read_each(text: str | bytes, door: str) -> list[AmlEvent | UnreadableEvent]:
    """The events of one message, one by one. Raises: PoisonMessage when it is no JSON."""
    try:
        document = lossless.loads_message(text)
    except ValueError as error:
        raise PoisonMessage(str(error)) from error
    items = document if isinstance(document, list) else [document]
    if len(items) > limits.EVENTS:
        raise PoisonMessage(f"{len(items):,} events, {limits.EVENTS:,} is the limit of a message")
    return [_each(item, door) for item in items]


def read_events(text: str | bytes, door: str) -> list[AmlEvent]:
    """The events of one message, all or none. Raises: PoisonMessage."""
    events = []
    for found in read_each(text, door):
        if isinstance(found, UnreadableEvent):
            raise PoisonMessage(found.reason)
        events.append(found)
    return events


def write_event(event: AmlEvent) -> dict[str, Any]:
    """In Event Grid's own schema, as `read_each` takes it; the door travels beside it."""
    names = _EVENT_GRID
    return {
        names["id"]: event.id,
        names["type"]: event.event_type,
        names["subject"]: event.subject,
        names["time"]: event.event_time.isoformat() if event.event_time else None,
        names["topic"]: event.topic,
        "data": event.data,
    }


def _each(item: Any, door: str) -> AmlEvent | UnreadableEvent:
    if not isinstance(item, Mapping):
        return UnreadableEvent(text=lossless.dumps(item), reason="an event is a JSON object")
    names = _CLOUD_EVENTS if "specversion" in item else _EVENT_GRID
    kind = item.get(names["type"])
    if not isinstance(kind, str) or not kind:
        return UnreadableEvent(text=lossless.dumps(item), reason=f'an event names its type in "{names["type"]}"')
    data, event_id = item.get("data"), _id(item, names["id"])
    # The workspace's own topic carries Azure ML's events only.
    if kind.lower() == snowflake_notifications.EVENT_TYPE and door != WORKSPACE_DOOR:
        inside = snowflake_notifications.unwrapped(data) or Inside(kind, data)
        kind, data = inside.type, inside.data
        event_id = short_hash([door, kind.lower(), inside.key]) if inside.key is not None else event_id
    return AmlEvent(
        id=event_id,
        event_type=kind,
        subject=str(item.get(names["subject"]) or ""),
        event_time=_time(item.get(names["time"])),
        data=_data(data),
        topic=str(item.get(names["topic"]) or ""),
        door=door,
    )


def _id(item: Mapping[str, Any], name: str) -> str:
    """The event's id; without a usable one, a hash of the event, so that its repetitions are still told."""
    given = item.get(name)
    is_usable = isinstance(given, str) and 0 < len(given) <= ID_LIMIT and given.isprintable()
    return str(given) if is_usable else short_hash([lossless.dumps(item)])


def _time(value: Any) -> datetime | None:
    """None where it is missing or unusable: an event is only a hint and is not refused for its date."""
    try:
        return in_utc(datetime.fromisoformat(str(value)))
    except ValueError:
        return None


def _data(value: Any) -> Mapping[str, Any]:
    """An object; Snowflake sends its notifications as JSON inside a string."""
    if isinstance(value, str):
        try:
            value = lossless.loads(value)
        except ValueError:
            return {"text": value}
    return value if isinstance(value, Mapping) else {"value": value}
