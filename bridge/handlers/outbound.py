"""Sending through the app: external functions `publish_event` and `send_message`, and their twins for curl."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import azure.functions as func

from bridge.domain.errors import RetryableError
from bridge.handlers.answers import Caller, GetBridge, as_json, authenticated, problem, retry_seconds
from bridge.handlers.runs import read_body, refusal
from bridge.handlers.wire import Batch, answered_batch, arguments_problem, rejected
from bridge.payloads.external_function import UnusableRequest, WireRow
from bridge.payloads.outgoing import message_text
from bridge.payloads.shape import Shape
from bridge.services.accept_runs import key_problem
from bridge.services.send_outbound import (
    EVENT_ID_LIMIT,
    MESSAGE_ID_LIMIT,
    EventRequest,
    MessageRequest,
    Sent,
    publish_events,
    send_messages,
    usable_id,
)

PUBLISH_ARGUMENTS = (3, 4)
SEND_ARGUMENTS = (2, 3)
#: Fields have other names in a body than in SQL.
_BODY_FIELDS = {"event_type": "type"}


class EventBody(Shape):
    """`POST /api/v1/events`; what is in it is judged like a row's."""

    type: str
    subject: str | None = None
    data: Any = None
    topic: str | None = None
    id: str | None = None


class MessageBody(Shape):
    """`POST /api/v1/messages`."""

    queue: str
    body: Any
    message_id: str | None = None


def publish_event(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`publish_event(event_type VARCHAR, subject VARCHAR, data VARIANT, topic VARCHAR)`, for each row of the batch."""

    def values(batch: Batch) -> list[Any]:
        requests = [_event(row, batch) for row in batch.rows]
        return [_event_result(sent) for sent in publish_events(requests, get_bridge())]

    return answered_batch(request, get_bridge, values)


def send_message(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`send_message(queue VARCHAR, body VARIANT, message_id VARCHAR)`, for each row of the batch."""

    def values(batch: Batch) -> list[Any]:
        requests = [_message(row, batch) for row in batch.rows]
        return [_message_result(sent) for sent in send_messages(requests, get_bridge())]

    return answered_batch(request, get_bridge, values)


def create_event(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Publish one event: 202, or a problem that says what would be right."""

    def handle(caller: Caller) -> func.HttpResponse:
        body = read_body(request, EventBody)
        event_id = body.id or _header_id(request, EVENT_ID_LIMIT)
        wanted = EventRequest(event_type=body.type, subject=body.subject, data=body.data, topic=body.topic, id=event_id)
        return _one(lambda: publish_events([wanted], get_bridge())[0], _event_result, {"event_id": event_id}, caller)

    return authenticated(request, get_bridge, handle)


def create_message(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Send one message: 202, or a problem that says what would be right."""

    def handle(caller: Caller) -> func.HttpResponse:
        body = read_body(request, MessageBody)
        message_id = body.message_id or _header_id(request, MESSAGE_ID_LIMIT)
        text, content_type, document = message_text(body.body)
        wanted = MessageRequest(
            queue=body.queue, text=text, content_type=content_type, document=document, id=message_id
        )
        return _one(
            lambda: send_messages([wanted], get_bridge())[0], _message_result, {"message_id": message_id}, caller
        )

    return authenticated(request, get_bridge, handle)


def _event(row: WireRow, batch: Batch) -> EventRequest:
    kind, subject, data, topic = [*row.arguments, None, None, None, None][:4]
    return EventRequest(
        event_type=kind,
        subject=subject,
        data=data,
        topic=topic,
        id=_row_id(row, batch, EVENT_ID_LIMIT),
        problem=arguments_problem(row, PUBLISH_ARGUMENTS, "event_type, subject, data and topic"),
    )


def _message(row: WireRow, batch: Batch) -> MessageRequest:
    queue, body, message_id = [*row.arguments, None, None, None][:3]
    text, content_type, document = message_text(body)
    return MessageRequest(
        queue=queue,
        text=text,
        content_type=content_type,
        document=document,
        id=_row_id(row, batch, MESSAGE_ID_LIMIT) if message_id in (None, "") else message_id,
        problem=arguments_problem(row, SEND_ARGUMENTS, "queue, body and message_id"),
    )


def _row_id(row: WireRow, batch: Batch, limit: int) -> str:
    """The same when the batch is sent again."""
    return usable_id(batch.key(row) or str(uuid.uuid4()), limit)


def _header_id(request: func.HttpRequest, limit: int) -> str:
    given = request.headers.get("idempotency-key") or None
    bad_key = key_problem(given)
    if bad_key is not None:
        raise UnusableRequest(400, f"the header Idempotency-Key: {bad_key.message}")
    return usable_id(given or str(uuid.uuid4()), limit)


def _event_result(sent: Sent) -> dict[str, Any]:
    members = {"event_id": sent.id, "topic": sent.target}
    return rejected(sent.violation, **members) if sent.violation else {"status": "PUBLISHED", **members}


def _message_result(sent: Sent) -> dict[str, Any]:
    members = {"queue": sent.target, "message_id": sent.id}
    return rejected(sent.violation, **members) if sent.violation else {"status": "SENT", **members}


def _one(
    send: Callable[[], Sent], result: Callable[[Sent], dict[str, Any]], ids: dict[str, str], caller: Caller
) -> func.HttpResponse:
    """The answer of a REST route; after a 503 the id lets its caller send the very same thing again."""
    try:
        sent = send()
    except RetryableError as error:
        detail = f"{error}; send the same request again with this {next(iter(ids))}"
        headers = {"Retry-After": retry_seconds(error)}
        return problem(503, "Try again later", detail, headers=headers, correlation_id=caller.correlation_id, **ids)
    if sent.violation is None:
        return as_json(result(sent), status=202)
    field = sent.violation.field
    return refusal([replace(sent.violation, field=_BODY_FIELDS.get(field or "", field))], caller.correlation_id)
