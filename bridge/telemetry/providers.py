"""Sets up OpenTelemetry's SDK for this process; what leaves it passes the same masking as the log."""

import logging
import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, SpanProcessor, TracerProvider
from opentelemetry.trace import Status

from bridge import __version__
from bridge.domain.masking import masked
from bridge.telemetry.recording import SCOPE

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import Span

#: The bridge's own spans tell of its calls. Those of the libraries would tell of them a second time, with addresses.
INSTRUMENTATIONS = ("azure_sdk", "django", "fastapi", "flask", "httpx", "psycopg2", "requests", "urllib", "urllib3")


def azure_monitor(name: str, connection: str, *, otlp: bool) -> None:
    """Send to Application Insights, and to a collector as well if that is wanted. Raises: ValueError."""
    from azure.monitor.opentelemetry import configure_azure_monitor

    # The SDK reads the address of a proxy, sampling and the like from the environment.
    collector = _collector() if otlp else _Collector([], [], [])
    configure_azure_monitor(
        connection_string=connection,
        resource=_resource(name),
        enable_live_metrics=False,
        instrumentation_options={each: {"enabled": False} for each in INSTRUMENTATIONS},
        span_processors=[MaskedSpans(), *collector.spans],
        log_record_processors=[_masked_logs(), *collector.logs],
        metric_readers=collector.metrics,
    )


def otlp(name: str) -> None:
    """Send to a collector, whose address and headers OpenTelemetry reads from the environment. Raises: ValueError."""
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider

    collector, resource = _collector(), _resource(name)
    tracers, loggers = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    for spans in (MaskedSpans(), *collector.spans):
        tracers.add_span_processor(spans)
    for logs in (_masked_logs(), *collector.logs):
        loggers.add_log_record_processor(logs)
    trace.set_tracer_provider(tracers)
    set_logger_provider(loggers)
    metrics.set_meter_provider(MeterProvider(metric_readers=collector.metrics, resource=resource))
    logging.getLogger().addHandler(LoggingHandler(logger_provider=loggers))


def worker() -> None:
    """Join what the platform's worker has set up."""
    tracers = trace.get_tracer_provider()
    if not isinstance(tracers, TracerProvider):
        raise ValueError("the platform's worker has set up no OpenTelemetry; its own log says why")  # noqa: TRY004
    tracers.add_span_processor(MaskedSpans())
    from azure.core.settings import settings

    settings.tracing_implementation = None
    settings.tracing_enabled = False


class MaskedSpans(SpanProcessor):
    """For the spans that others make in this process: what they know of a call may hold its secrets.

    Here, just before a span is handed to whoever exports it, because the platform's worker has its own exporters. The
    SDK takes no changes at this moment, so its names are private ones.
    """

    def _on_ending(self, span: "Span") -> None:
        if span.instrumentation_scope is not None and span.instrumentation_scope.name == SCOPE:
            return  # what the bridge tells is safe when it is told
        setattr(span, "_name", masked(span.name))  # noqa: B010 - no public name
        setattr(span, "_attributes", _masked(span.attributes))  # noqa: B010
        events = [Event(event.name, _masked(event.attributes), event.timestamp) for event in span.events]
        setattr(span, "_events", events)  # noqa: B010
        description = span.status.description
        if description:
            setattr(span, "_status", Status(span.status.status_code, masked(description)))  # noqa: B010


def _masked(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _masked_value(value) for name, value in (attributes or {}).items()}


def _masked_value(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    return [_masked_value(each) for each in value] if isinstance(value, list | tuple) else value


class _Collector:
    """What sends to one collector, for each kind of signal."""

    def __init__(self, spans: list[Any], logs: list[Any], metrics: list[Any]) -> None:
        self.spans, self.logs, self.metrics = spans, logs, metrics


def _collector() -> _Collector:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip().lower() or "http/protobuf"
    if protocol != "http/protobuf":
        raise ValueError(f'OTEL_EXPORTER_OTLP_PROTOCOL is "{protocol[:50]}": http/protobuf is what the app speaks')
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = "opentelemetry.exporter.otlp.proto.http"
    try:
        spans = import_module(f"{exporter}.trace_exporter").OTLPSpanExporter()
        logs = import_module(f"{exporter}._log_exporter").OTLPLogExporter()
        numbers = import_module(f"{exporter}.metric_exporter").OTLPMetricExporter()
    except ImportError as error:
        text = "OTEL_EXPORTER_OTLP_ENDPOINT needs the package opentelemetry-exporter-otlp-proto-http"
        raise ImportError(text) from error
    return _Collector(
        [BatchSpanProcessor(spans)], [BatchLogRecordProcessor(logs)], [PeriodicExportingMetricReader(numbers)]
    )


def _resource(name: str) -> Resource:
    return Resource.create({"service.name": name, "service.version": __version__})


def _masked_logs() -> Any:
    from opentelemetry.sdk._logs import LogRecordProcessor

    class MaskedLogs(LogRecordProcessor):
        """Records are safe when they are made; what a library hangs on one afterwards is not."""

        def on_emit(self, log_record: "ReadWriteLogRecord") -> None:
            record = log_record.log_record
            if record.attributes:
                record.attributes = _masked(record.attributes)

        def shutdown(self) -> None:
            """Nothing to end."""

        def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - nothing is held
            return True

    return MaskedLogs()
