"""How requests to Azure travel: one connection pool for all clients, or, for the emulator, a detour to loopback."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

#: More than the worker's threads, so that none waits for a connection.
POOL_SIZE = 64
CONNECT_SECONDS = 5


def pooled_transport(emulator: str, read_seconds: int) -> RequestsTransport:
    """A transport with one pool; `emulator` is the base URL of the AML emulator, or empty for Azure."""
    adapter = _DetourAdapter(emulator) if emulator else HTTPAdapter(pool_connections=8, pool_maxsize=POOL_SIZE)
    session = requests.Session()
    session.mount("https://", adapter)
    if emulator:
        session.trust_env = False  # no proxy between this machine and itself
        session.mount("http://", adapter)
    transport = RequestsTransport(
        session=session, session_owner=False, connection_timeout=CONNECT_SECONDS, read_timeout=read_seconds
    )
    # RequestsTransport closes only sessions of its own; nobody else has this one.
    transport.close = session.close
    return transport


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
