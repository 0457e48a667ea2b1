"""Messages as azure-servicebus receives them, in the form in which the platform hands them to a function."""

from typing import Any

from azure.functions.servicebus import ServiceBusMessage
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType


def to_function(message: ServiceBusReceivedMessage) -> ServiceBusMessage:
    """The SDK counts deliveries from 0 and leaves names and texts of properties as bytes; a function sees neither."""
    properties = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    return ServiceBusMessage(
        body=_body(message),
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


def _body(message: ServiceBusReceivedMessage) -> bytes:
    """The app's own senders write bytes. JMS and others send a value or a list, which is shown as text to be judged."""
    if message.body_type is AmqpMessageBodyType.DATA:
        return b"".join(message.body)
    value = message.body if message.body_type is AmqpMessageBodyType.VALUE else list(message.body)
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else repr(value)).encode(errors="replace")


def _text(value: Any) -> Any:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
