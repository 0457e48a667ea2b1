"""How requests to Azure travel: one connection pool and one pace for all clients; to the emulator by a detour."""

import re
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from bridge.adapters.pacing import Call, Pace, asked_pause
from bridge.domain import signals
from bridge.domain.signals import SILENT, Attributes, SpanKind, Telemetry

#: As many as the worker has threads, so that none waits for a connection.
POOL_SIZE = 64
CONNECT_SECONDS = 5
#: What Azure ML's limits count; Data Factory and the run history have limits of their own.
_COUNTED = re.compile(
    r"https://management\.azure\.com/subscriptions/.*/providers/Microsoft\.MachineLearningServices/", re.IGNORECASE
)
_JOB = re.compile(r"/jobs/[^/]+$", re.IGNORECASE)
#: What comes before the kinds and names of resources in a path, if they are a workspace's or a factory's.
_SCOPE = re.compile(r".*/(?:workspaces|factories)/[^/]+/", re.IGNORECASE)


def pooled_transport(emulator: str, read_seconds: int, pace: Pace, telemetry: Telemetry = SILENT) -> RequestsTransport:
    """A transport with one pool; `emulator` is the base URL of the AML emulator, or empty for Azure."""
    adapter = _DetourAdapter(emulator) if emulator else HTTPAdapter(pool_connections=8, pool_maxsize=POOL_SIZE)
    session = requests.Session()
    session.mount("https://", adapter)
    if emulator:
        session.trust_env = False  # no proxy between this machine and itself
        session.mount("http://", adapter)
    transport = _PacedTransport(
        pace,
        telemetry,
        session=session,
        session_owner=False,
        connection_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
    )
    # RequestsTransport closes only sessions of its own; nobody else has this one.
    transport.close = session.close
    return transport


def call_of(method: str, url: str) -> Call | None:
    """Which of Azure ML's limits counts the request; None for none of them."""
    if not _COUNTED.match(url):
        return None
    if method in {"GET", "HEAD"}:
        return Call.READ
    return Call.SUBMIT if method == "PUT" and _JOB.search(urlsplit(url).path) else Call.CHANGE


def resource_kind(url: str) -> str:
    """What a request is about, without the names in it, which differ from call to call: "jobs/{name}/cancel"."""
    parts = _SCOPE.sub("", urlsplit(url).path).strip("/").split("/")
    return "/".join("{name}" if number % 2 else part for number, part in enumerate(parts))


class _PacedTransport(RequestsTransport):  # type: ignore[misc]  # azure-core leaves it untyped
    """Here, because all calls come through: those that the SDK makes by itself too."""

    def __init__(self, pace: Pace, telemetry: Telemetry, **options: Any) -> None:
        super().__init__(**options)
        self._pace = pace
        self._telemetry = telemetry

    def send(self, request: Any, **options: Any) -> Any:
        call = call_of(request.method, request.url)
        if call is not None:
            self._pace.enter(call)
        response = self._told(request, options)
        if call is not None and response.status_code == 429:
            self._pace.throttled(call, asked_pause(response.headers))
        return response

    def _told(self, request: Any, options: dict[str, Any]) -> Any:
        if not self._telemetry.is_on:
            return super().send(request, **options)
        name = f"{request.method} {resource_kind(request.url)}"
        attributes: Attributes = {
            "http.request.method": request.method,
            "server.address": urlsplit(request.url).hostname or "",
            "url.template": resource_kind(request.url),
        }
        begun = perf_counter()
        with self._telemetry.span(name, SpanKind.CLIENT, attributes=attributes) as span:
            try:
                response = super().send(request, **options)
            except Exception:
                self._measure(name, begun, "no answer")
                raise
            span.tell({"http.response.status_code": response.status_code})
            if response.status_code >= 400 and response.status_code != 404:  # that one is an answer
                span.fail(str(response.status_code))
        self._measure(name, begun, str(response.status_code))
        return response

    def _measure(self, operation: str, begun: float, outcome: str) -> None:
        attributes = {signals.OPERATION: operation, signals.OUTCOME: outcome}
        self._telemetry.measure(signals.AML_DURATION, perf_counter() - begun, attributes)


class _DetourAdapter(HTTPAdapter):
    """Sends a copy of each request to the emulator, below azure-core, where URLs and tokens stay as in Azure."""

    def __init__(self, base_url: str) -> None:
        self._target = urlsplit(base_url)
        if self._target.hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError("the emulator must be on loopback")
        super().__init__(pool_connections=4, pool_maxsize=POOL_SIZE)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        wire = request.copy()
        wire.url = urlunsplit((self._target.scheme, self._target.netloc, parts.path, parts.query, ""))
        # Not X-Forwarded-*: servers trust those from loopback and would build links from them.
        wire.headers["X-Emulated-Origin"] = f"{parts.scheme}://{parts.netloc}"
        response = super().send(wire, *args, **kwargs)
        response.request, response.url = request, request.url or ""
        return response
