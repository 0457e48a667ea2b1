"""A collector on loopback: takes OTLP over HTTP, and what Azure Monitor's exporter sends, and keeps all of it."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver(ThreadingHTTPServer):
    """What came so far; everything is read anew each time."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._lock = threading.Lock()
        self._bodies: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def raw(self) -> bytes:
        """Every byte, to look for what must not be there."""
        return b"".join(body for _, body in self._of(""))

    def keep(self, path: str, body: bytes) -> None:
        with self._lock:
            self._bodies.append((path, body))

    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for _, body in self._of("/v1/traces")]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def services(self) -> set[str]:
        requests = [ExportTraceServiceRequest.FromString(body) for _, body in self._of("/v1/traces")]
        return {
            plain(resource.resource.attributes)["service.name"]
            for request in requests
            for resource in request.resource_spans
        }

    def sums(self) -> dict[str, dict[str, int]]:
        """Metric -> pipeline or operation -> its latest sum."""
        found: dict[str, dict[str, int]] = {}
        for _, body in self._of("/v1/metrics"):
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        for point in metric.sum.data_points:
                            told = plain(point.attributes)
                            key = told.get("bridge.pipeline") or told.get("bridge.operation") or ""
                            found.setdefault(metric.name, {})[key] = point.as_int
        return found

    def histograms(self) -> set[str]:
        return {
            metric.name
            for _, body in self._of("/v1/metrics")
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.histogram.data_points
        }

    def logs(self) -> list[tuple[str, dict[str, Any], str]]:
        """Text, attributes and trace id of each record."""
        requests = [ExportLogsServiceRequest.FromString(body) for _, body in self._of("/v1/logs")]
        return [
            (record.body.string_value, plain(record.attributes), record.trace_id.hex())
            for request in requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def envelopes(self) -> list[dict[str, Any]]:
        """What Application Insights would have got."""
        texts = [body.decode() for path, body in self._of("") if path.endswith("/track")]
        return [each for text in texts for each in (json.loads(text) if text.startswith("[") else _lines(text))]

    def _of(self, path: str) -> list[tuple[str, bytes]]:
        with self._lock:
            return [(found, body) for found, body in self._bodies if path in {"", found}]


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as OTLP has them, as a mapping."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.keep(self.path, body)
        answer = b""
        if self.path.endswith("/track"):
            count = len(json.loads(body)) if body.startswith(b"[") else len(_lines(body.decode()))
            answer = json.dumps({"itemsReceived": count, "itemsAccepted": count, "errors": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """The tests have their own."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield running
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
