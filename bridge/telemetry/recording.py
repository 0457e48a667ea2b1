"""Telemetry over OpenTelemetry's API: what is told passes the same masking as the log.

Loaded only where somebody listens.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from bridge import __version__
from bridge.domain import signals
from bridge.domain.context import about
from bridge.domain.errors import PermanentError
from bridge.domain.masking import masked
from bridge.domain.signals import ERROR_TYPE, Attributes, Metric, SpanKind, Value
from bridge.domain.trace import Trace

SCOPE = "bridge"
#: Nobody needs more, and backends cut what is longer.
VALUE_LIMIT = 1000
#: Those of whoever asked first; a batch of a thousand messages has as many.
LINKS_LIMIT = 128
_KINDS = {kind: trace.SpanKind[kind.name] for kind in SpanKind}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86400)
_MESSAGES = (1, 5, 10, 25, 50, 100, 250, 500, 1000)
_chosen: ContextVar[int | None] = ContextVar("chosen", default=None)


class Recording:
    """Telemetry that is recorded."""

    is_on = True

    def __init__(self, tracers: trace.TracerProvider, meters: metrics.MeterProvider) -> None:
        self._tracer: Any = tracers.get_tracer(SCOPE, __version__)
        if hasattr(self._tracer, "id_generator"):  # the SDK's, and this tracer is nobody else's
            self._tracer.id_generator = _ChosenIds(self._tracer.id_generator)
        meter = meters.get_meter(SCOPE, __version__)
        self._counters = {
            each: meter.create_counter(each.name, each.unit, each.description) for each in signals.COUNTERS
        }
        self._histograms = {
            each: meter.create_histogram(
                each.name,
                each.unit,
                each.description,
                explicit_bucket_boundaries_advisory=_SECONDS if each.unit == "s" else _MESSAGES,
            )
            for each in signals.HISTOGRAMS
        }

    def around(self) -> Trace | None:
        around = trace.get_current_span().get_span_context()
        return _place(around) if around.is_valid else None

    @contextmanager
    def span(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: Trace | None = None,
        links: Sequence[Trace] = (),
        attributes: Attributes | None = None,
    ) -> Iterator["_RecordedSpan"]:
        around = trace.get_current_span().get_span_context()
        linked = list(links[:LINKS_LIMIT])
        if parent is None or (around.is_valid and _hex_id(around) == parent.trace_id):
            # The platform has told of the request or message itself: it is not to be counted twice.
            within = contexts.get_current()
            kind = SpanKind.INTERNAL if around.is_valid and kind in {SpanKind.SERVER, SpanKind.CONSUMER} else kind
        else:
            within = _root() if parent.is_derived else _under(parent)
            linked += [_place(around)] if around.is_valid else []
        span = self._start(name, kind, within=within, parent=parent, links=linked, attributes=attributes or {})
        token = contexts.attach(trace.set_span_in_context(span, within))
        recorded = _RecordedSpan(span)
        try:
            context = span.get_span_context()
            with about(trace=_place(context) if context.is_valid else parent):
                yield recorded
        except Exception as error:
            recorded.fail(error.code if isinstance(error, PermanentError) else type(error).__name__)
            raise
        finally:
            contexts.detach(token)
            span.end()

    def count(self, metric: Metric, amount: int, attributes: Attributes) -> None:
        self._counters[metric].add(amount, safe(attributes))

    def measure(self, metric: Metric, value: float, attributes: Attributes) -> None:
        self._histograms[metric].record(max(value, 0), safe(attributes))

    def _start(
        self,
        name: str,
        kind: SpanKind,
        *,
        within: Context,
        parent: Trace | None,
        links: Sequence[Trace],
        attributes: Attributes,
    ) -> trace.Span:
        chosen = _chosen.set(int(parent.trace_id, 16) if parent else None)
        try:
            span: trace.Span = self._tracer.start_span(
                masked(name),
                context=within,
                kind=_KINDS[kind],
                attributes=safe(attributes),
                links=[Link(_context(link)) for link in links],
                # An exception's text and its traceback may hold inputs.
                record_exception=False,
                set_status_on_exception=False,
            )
        finally:
            _chosen.reset(chosen)
        return span


def global_telemetry() -> Recording:
    """Over the providers of this process."""
    return Recording(trace.get_tracer_provider(), metrics.get_meter_provider())


def safe(attributes: Attributes) -> dict[str, Value]:
    """As they may be shown to anybody who may read them."""
    return {
        name: masked(value)[:VALUE_LIMIT] if isinstance(value, str) else value for name, value in attributes.items()
    }


class _RecordedSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def tell(self, attributes: Attributes) -> None:
        told: Mapping[str, Value] = safe(attributes)
        for name, value in told.items():
            self._span.set_attribute(name, value)

    def fail(self, error_type: str) -> None:
        self.tell({ERROR_TYPE: error_type})
        self._span.set_status(Status(StatusCode.ERROR))


class _ChosenIds:
    """The SDK's ids, except that a trace may begin with an id that everybody can work out."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def generate_span_id(self) -> int:
        return int(self._inner.generate_span_id())

    def generate_trace_id(self) -> int:
        return _chosen.get() or int(self._inner.generate_trace_id())

    def is_trace_id_random(self) -> bool:
        """Half of a SHA-256 is as good as random for those who draw samples."""
        return bool(self._inner.is_trace_id_random())


def _root() -> Context:
    return trace.set_span_in_context(trace.INVALID_SPAN, contexts.get_current())


def _under(parent: Trace) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(_context(parent)), contexts.get_current())


def _context(place: Trace) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if place.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(place.trace_id, 16), int(place.span_id, 16), is_remote=True, trace_flags=flags)


def _place(context: SpanContext) -> Trace:
    return Trace(
        trace_id=_hex_id(context), span_id=f"{context.span_id:016x}", sampled=bool(context.trace_flags.sampled)
    )


def _hex_id(context: SpanContext) -> str:
    return f"{context.trace_id:032x}"
