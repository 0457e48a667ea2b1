"""Where the work that a trigger brings belongs: its trace, and what its log lines and spans say of it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import unquote, urlsplit

import azure.functions as func

from bridge.domain import aml_events, event_kinds, signals, tags
from bridge.domain.commands import CancelRun, CheckRun, Origin
from bridge.domain.context import about
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.domain.signals import Attributes, Span, SpanKind, Telemetry
from bridge.domain.trace import Trace
from bridge.payloads.control import ControlCommand
from bridge.payloads.external_function import QUERY_HEADER, UnusableRequest, read_context
from bridge.ports import Bridge

log = logging.getLogger(__name__)
TRACE_HEADER = "x-trace-id"
#: What senders put on a message, the newer name first; Azure's SDKs write both.
PROPERTIES = ("traceparent", "Diagnostic-Id")


def request_trace(request: func.HttpRequest, correlation: str, telemetry: Telemetry) -> Trace:
    """The query's, the caller's, the one that the platform has begun for it, or a new one.

    The query's comes first: Snowflake sends no traceparent, so that of its requests is the gateway's own, which has
    another one for each batch of the query and each repetition.
    """
    query_id = _query_id(request)
    if query_id is not None:
        return Trace.derived(query_id)
    given = Trace.read(request.headers.get("traceparent"))
    return given or telemetry.around() or Trace.derived(correlation)


@contextmanager
def serving(request: func.HttpRequest, correlation: str, telemetry: Telemetry) -> Iterator[Span]:
    """All that is done for a request."""
    trace = request_trace(request, correlation, telemetry)
    route = _route(request) if telemetry.is_on else ""
    attributes = _told(request, route, correlation) if telemetry.is_on else None
    gateway = Trace.read(request.headers.get("traceparent"))
    links = [gateway] if gateway is not None and gateway.trace_id != trace.trace_id else []
    name = f"{request.method} {route}"
    with (
        about(correlation_id=correlation),
        telemetry.span(name, SpanKind.SERVER, parent=trace, links=links, attributes=attributes) as span,
    ):
        yield span


def _told(request: func.HttpRequest, route: str, correlation: str) -> Attributes:
    query_id = _query_id(request)
    return {
        "http.request.method": request.method,
        "http.route": route,
        signals.CORRELATION_ID: correlation,
        **({signals.QUERY_ID: query_id} if query_id else {}),
    }


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a message is about, as far as it says."""

    run_id: str | None = None
    correlation_id: str | None = None
    #: None for that of whoever sent the message.
    trace: Trace | None = None
    pipeline: str | None = None
    query_id: str | None = None


@contextmanager
def handling(
    message: func.ServiceBusMessage, queue: Queue, subject: Subject, bridge: Bridge, *, dead: bool = False
) -> Iterator[None]:
    """All that is done for a message, of the queue or of its dead letters."""
    # The same message has the same trace, however often it is delivered.
    trace = subject.trace or sender_trace(message) or Trace.derived(message.message_id or str(message.sequence_number))
    known = {
        signals.RUN_ID: subject.run_id,
        signals.CORRELATION_ID: subject.correlation_id,
        signals.QUERY_ID: subject.query_id,
        # Anybody may write any name; only those of the file are few.
        signals.PIPELINE: subject.pipeline if bridge.catalogue.find(subject.pipeline or "") else None,
    }
    with (
        about(run_id=subject.run_id, correlation_id=subject.correlation_id),
        _processing([message], f"{queue}/$deadletterqueue" if dead else queue, bridge, parent=trace, known=known),
    ):
        yield


@contextmanager
def handling_batch(messages: Sequence[func.ServiceBusMessage], queue: Queue, bridge: Bridge) -> Iterator[None]:
    """All that is done for messages of many traces: linked to each, and part of none."""
    is_told = bridge.telemetry.is_on
    found = (sender_trace(message) for message in (messages if is_told else ()))
    traces = {trace.trace_id: trace for trace in found if trace is not None}
    bridge.telemetry.measure(signals.BATCH_SIZE, len(messages), {})
    with _processing(messages, queue, bridge, links=tuple(traces.values())):
        yield


