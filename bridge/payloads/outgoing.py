"""What the app sends to others: events in Event Grid's own schema or as CloudEvents, and the text of messages."""

import json
from typing import Any

from bridge.domain.outgoing import OutgoingEvent
from bridge.payloads import lossless

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"


def write_event(event: OutgoingEvent) -> dict[str, Any]:
    """A CloudEvent 1.0 if the event has a source; else the form that Snowflake's notifications have as well.

    A topic takes one schema only.
    """
    if event.source is not None:
        return _cloud_event(event, event.source)
    return {
        "id": event.event_id,
        "subject": event.subject,
        "eventType": event.event_type,
        "eventTime": event.occurred_at.isoformat(),
        "data": event.data,
        "dataVersion": "1",
    }


def _cloud_event(event: OutgoingEvent, source: str) -> dict[str, Any]:
    document = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.event_type,
        "subject": event.subject,
        "time": event.occurred_at.isoformat(),
        "data": event.data,
    }
    if not event.subject:  # a CloudEvent has one or has none, but no empty one
        del document["subject"]
    return document


def event_bytes(event: OutgoingEvent) -> int:
    """As the SDK writes it, with its spaces, and with the comma before the next one."""
    return len(json.dumps(write_event(event), default=float)) + 2


def message_text(body: object) -> tuple[str, str, Any]:
    """A message's text, its content type, and what it says as JSON, if anything; a text is sent as it is."""
    if body is None:
        return "", TEXT_TYPE, None
    if not isinstance(body, str):
        return lossless.dumps(body), JSON_TYPE, body
    try:
        document = lossless.loads(body)
    except ValueError:
        return body, TEXT_TYPE, None
    return body, JSON_TYPE, document
