"""Messages that arrive over HTTP, turned into what a link would have brought."""

import datetime as dt
import email.utils
import json
import struct
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.local.servicebus import amqp, codec
from bridge.local.servicebus.amqp import Symbol, Timestamp
from bridge.local.servicebus.codec import Content
from bridge.local.servicebus.errors import BadRequestError

BATCH_TYPE = "application/vnd.microsoft.servicebus.json"
#: Headers of HTTP itself and of the API; every other one is a user property.
_OWN_HEADERS = {
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "brokerproperties",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-ms-retrypolicy",
}


def from_request(headers: Iterable[tuple[str, str]], body: bytes) -> list[Content]:
    """The messages of one request: one, or as many as its batch holds."""
    fields = {name.lower(): value for name, value in headers}
    content_type = fields.get("content-type", "")
    if content_type.strip() == BATCH_TYPE:  # with a parameter such as charset it is one message like any other
        return [_batched(entry) for entry in _json_list(body)]
    broker_properties = _json_object(fields.get("brokerproperties", "{}"), "BrokerProperties")
    if content_type:
        broker_properties.setdefault("ContentType", content_type)
    user = {name: _header_value(value) for name, value in fields.items() if name not in _OWN_HEADERS}
    return [_content(body, broker_properties, user)]


def _batched(entry: Any) -> Content:
    if not isinstance(entry, dict) or not isinstance(entry.get("Body"), str):
        raise BadRequestError("each message of a batch needs a Body, which is a text")
    return _content(
        entry["Body"].encode(),
        _object(entry.get("BrokerProperties") or {}, "BrokerProperties"),
        _object(entry.get("UserProperties") or {}, "UserProperties"),
    )


def _content(body: bytes, broker_properties: Mapping[str, Any], user: Mapping[str, Any]) -> Content:
    try:
        return codec.parse(b"".join(_sections(body, broker_properties, user)))
    except (ValueError, TypeError, struct.error) as error:
        raise BadRequestError(f"a property has a value that cannot be sent: {error}") from error


def _sections(body: bytes, broker_properties: Mapping[str, Any], user: Mapping[str, Any]) -> Iterable[bytes]:
    seconds = _time_to_live(broker_properties)
    if seconds is not None:
        time_to_live = b"\x70" + struct.pack(">I", min(round(seconds * 1000), 0xFFFFFFFF))
        yield codec.section(codec.HEADER, amqp.encode_list([b"\x40", b"\x40", time_to_live]))
    due = broker_properties.get("ScheduledEnqueueTimeUtc")
    if due is not None:
        at = email.utils.parsedate_to_datetime(due).replace(tzinfo=dt.UTC)  # always GMT, whatever it says
        name = Symbol(codec.SCHEDULED_ENQUEUE_TIME)
        yield codec.section(codec.ANNOTATIONS, amqp.encode({name: Timestamp(at.timestamp() * 1000)}))
    yield codec.section(codec.PROPERTIES, amqp.encode(_property_list(broker_properties)))
    if user:
        yield codec.section(codec.APPLICATION_PROPERTIES, amqp.encode(dict(user)))
    yield codec.data_section(body)


def _property_list(given: Mapping[str, Any]) -> list[Any]:
    """AMQP's message properties, each at its place."""
    content_type = _text(given, "ContentType")
    return [
        _text(given, "MessageId") or uuid.uuid4().hex,
        None,
        _text(given, "To"),
        _text(given, "Label"),
        _text(given, "ReplyTo"),
        _text(given, "CorrelationId"),
        Symbol(content_type) if content_type else None,
        None,
        None,
        None,
        _text(given, "SessionId"),
        None,
        _text(given, "ReplyToSessionId"),
    ]


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, (str, int)):
        raise BadRequestError(f"{name} must be a text")
    return None if value is None else str(value)


def _time_to_live(given: Mapping[str, Any]) -> float | None:
    """Seconds: a number as TimeToLive, hours:minutes:seconds as TimeToLiveTimeSpan."""
    if "TimeToLiveTimeSpan" in given:
        hours, minutes, seconds = str(given["TimeToLiveTimeSpan"]).split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return float(given["TimeToLive"]) if given.get("TimeToLive") is not None else None


def _header_value(text: str) -> Any:
    """Strings stand in double quotes; what is no JSON value at all is taken as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (str, int, float)) else text


def _json_list(body: bytes) -> list[Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise BadRequestError(f"the batch is not JSON: {error}") from error
    if not isinstance(found, list) or not found:
        raise BadRequestError("a batch is a JSON array of messages")
    return found


def _json_object(text: str, name: str) -> dict[str, Any]:
    try:
        return _object(json.loads(text), name)
    except ValueError as error:
        raise BadRequestError(f"{name} is not JSON: {error}") from error


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequestError(f"{name} must be a JSON object")
    return dict(value)
