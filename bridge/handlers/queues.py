"""Service Bus and Event Grid triggers. Returning completes a message, raising has the broker deliver it again."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import azure.functions as func

from bridge.domain.actions import Deploy
from bridge.domain.commands import CancelRun, CheckRun
from bridge.domain.errors import ConfigurationError, PoisonMessage, RetryableError
from bridge.domain.inbound import DOOR_PROPERTY, TRY_PROPERTY
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records, dead_letter
from bridge.domain.trace import Trace
from bridge.handlers.answers import undisclosed
from bridge.handlers.tracing import (
    Subject,
    handling,
    handling_batch,
    of_control,
    of_event,
    of_origin,
    sender_trace,
)
from bridge.payloads import commands, event_grid, records
from bridge.payloads.commands import SubmitRunBody
from bridge.payloads.control import ControlCommand, read_control
from bridge.ports import Bridge
from bridge.services.accept_runs import RunRequest, run_id_of
from bridge.services.act import act
from bridge.services.cancel_run import cancel_run
from bridge.services.check_run import check_run
from bridge.services.deploy_model import deploy_model
from bridge.services.ingest_event import ingest_event
from bridge.services.keep_dead_letter import DeadMessage, keep_dead_letter
from bridge.services.record_events import Part, record_events
from bridge.services.submit_run import submit_request, submit_run

Read = TypeVar("Read")
log = logging.getLogger(__name__)
POISON = "POISON"
#: Of the bodies whose rows `record` holds in memory at a time: about as much as one statement for each table takes.
BYTES_AT_ONCE = 4_000_000
DOOR_LIMIT = 50
#: The broker delivers again at once and gives up after ten times: a pause keeps a short outage from using them up.
PAUSE = timedelta(seconds=5)
#: Settings are mended by people.
LONG_PAUSE = timedelta(seconds=60)


@contextmanager
def slow_to_fail() -> Iterator[None]:
    """Wait before a failure is handed to the broker when the failure is not the message's."""
    with undisclosed():
        try:
            yield
        except ConfigurationError as error:
            log.warning("the message goes back to its queue: %s", error)
            time.sleep(LONG_PAUSE.total_seconds())
            raise
        except Exception:  # `handling` has said so, with what is known of the message
            time.sleep(PAUSE.total_seconds())
            raise


def execute(message: func.ServiceBusMessage, bridge: Bridge) -> None:
    """One message of `run-commands`."""
    redelivered = (message.delivery_count or 1) > 1
    body = _read(commands.read_submit, message, Queue.RUN_COMMANDS, bridge)
    if body is None:
        return
    if body.is_command:
        command = body.to_command()
        subject = of_origin(command.origin, run_id=command.run_id, pipeline=command.pipeline)
        with handling(message, Queue.RUN_COMMANDS, subject, bridge):
            submit_run(command, bridge, redelivered=redelivered)
    else:
        request = _posted(body, message)
        run_id = run_id_of(request, bridge)
        subject = of_origin(request.origin, run_id=run_id, pipeline=request.pipeline)
        with handling(message, Queue.RUN_COMMANDS, subject, bridge):
            submit_request(request, bridge, redelivered=redelivered)


def control(message: func.ServiceBusMessage, bridge: Bridge) -> None:
    """One message of `run-control`."""
    command = _read(read_control, message, Queue.RUN_CONTROL, bridge)
    if command is not None:
        with handling(message, Queue.RUN_CONTROL, of_control(command, message), bridge):
            _carry_out(command, bridge)


def ingest(message: func.ServiceBusMessage, bridge: Bridge) -> None:
    """One message of `inbound-events`, as an Event Grid subscription delivers it; a bad event hurts no other."""
    door = _door(message) or "unknown"
    events = _read(lambda body: event_grid.read_each(body, door), message, Queue.INBOUND_EVENTS, bridge)
    if events is None:
        return
    # Event Grid puts one into each message.
    only = events[0] if len(events) == 1 and isinstance(events[0], AmlEvent) else None
    subject = of_event(only, sender_trace(message)) if only is not None else Subject()
    with handling(message, Queue.INBOUND_EVENTS, subject, bridge):
        _ingest_each(events, message, bridge)


