"""Sends events and messages for callers, to allow-listed topics and queues only; a bad row holds up no other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from bridge.domain.aml_events import RUN_REQUEST
from bridge.domain.errors import PermanentError
from bridge.domain.event_kinds import BRIDGE_PREFIX
from bridge.domain.identity import short_hash
from bridge.domain.inputs import Violation, shown
from bridge.domain.outgoing import OutgoingEvent
from bridge.ports import Bridge, Outbound, OutgoingMessage
from bridge.services.report import MESSAGE_LIMIT_BYTES

TYPE_LIMIT = 200
SUBJECT_LIMIT = 1000
EVENT_ID_LIMIT = 200
#: The broker's own.
MESSAGE_ID_LIMIT = 128
#: A topic takes 1 MB with what it adds; a request for a run also has to fit into the app's own queue.
EVENT_LIMIT_BYTES = 900_000
#: Azure's own events and the bridge's: whoever could send them could pretend that a job has ended.
RESERVED = ("microsoft.", BRIDGE_PREFIX)

Request = TypeVar("Request", "EventRequest", "MessageRequest")
Outgoing = TypeVar("Outgoing", OutgoingEvent, OutgoingMessage)


@dataclass(frozen=True, kw_only=True)
class EventRequest:
    """One event that a caller wants published, as it came through a door."""

    event_type: object
    #: None for one that names the bridge.
    subject: object
    data: Any
    #: Name or endpoint; None for the default topic.
    topic: object
    id: object
    #: What is wrong with the row itself, found while reading it.
    problem: Violation | None = None


@dataclass(frozen=True, kw_only=True)
class MessageRequest:
    """One message that a caller wants sent, as it came through a door."""

    queue: object
    text: str
    content_type: str
    #: What the text says as JSON; None when it says nothing.
    document: Any
    id: object
    problem: Violation | None = None


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of one request; it was sent unless there is a violation."""

    id: str | None = None
    #: Name of the topic or queue, when it is one of those that are allowed.
    target: str | None = None
    violation: Violation | None = None


