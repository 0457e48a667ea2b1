"""What a topic takes: the checks of a publish request, as the service makes them before it answers 200."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from bridge.local.eventgrid.topics import Topic

API_VERSION = "2018-01-01"
MAX_BYTES = 1024 * 1024
MAX_EVENTS = 5000
_TEXTS = ("id", "subject", "eventType", "eventTime")
_CLOUD_TEXTS = ("id", "source", "type", "specversion")


class PublishError(Exception):
    """A refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        detail = {"code": self.code, "message": self.message}
        return JSONResponse({"error": {**detail, "details": [detail]}}, status_code=self.status)


@dataclass(frozen=True)
class Event:
    """One accepted event, in the schema it came in."""

    body: dict[str, Any]
    is_cloud_event: bool

    @property
    def type(self) -> str:
        return str(self.body["type" if self.is_cloud_event else "eventType"])

    @property
    def subject(self) -> str:
        return str(self.body.get("subject") or "")


def check_key(topic: Topic, headers: Mapping[str, str]) -> None:
    """The access key; any other way in is refused."""
    given = headers.get("aeg-sas-key", "")
    if topic.key is None or not hmac.compare_digest(given.encode(), topic.key.encode()):
        raise PublishError(401, "Unauthorized", "The request did not contain a valid aeg-sas-key.")


def events_in(topic: Topic, content_type: str, body: bytes) -> list[Event]:
    """The events of a publish request, completed as the topic does it."""
    kind = content_type.partition(";")[0].strip().lower()
    is_cloud = kind.startswith("application/cloudevents")
    try:
        content = json.loads(body)
    except ValueError as error:
        raise _bad(f"This resource is configured to receive JSON: {error}") from error
    if kind == "application/cloudevents+json":
        content = [content]
    if not isinstance(content, list):
        raise _bad("This resource is configured to receive event as an array.")
    if len(content) > MAX_EVENTS:
        raise PublishError(413, "PayloadTooLarge", f"More than {MAX_EVENTS} events in one request.")
    return [Event(_cloud_event(each) if is_cloud else _grid_event(each, topic), is_cloud) for each in content]


def workspace_events(content: Any) -> list[Event]:
    """Events of the Azure ML emulator, which come complete: one, or an array."""
    events: Sequence[Any] = content if isinstance(content, list) else [content]
    return [Event(_with_texts(event, _TEXTS), is_cloud_event=False) for event in events]


def _grid_event(event: Any, topic: Topic) -> dict[str, Any]:
    checked = _with_texts(event, _TEXTS)
    if checked.get("topic") not in (None, "", topic.resource_id):
        raise _bad("The topic of an event, if there is one, must be the topic's resource id.")
    if checked.get("metadataVersion") not in (None, "", "1"):
        raise _bad("The metadataVersion of an event, if there is one, must be 1.")
    return {"data": None, "dataVersion": "", **checked, "topic": topic.resource_id, "metadataVersion": "1"}


def _cloud_event(event: Any) -> dict[str, Any]:
    checked = _with_texts(event, _CLOUD_TEXTS)
    if checked["specversion"] != "1.0":
        raise _bad("The specversion of a cloud event must be 1.0.")
    return checked


def _with_texts(event: Any, required: Sequence[str]) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise _bad("Every event must be an object.")
    missing = [name for name in required if not isinstance(event.get(name), str) or not event[name]]
    if missing:
        raise _bad(f"This resource is configured to receive events with {', '.join(missing)}.")
    return event


def _bad(message: str) -> PublishError:
    return PublishError(400, "BadRequest", message)