def _ingest_each(
    events: Sequence[AmlEvent | event_grid.UnreadableEvent], message: func.ServiceBusMessage, bridge: Bridge
) -> None:
    failure: Exception | None = None
    for event in events:
        try:
            if isinstance(event, event_grid.UnreadableEvent):
                _put_aside(Queue.INBOUND_EVENTS, message, PoisonMessage(event.reason), bridge, body=event.text)
            else:
                ingest_event(event, bridge, try_=_try(message))
        except RetryableError:  # the queues are away, for the other events too
            raise
        except Exception as error:
            log.warning("event %s cannot be handled: %s", getattr(event, "id", "without an id"), error)
            failure = failure or error
    if failure is not None:
        raise failure


def record(messages: Sequence[func.ServiceBusMessage], bridge: Bridge) -> None:
    """A batch of `run-events`: one write for all that can be read, dead letters for the rest, in the same write."""
    with handling_batch(messages, Queue.RUN_EVENTS, bridge):
        record_events(_parts(messages, bridge), bridge)


def _parts(messages: Sequence[func.ServiceBusMessage], bridge: Bridge) -> Iterator[Part]:
    """The messages' rows, read as they are needed, as many at a time as one statement for each table takes."""
    taken: list[func.ServiceBusMessage] = []
    size = 0
    for message in messages:
        taken.append(message)
        size += len(message.get_body())
        if size >= BYTES_AT_ONCE:
            yield _part(taken, bridge)
            taken, size = [], 0
    yield _part(taken, bridge)


def _part(messages: list[func.ServiceBusMessage], bridge: Bridge) -> Part:
    rows: dict[str, list[str]] = {}
    for message in messages:
        for table, texts in _rows(message, bridge).items():
            rows.setdefault(table, []).extend(texts)
    return Part(
        rows=rows,
        read=lambda: Records.together([_records(message, bridge) for message in messages]),
        times=lambda: records.times_of(rows),
    )


def _rows(message: func.ServiceBusMessage, bridge: Bridge) -> dict[str, list[str]]:
    try:
        return records.ledger_rows(message.get_body())
    except PoisonMessage as error:
        return records.row_texts(_unreadable(message, error, bridge))


def _records(message: func.ServiceBusMessage, bridge: Bridge) -> Records:
    try:
        return records.read_records(message.get_body())
    except PoisonMessage as error:
        return _unreadable(message, error, bridge)


def _unreadable(message: func.ServiceBusMessage, error: PoisonMessage, bridge: Bridge) -> Records:
    letter = dead_letter(
        queue=Queue.RUN_EVENTS,
        message_id=_message_id(message, Queue.RUN_EVENTS),
        body=_text(message),
        reason=POISON,
        description=str(error),
        run_id=None,
        at=bridge.clock.now(),
    )
    return Records(dead_letters=(letter,))


def dead(message: func.ServiceBusMessage, queue: Queue, bridge: Bridge) -> None:
    """One message of a dead-letter queue; whatever is in it, it is kept and completed."""
    properties = message.application_properties or {}
    letter = _dead_message(
        queue,
        message,
        # The extension does not fill `message.dead_letter_reason`; the broker puts both here.
        reason=str(properties.get("DeadLetterReason") or "UNKNOWN"),
        description=str(properties.get("DeadLetterErrorDescription") or ""),
    )
    subject = Subject()
    try:
        if queue is Queue.RUN_COMMANDS:
            body = commands.read_submit(message.get_body())
            submit = body.to_command() if body.is_command else _posted(body, message)
            letter = replace(letter, submit=submit)
            subject = of_origin(submit.origin, run_id=body.run_id, pipeline=submit.pipeline)
        elif queue is Queue.RUN_CONTROL:
            command = read_control(message.get_body())
            letter, subject = _of_control(letter, command), of_control(command, message)
    except PoisonMessage as error:
        log.warning("an unreadable message in %s/$deadletterqueue: %s", queue, error)
    with handling(message, queue, subject, bridge, dead=True):
        keep_dead_letter(letter, bridge)


