"""Messages as azure-servicebus receives them, in the form in which the platform hands them to a function."""

from typing import Any

from azure.functions.servicebus import ServiceBusMessage
from azure.servicebus import ServiceBusReceivedMessage


def to_function(message: ServiceBusReceivedMessage) -> ServiceBusMessage:
    """The SDK counts deliveries from 0 and leaves names and texts of properties as bytes; a function sees neither."""
    properties = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    return ServiceBusMessage(
        body=b"".join(bytes(part) for part in message.body),
        message_id=message.message_id or "",
        delivery_count=(message.delivery_count or 0) + 1,
        sequence_number=message.sequence_number,
        enqueued_time_utc=message.enqueued_time_utc,
        expires_at_utc=message.expires_at_utc,
        lock_token=str(message.lock_token or ""),
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        subject=message.subject,
        label=message.subject,
        application_properties=properties,
        user_properties=properties,
    )


def _text(value: Any) -> Any:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
