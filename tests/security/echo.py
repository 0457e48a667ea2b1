"""A service that repeats everything it was sent in what it refuses it with, as the worst of services do."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Echo(ThreadingHTTPServer):
    """Refuses every request with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.daemon_threads = False
        self.status = 400
        #: What was repeated so far.
        self.repeated: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Echo

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        unpacked = gunzip(body) if self.headers.get("content-encoding") == "gzip" else body
        said = f"{self.command} {self.path} {dict(self.headers)} {unpacked.decode(errors='replace')}"
        self.server.repeated.append(said)
        error = {"code": "Refused", "message": said}
        document = {
            "error": error, "message": said, "success": False, "code": "390100", "data": {},
        }  # fmt: skip
        content = json.dumps(document).encode()
        self.close_connection = True
        self.send_response(self.server.status, "Refused")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - their names in http.server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in http.server
        """Nothing on standard error."""


def gunzip(body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body)


@contextmanager
def echo() -> Iterator[Echo]:
    server = Echo()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
