"""What the app sends for its callers: events in Event Grid's own schema, and the text of messages."""

import json
from typing import Any

from bridge.payloads import lossless
from bridge.ports import OutgoingEvent

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"


def write_event(event: OutgoingEvent) -> dict[str, Any]:
    """The form that Snowflake's notifications have as well, so that a topic needs to take one schema only."""
    return {
        "id": event.event_id,
        "subject": event.subject,
        "eventType": event.event_type,
        "eventTime": event.occurred_at.isoformat(),
        "data": event.data,
        "dataVersion": "1",
    }


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
