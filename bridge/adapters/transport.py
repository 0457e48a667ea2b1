"""How requests to Azure travel: one connection pool and one pace for all clients; to the emulator by a detour."""

import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from bridge.adapters.pacing import Call, Pace, asked_pause

#: As many as the worker has threads, so that none waits for a connection.
POOL_SIZE = 64
CONNECT_SECONDS = 5
#: What Azure ML's limits count; Data Factory and the run history have limits of their own.
_COUNTED = re.compile(
    r"https://management\.azure\.com/subscriptions/.*/providers/Microsoft\.MachineLearningServices/", re.IGNORECASE
)
_JOB = re.compile(r"/jobs/[^/]+$", re.IGNORECASE)


def pooled_transport(emulator: str, read_seconds: int, pace: Pace) -> RequestsTransport:
    """A transport with one pool; `emulator` is the base URL of the AML emulator, or empty for Azure."""
    adapter = _DetourAdapter(emulator) if emulator else HTTPAdapter(pool_connections=8, pool_maxsize=POOL_SIZE)
    session = requests.Session()
    session.mount("https://", adapter)
    if emulator:
        session.trust_env = False  # no proxy between this machine and itself
        session.mount("http://", adapter)
    transport = _PacedTransport(
        pace, session=session, session_owner=False, connection_timeout=CONNECT_SECONDS, read_timeout=read_seconds
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


class _PacedTransport(RequestsTransport):  # type: ignore[misc]  # azure-core leaves it untyped
    """Here, because all calls come through: those that the SDK makes by itself too."""

    def __init__(self, pace: Pace, **options: Any) -> None:
        super().__init__(**options)
        self._pace = pace

    def send(self, request: Any, **options: Any) -> Any:
        call = call_of(request.method, request.url)
        if call is not None:
            self._pace.enter(call)
        response = super().send(request, **options)
        if call is not None and response.status_code == 429:
            self._pace.throttled(call, asked_pause(response.headers))
        return response


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