def sender_trace(message: func.ServiceBusMessage) -> Trace | None:
    """Where its sender was, if it has put that on the message."""
    properties = message.application_properties or {}
    found = (Trace.read(str(properties.get(name) or "")) for name in PROPERTIES)
    return next((trace for trace in found if trace is not None), None)


def of_origin(origin: Origin, *, run_id: str | None, pipeline: str) -> Subject:
    """A request for a run goes on where it began."""
    return Subject(
        run_id=run_id,
        correlation_id=origin.correlation_id,
        trace=origin.trace,
        pipeline=pipeline,
        query_id=origin.query_id,
    )


def of_control(command: ControlCommand, message: func.ServiceBusMessage) -> Subject:
    """A command for `run-control`."""
    if isinstance(command, CheckRun):
        return Subject(
            run_id=command.run_id,
            correlation_id=command.tags.get(tags.CORRELATION_ID),
            trace=sender_trace(message) or Trace.of_id(command.tags.get(tags.TRACE_ID)),
            pipeline=command.tags.get(tags.PIPELINE),
        )
    if isinstance(command, CancelRun):
        return Subject(run_id=command.run_id)
    occasion = command.occasion
    return Subject(run_id=occasion.run_id, correlation_id=occasion.correlation_id) if occasion else Subject()


def of_event(event: AmlEvent, sender: Trace | None = None) -> Subject:
    """An event about a run of ours belongs to the run's trace, which its job's tags name."""
    hint = aml_events.run_hint(event)
    known = hint.tags if hint is not None else {}
    return Subject(
        run_id=event_kinds.run_of(event),
        correlation_id=known.get(tags.CORRELATION_ID),
        trace=sender or Trace.of_id(known.get(tags.TRACE_ID)) or Trace.derived(event.id),
        pipeline=known.get(tags.PIPELINE),
    )


@contextmanager
def _processing(
    messages: Sequence[func.ServiceBusMessage],
    queue: str,
    bridge: Bridge,
    *,
    parent: Trace | None = None,
    links: Sequence[Trace] = (),
    known: Mapping[str, str | None] | None = None,
) -> Iterator[None]:
    lag = _measured_lag(messages, queue, bridge) if bridge.telemetry.is_on else None
    attributes: Attributes = {
        "messaging.system": "servicebus",
        "messaging.destination.name": queue,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": len(messages),
        **({} if lag is None else {signals.QUEUE_LAG.name: lag}),
        **{name: value for name, value in (known or {}).items() if value},
    }
    name = f"process {queue}"
    with bridge.telemetry.span(name, SpanKind.CONSUMER, parent=parent, links=links, attributes=attributes):
        try:
            yield
        except Exception as error:
            log.warning("%s: back to the queue: %s", name, error)
            raise


def _measured_lag(messages: Sequence[func.ServiceBusMessage], queue: str, bridge: Bridge) -> float | None:
    """Of the message that has waited longest; on the span too, because not every backend keeps more than a mean."""
    # The platform gives the time without its zone, which is UTC.
    times = [message.enqueued_time_utc for message in messages if message.enqueued_time_utc is not None]
    if not times:
        return None
    oldest = min(time.replace(tzinfo=time.tzinfo or UTC) for time in times)
    lag = max((bridge.clock.now() - oldest).total_seconds(), 0.0)
    bridge.telemetry.measure(signals.QUEUE_LAG, lag, {signals.QUEUE: queue})
    return lag


def _query_id(request: func.HttpRequest) -> str | None:
    """None for one that the route is going to refuse."""
    if QUERY_HEADER not in request.headers:
        return None
    try:
        return read_context(request.headers).query_id
    except UnusableRequest:
        return None


def _route(request: func.HttpRequest) -> str:
    """The route's path, with the names of what differs from call to call."""
    try:
        path = unquote(urlsplit(request.url).path)  # as the values are
    except ValueError:  # a Host header can be anything; telling of a request must not break it
        return ""
    for name, value in request.route_params.items():
        if value:  # of {*path} there may be nothing
            path = path.replace(f"/{value}", f"/{{{name}}}")
    return path
