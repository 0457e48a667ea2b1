"""Received messages in the shape the platform gives them to a Python function.

Only what the Service Bus extension puts into the binding data is there. So there is no dead_letter_reason and no
dead_letter_error_description (both are application properties of a dead-lettered message), times have no zone, the
delivery count of a first delivery is 1, and in a batch absent and empty texts are missing from their list, which shifts
the others: only message id, lock token, numbers and application properties are sure to be each message's own.

The objects are built here and not by the worker's own converter, which takes a millisecond for the two times of each
message; a test compares the two.

Source: ServiceBusTriggerBindingStrategy of Microsoft.Azure.WebJobs.Extensions.ServiceBus 5.x and
GrpcMessageConversionExtensions of azure-functions-host, read November 2026.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from azure.functions.servicebus import ServiceBusMessage
from azure.servicebus import ServiceBusReceivedMessage

#: What .NET says for a message that never expires.
NEVER = datetime.max  # noqa: DTZ901 - without a zone, as everything in the binding data


@dataclass(frozen=True, kw_only=True)
class ReceivedMessage:
    """What one message brings to a function."""

    body: bytes
    message_id: str
    delivery_count: int = 1
    sequence_number: int = 0
    lock_token: str = ""
    enqueued_at: datetime | None = None
    expires_at: datetime | None = None
    application_properties: Mapping[str, Any] = field(default_factory=dict)
    #: The optional textual fields by their names in the function's message, None when absent.
    texts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def traceparent(self) -> str | None:
        value = self.application_properties.get("Diagnostic-Id") or self.application_properties.get("traceparent")
        return value if isinstance(value, str) else None


def from_sdk(message: ServiceBusReceivedMessage) -> ReceivedMessage:
    """What the SDK received; it gives strings in application properties as bytes and counts deliveries from 0."""
    properties = {_text(key): _plain(value) for key, value in (message.application_properties or {}).items()}
    subject = message.subject
    return ReceivedMessage(
        body=b"".join(bytes(part) for part in message.body),
        message_id=str(message.message_id or ""),
        delivery_count=(message.delivery_count or 0) + 1,
        sequence_number=message.sequence_number or 0,
        lock_token=str(message.lock_token or ""),
        enqueued_at=message.enqueued_time_utc,
        expires_at=message.expires_at_utc,
        application_properties=properties,
        texts={
            "content_type": message.content_type,
            "correlation_id": message.correlation_id,
            "subject": subject,
            "label": subject,
            "to": message.to,
            "reply_to": message.reply_to,
            "reply_to_session_id": message.reply_to_session_id,
            "session_id": message.session_id,
            "partition_key": message.partition_key,
            "transaction_partition_key": message.partition_key,
            "dead_letter_source": message.dead_letter_source,
        },
    )


def one(message: ReceivedMessage, data_type: str | None) -> ServiceBusMessage:
    """The argument of a function with cardinality one."""
    body = message.body if data_type == "binary" else _as_text(message.body).encode()
    return _build(message, body, message.texts)


def many(messages: Sequence[ReceivedMessage], data_type: str | None) -> list[ServiceBusMessage]:
    """The argument of a function with cardinality many.

    Raises:
        ValueError: without a data type the host parses every body as JSON, and one of them is not.
        LookupError: as strings, empty bodies are left out, and there are fewer bodies than messages.
    """
    bodies = _bodies([message.body for message in messages], data_type)
    columns = {
        name: [text for text in (message.texts.get(name) for message in messages) if text]
        for name in dict.fromkeys(name for message in messages for name in message.texts)
    }
    return [
        _build(
            message,
            bodies[index],
            {name: column[index] if index < len(column) else None for name, column in columns.items()},
        )
        for index, message in enumerate(messages)
    ]


def _build(message: ReceivedMessage, body: bytes, texts: Mapping[str, Any]) -> ServiceBusMessage:
    properties = json.loads(json.dumps(message.application_properties, default=str))
    return ServiceBusMessage(
        body=body,
        message_id=message.message_id,
        lock_token=message.lock_token,
        delivery_count=message.delivery_count,
        sequence_number=message.sequence_number,
        enqueued_time_utc=_without_zone(message.enqueued_at),
        expires_at_utc=_without_zone(message.expires_at),
        application_properties=properties,
        user_properties=properties,
        **texts,
    )


def _bodies(bodies: list[bytes], data_type: str | None) -> list[bytes]:
    if data_type == "binary":
        return bodies
    texts = [_as_text(body) for body in bodies]
    if data_type == "string":
        return [text.encode() for text in texts if text]
    try:
        return [json.dumps(json.loads(text)).encode() for text in texts]
    except ValueError as error:
        raise ValueError(
            f"a batch without data_type is parsed as JSON, and one of its bodies is not: {error}"
        ) from None


def _as_text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace")


def _without_zone(moment: datetime | None) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else NEVER


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    return value