def _of_control(letter: DeadMessage, command: ControlCommand) -> DeadMessage:
    """What goes on without the message: the run's chain of checks, a deployment's steps."""
    if isinstance(command, CheckRun | CancelRun):
        return replace(letter, run_id=command.run_id, check=command if isinstance(command, CheckRun) else None)
    run_id = command.occasion.run_id if command.occasion else None
    return replace(letter, run_id=run_id, action=command)


def _carry_out(command: ControlCommand, bridge: Bridge) -> None:
    if isinstance(command, CheckRun):
        check_run(command, bridge)
    elif isinstance(command, CancelRun):
        cancel_run(command, bridge)
    elif isinstance(command, Deploy):
        deploy_model(command, bridge)
    else:
        act(command, bridge)


def _posted(body: SubmitRunBody, message: func.ServiceBusMessage) -> RunRequest:
    """With the trace that its sender has put on the message, as SDKs do, if the body has none."""
    request = posted_request(body, _message_id(message, Queue.RUN_COMMANDS))
    trace = sender_trace(message)
    if Trace.read(body.traceparent) is not None or trace is None:
        return request
    return replace(request, origin=replace(request.origin, traceparent=trace.traceparent))


def posted_request(body: SubmitRunBody, key: str) -> RunRequest:
    """A request that was posted straight to the queue; `key` is its own when it names none."""
    key = body.idempotency_key or key
    return RunRequest(
        pipeline=body.pipeline,
        inputs=body.inputs,
        idempotency_key=key,
        origin=replace(body.to_origin(), correlation_id=body.correlation_id or key),
        rerun_of=body.rerun_of,
    )


def _message_id(message: func.ServiceBusMessage, queue: Queue) -> str:
    return message.message_id or f"{queue}:{message.sequence_number}"


def _read(read: Callable[[bytes], Read], message: func.ServiceBusMessage, queue: Queue, bridge: Bridge) -> Read | None:
    """What the message says; None when it says nothing, and is put aside."""
    try:
        return read(message.get_body())
    except PoisonMessage as error:
        with handling(message, queue, Subject(), bridge):
            _put_aside(queue, message, error, bridge)
        return None


def _put_aside(
    queue: Queue, message: func.ServiceBusMessage, error: PoisonMessage, bridge: Bridge, *, body: str | None = None
) -> None:
    log.warning("a message of %s cannot be read: %s", queue, error)
    letter = _dead_message(queue, message, reason=POISON, description=str(error))
    keep_dead_letter(letter if body is None else replace(letter, body=body), bridge)


def _dead_message(queue: Queue, message: func.ServiceBusMessage, *, reason: str, description: str) -> DeadMessage:
    return DeadMessage(
        queue=queue,
        message_id=_message_id(message, queue),
        body=_text(message),
        reason=reason,
        description=description,
        door=_door(message),
    )


def _door(message: func.ServiceBusMessage) -> str | None:
    """The Event Grid subscription that delivered the message, as far as it says."""
    door = (message.application_properties or {}).get(DOOR_PROPERTY)
    return str(door)[:DOOR_LIMIT] if door else None


def _try(message: func.ServiceBusMessage) -> int:
    """Of a copy that the app scheduled itself."""
    text = str((message.application_properties or {}).get(TRY_PROPERTY) or "0")
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _text(message: func.ServiceBusMessage) -> str:
    return bytes(message.get_body()).decode(errors="replace")
