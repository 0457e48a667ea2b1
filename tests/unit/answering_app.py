"""An app for the command line: answers as it is told to, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "the-function-key"


@dataclass
class App:
    """Remembers what it was sent."""

    url: str = ""
    status: int = 200
    answer: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    sent_headers: list[dict[str, str]] = field(default_factory=list)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        self.requests.append((handler.command, handler.path, json.loads(body) if body else None))
        self.sent_headers.append({name.lower(): value for name, value in handler.headers.items()})
        content = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        handler.send_response(self.status)
        for name, value in {**self.headers, "content-length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


@contextmanager
def answering(app: App | None = None) -> Iterator[App]:
    """The app, while it listens."""
    found = app or App()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.handle(self)

        do_POST = do_GET  # noqa: N815 - as http.server calls it

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is overridden
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield found
        server.shutdown()
        thread.join()
