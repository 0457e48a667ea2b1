"""Telemetry that tests can look into: the SDK itself, with what it would export kept in memory."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from bridge.telemetry.providers import MaskedSpans
from bridge.telemetry.recording import Recording


class Recorded:
    """What was told so far."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(MaskedSpans())
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.telemetry = Recording(self.tracers, MeterProvider(metric_readers=[self._reader]))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def points(self, name: str) -> list[tuple[Mapping[str, Any], Any]]:
        """Attributes and the data point of each series of a metric."""
        data = self._reader.get_metrics_data()
        return [
            (dict(point.attributes or {}), point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def total(self, name: str, **attributes: str) -> int:
        """What a counter has come to, over the series with these attributes of the bridge."""
        wanted = {f"bridge.{key}": value for key, value in attributes.items()}
        return sum(point.value for found, point in self.points(name) if wanted.items() <= found.items())


def trace_id(span: ReadableSpan) -> str:
    return f"{_context(span).trace_id:032x}"


def span_id(span: ReadableSpan) -> str:
    return f"{_context(span).span_id:016x}"


def parent_id(span: ReadableSpan) -> str | None:
    return f"{span.parent.span_id:016x}" if span.parent else None


def _context(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context
