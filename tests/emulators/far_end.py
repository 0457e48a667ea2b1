"""The far end of external functions: an HTTP service in a thread that remembers what came and answers as it is told."""

import gzip
import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.processes import free_port

BATCH_ID = "sf-external-function-query-batch-id"
QUERY_ID = "sf-external-function-current-query-id"


@dataclass(frozen=True)
class Call:
    """One request as it arrived, its body as text."""

    method: str
    path: str
    headers: dict[str, str]
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)["data"]


def echo(call: Call) -> Response:
    """Each row's arguments, and its place in the batch."""
    return JSONResponse({"data": [[row[0], {"run_id": f"r{row[0]}", "args": row[1:]}] for row in call.data]})


class FarEnd:
    """Runs in a thread; `handle` answers each request and may take its time."""

    def __init__(self) -> None:
        self.port = free_port()
        self.calls: list[Call] = []
        self.handle: Callable[[Call], Response] = echo
        app = Starlette(routes=[Route("/api/{path:path}", self._receive, methods=["GET", "POST"])])
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def begin(self) -> None:
        self.calls.clear()
        self.handle = echo

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        encoding = request.headers.get("content-encoding")
        if encoding == "gzip":
            body = gzip.decompress(body)
        elif encoding == "deflate":
            body = zlib.decompress(body)
        call = Call(request.method, request.url.path, dict(request.headers), body.decode())
        self.calls.append(call)
        return await run_in_threadpool(self.handle, call)
