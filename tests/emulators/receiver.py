"""A small HTTP server in a thread: it remembers what it was sent, and answers as it is told to."""

import asyncio
import threading
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


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    query: str
    headers: dict[str, str]
    body: Any


class Receiver:
    """Answers 200, or the next of `answers`; a validation event of Event Grid is answered as a webhook must."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.received: list[Received] = []
        #: Statuses of the next answers, first one first.
        self.answers: list[int] = []
        #: Whether a validation event is answered with its code.
        self.echoes = True
        #: What is done, in a thread, before a request that was received is answered.
        self.before_answer: Callable[[], object] | None = None
        app = Starlette(routes=[Route("/{path:path}", self._receive, methods=["POST"])])
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", lifespan="off")
        )
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self) -> list[Any]:
        return [received.body for received in self.received]

    def clear(self) -> None:
        self.received.clear()
        self.answers.clear()
        self.before_answer = None

    async def _receive(self, request: Request) -> Response:
        body = await request.json()
        self.received.append(
            Received(request.url.path, request.url.query, {k.lower(): v for k, v in request.headers.items()}, body)
        )
        if self.before_answer is not None:
            await run_in_threadpool(self.before_answer)
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            code = body[0]["data"]["validationCode"] if self.echoes else "another"
            return JSONResponse({"validationResponse": code})
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the receiver did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)
