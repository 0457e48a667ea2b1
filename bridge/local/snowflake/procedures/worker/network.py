"""Where handlers can get to: hosts of their network rules, and of those what the URL map leads to on this machine.

`requests` is taken through the map. Below it, sockets refuse everything that was not let through, with the error that
Snowflake's sandbox gives, so that retries and messages are those of the real libraries.
"""

import errno
import socket
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from bridge.local.snowflake.procedures.hosts import DEFAULT_PORT, allows
from bridge.local.snowflake.procedures.worker.context import inherit_in_threads, running
from bridge.local.snowflake.url_map import UnmappedUrl, UrlMap

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_is_let_through: ContextVar[bool] = ContextVar("is_let_through", default=False)


def install() -> None:
    """Change `requests` and `socket` for this process."""
    inherit_in_threads()
    _take_requests_through_the_map()
    _guard_sockets()


def _take_requests_through_the_map() -> None:
    send = HTTPAdapter.send

    def send_by_map(
        adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        now = running.get()
        parts = urlsplit(str(request.url))
        port = parts.port or (80 if parts.scheme == "http" else DEFAULT_PORT)
        if now is None or not allows(now.invocation.hosts, parts.hostname or "", port):
            return send(adapter, request, *args, **options)  # the sockets refuse it
        url_map = UrlMap()
        for mapping in now.invocation.mappings:
            url_map.put(mapping)
        wire = request.copy()
        try:
            wire.url, added = url_map.resolve(str(request.url))
        except UnmappedUrl as error:
            raise requests.ConnectionError(str(error), request=request) from error
        wire.headers.update(added)
        token = _is_let_through.set(True)
        try:
            answer = send(adapter, wire, *args, **options)
        finally:
            _is_let_through.reset(token)
        answer.request, answer.url = request, str(request.url)  # what was meant, also for redirects
        return answer

    HTTPAdapter.send = send_by_map  # type: ignore[assignment,method-assign]  # subclasses and sessions of handlers use it


def _guard_sockets() -> None:
    look_up, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def guarded_look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        _refuse_unless_open(host, port)
        return look_up(host, port, *args, **options)

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            _refuse_unless_open(address[0], address[1])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if isinstance(address, tuple):
            _refuse_unless_open(address[0], address[1])
        return connect_ex(self, address)

    socket.getaddrinfo = guarded_look_up
    socket.socket.connect = guarded_connect  # type: ignore[assignment,method-assign]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[assignment,method-assign]


def _refuse_unless_open(host: Any, port: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    now = running.get()
    is_session = now is not None and str(port) == str(now.invocation.session.port)
    if name is not None and (name not in _LOOPBACK or not (is_session or _is_let_through.get())):
        raise OSError(errno.EBUSY, "Device or resource busy")
