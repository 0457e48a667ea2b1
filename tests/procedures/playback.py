"""A loopback server that gives the answers it was told to, one after the other, cuts connections or keeps silent."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """One answer of the script."""

    status: int = 202
    body: object = field(default_factory=dict)
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The connection ends without an answer.
    is_cut: bool = False
    #: The answer comes when nobody waits for it any more.
    is_late: bool = False


CUT = Answer(is_cut=True)
LATE = Answer(is_late=True)


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Playback:
    """The server; the last answer of the script is given for ever."""

    def __init__(self) -> None:
        self.received: list[Request] = []
        self._script: list[Answer] = []
        self._released = threading.Event()
        playback = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                playback._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def plays(self, *script: Answer) -> None:
        self._script = list(script)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.received.append(Request(handler.path, handler.headers, body))
        answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        handler.close_connection = True
        if answer.is_late:
            self._released.wait(60)
        if answer.is_cut or answer.is_late:
            return
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        for name, value in {"Content-Type": answer.content_type, **answer.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