class _Rejected(Exception):
    """A request that cannot be done."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation
        super().__init__(violation.message)


def _bad(message: str, field: str, code: str = "BAD_ROW") -> _Rejected:
    return _Rejected(Violation(code=code, message=message, field=field))


def publish_events(requests: Sequence[EventRequest], bridge: Bridge) -> list[Sent]:
    """Publish what can be published, topic by topic; the answers are in the order of the requests.

    Raises: RetryableError when a topic could not take its events; the same requests sent again repeat the ids.
    """
    outbound = bridge.outbound
    return _send_all(
        requests,
        lambda request: (_topic(request.topic, outbound), _event(request, bridge)),
        lambda name, events: outbound.publisher.publish(outbound.topics[name], events),
        id_field="id",
        id_limit=EVENT_ID_LIMIT,
    )


def send_messages(requests: Sequence[MessageRequest], bridge: Bridge) -> list[Sent]:
    """Send what can be sent, queue by queue; as `publish_events`."""
    return _send_all(
        requests,
        lambda request: (_queue(request, bridge.outbound), _message(request)),
        bridge.sender.post,
        id_field="message_id",
        id_limit=MESSAGE_ID_LIMIT,
    )


def usable_id(derived: str, limit: int) -> str:
    """An id that was made from other ids, in a form that fits."""
    return derived if len(derived) <= limit else short_hash([derived])


def _send_all(
    requests: Sequence[Request],
    prepare: Callable[[Request], tuple[str, Outgoing]],
    send: Callable[[str, list[Outgoing]], None],
    *,
    id_field: str,
    id_limit: int,
) -> list[Sent]:
    answers = [Sent()] * len(requests)
    groups: dict[str, list[tuple[int, Outgoing]]] = {}
    for position, request in enumerate(requests):
        given = request.id if isinstance(request.id, str) and len(request.id) <= id_limit else None
        try:
            if request.problem is not None:
                raise _Rejected(request.problem)
            _check_text(id_field, request.id, id_limit)
            target, outgoing = prepare(request)
        except _Rejected as error:
            answers[position] = Sent(id=given, violation=error.violation)
        else:
            answers[position] = Sent(id=given, target=target)
            groups.setdefault(target, []).append((position, outgoing))
    for target, group in groups.items():
        refusal = _refusal(send, target, [outgoing for _, outgoing in group])
        if refusal is not None:
            for position, _ in group:
                answers[position] = Sent(id=answers[position].id, target=target, violation=refusal)
    return answers


def _refusal(send: Callable[[str, list[Outgoing]], None], target: str, outgoing: list[Outgoing]) -> Violation | None:
    """What the topic or queue has against all of them, if anything: those for others are still sent."""
    try:
        send(target, outgoing)
    except PermanentError as error:
        return Violation(code=error.code, message=str(error))
    return None


def _topic(wanted: object, outbound: Outbound) -> str:
    """The topic's name. Callers choose among the settings' addresses; they never give one."""
    if wanted is None or wanted == "":
        if outbound.default_topic is None:
            raise _not_allowed("no topic is set as the default", "topic", outbound.topics, "ALLOWED_TOPICS")
        return outbound.default_topic
    if not isinstance(wanted, str):
        raise _bad("the topic is not text: give its name, or NULL for the default one", "topic")
    for name, endpoint in outbound.topics.items():
        if wanted == name or wanted.rstrip("/").lower() == endpoint.rstrip("/").lower():
            return name
    raise _not_allowed(f"topic {shown(wanted)} is not allowed", "topic", outbound.topics, "ALLOWED_TOPICS")


def _queue(request: MessageRequest, outbound: Outbound) -> str:
    queue = request.queue
    if not isinstance(queue, str) or not queue:
        raise _bad("the queue's name is missing: give it as text", "queue")
    if queue not in outbound.queues:
        raise _not_allowed(f"queue {shown(queue)} is not allowed", "queue", outbound.queues, "ALLOWED_QUEUES")
    # Whoever accepted a request is believed there about who made it: that is not for a caller to write.
    is_request = isinstance(request.document, Mapping) and "accepted_at" not in request.document
    if queue.lower() == (outbound.requests_queue or "").lower() and not is_request:
        raise _bad("a message for this queue is an object with pipeline, inputs and idempotency_key", "body")
    return queue


def _not_allowed(what: str, field: str, allowed: Mapping[str, str] | frozenset[str], setting: str) -> _Rejected:
    names = ", ".join(sorted(allowed)[:20])
    return _bad(f"{what}: {f'use one of {names}' if names else f'{setting} names none'}", field, "NOT_ALLOWED")


def _event(request: EventRequest, bridge: Bridge) -> OutgoingEvent:
    kind = _check_text("event_type", request.event_type, TYPE_LIMIT)
    if kind.lower().startswith(RESERVED) and kind.lower() != RUN_REQUEST:
        message = "types that begin with Microsoft. or Bridge. are Azure's and the bridge's own: take another"
        raise _bad(message, "event_type", "NOT_ALLOWED")
    subject = request.subject if request.subject not in (None, "") else f"bridge/{bridge.name}"
    if not _is_exact(request.data):
        message = "a number in the data has more digits than an event carries: give it as text"
        raise _bad(message, "data")
    event = OutgoingEvent(
        event_id=str(request.id),
        event_type=kind,
        subject=_check_text("subject", subject, SUBJECT_LIMIT),
        data=request.data,
        occurred_at=bridge.clock.now(),
    )
    limit = MESSAGE_LIMIT_BYTES if kind.lower() == RUN_REQUEST else EVENT_LIMIT_BYTES
    _check_size(bridge.outbound.publisher.size(event), limit, "data")
    return event


def _message(request: MessageRequest) -> OutgoingMessage:
    if request.document is None and not request.text.strip():
        raise _bad("the body is missing: give a text or a JSON value", "body")
    _check_size(len(request.text.encode()), MESSAGE_LIMIT_BYTES, "body")
    return OutgoingMessage(message_id=str(request.id), text=request.text, content_type=request.content_type)


def _check_text(field: str, value: object, limit: int) -> str:
    if isinstance(value, str) and 0 < len(value.strip()) == len(value) <= limit and value.isprintable():
        return value
    message = f"{field} must be text of 1 to {limit} printable characters, without spaces around it"
    raise _bad(message, field)


def _check_size(size: int, limit: int, field: str) -> None:
    if size > limit:
        message = f"it takes {size:,} bytes, {limit:,} is the limit: pass a reference (a table, a path), not the data"
        raise _bad(message, field, "TOO_LARGE")


def _is_exact(data: Any) -> bool:
    """Whether the data survives a reader that keeps fractions as doubles, as the SDK and most receivers do."""
    if isinstance(data, Decimal):
        return Decimal(repr(float(data))) == data
    if isinstance(data, Mapping):
        return all(_is_exact(value) for value in data.values())
    return all(_is_exact(value) for value in data) if isinstance(data, list) else True
