"""What every request passes before it is worked on: latency, faults, limits, the bearer token; and the request log."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.local.aml.arm import ArmError, scope_in
from bridge.local.aml.request_facts import Facts
from bridge.local.aml.state import AmlEmulator
from bridge.local.faults import Fault


class Front:
    """The outermost layer of the emulator, round the routes."""

    def __init__(self, app: ASGIApp, emulator: AmlEmulator) -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = await Exchange.begin(scope, receive, self._dated(send))
        facts = Facts.of(scope["method"], scope["path"])
        self._emulator.last_scope = scope_in(scope["path"]) or self._emulator.last_scope
        self._emulator.settle()
        fault = self._emulator.faults.strike(
            "status",
            "timeout",
            "disconnect",
            method=facts.method,
            path=facts.path,
            operation=facts.operation,
            **facts.names,
        )
        started = time.perf_counter()
        if self._emulator.latency_ms:
            await asyncio.sleep(self._emulator.latency_ms / 1000)
        if fault is None:
            await self._work(exchange, exchange.send)
        else:
            await self._fail(exchange, fault)
        self._emulator.requests.add(
            {
                "at": self._emulator.clock.utc().isoformat(timespec="milliseconds"),
                "method": facts.method,
                "path": facts.path,
                "query": scope["query_string"].decode(),
                "operation": facts.operation,
                "job": facts.names.get("job"),
                "status": exchange.status or "disconnected",
                "milliseconds": round((time.perf_counter() - started) * 1000, 1),
                "fault": fault.kind if fault else None,
            }
        )

    def _dated(self, send: Send) -> Send:
        """Every answer says what time it is here, right or wrong."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._emulator.clock.utc(), usegmt=True)
                message = {**message, "headers": [*message.get("headers", []), (b"date", date.encode())]}
            await send(message)

        return dated

    async def _work(self, exchange: "Exchange", send: Send) -> None:
        try:
            if self._emulator.limits and exchange.scope["path"].startswith("/subscriptions/"):
                self._emulator.limits.check(exchange.scope["method"])
            exchange.require_bearer()
        except ArmError as error:
            await error.response()(exchange.scope, exchange.replay, send)
        else:
            await self._app(exchange.scope, exchange.replay, send)

    async def _fail(self, exchange: "Exchange", fault: Fault) -> None:
        """Make the fault, after the work was done and its answer thrown away if the fault says so."""
        params = fault.params
        if params.get("after_commit"):
            answer = Answer()
            await self._work(exchange, answer.keep)
        else:
            answer = None
        if fault.kind == "status":
            error = ArmError(
                int(params.get("status", 500)),
                str(params.get("code", "EmulatedFault")),
                str(params.get("message", "The emulator was told to answer so.")),
                retry_after=params.get("retry_after"),
            )
            await error.response()(exchange.scope, exchange.replay, exchange.send)
        elif fault.kind == "disconnect":
            await exchange.drop()
        elif not await exchange.is_gone_within(float(params.get("seconds", 60))):
            # A client that is more patient than this gets its answer, late.
            await (answer.replay(exchange.send) if answer else self._work(exchange, exchange.send))


class Answer:
    """An answer held back."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def keep(self, message: Message) -> None:
        self._messages.append(message)

    async def replay(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


class Exchange:
    """One request, read whole, and the connection that its answer goes to."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        self.scope = scope
        self.status: int | None = None
        self._receive = receive
        self._send = send
        self._body = body
        self._is_replayed = False

    @classmethod
    async def begin(cls, scope: Scope, receive: Receive, send: Send) -> "Exchange":
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                return cls(scope, receive, send, body)

    def require_bearer(self) -> None:
        """Discovery is public; everything else wants a token, of which only the presence is checked."""
        if self.scope["path"].startswith("/discovery"):
            return
        headers = {name.lower(): value for name, value in self.scope["headers"]}
        kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise ArmError(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")

    async def replay(self) -> Message:
        if self._is_replayed:
            return await self._receive()
        self._is_replayed = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def is_gone_within(self, seconds: float) -> bool:
        """Wait this long, and say whether the client gave up meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True

    async def drop(self) -> None:
        """Close the connection without a byte of an answer."""
        # ASGI has no word for this; uvicorn's `receive` is a method of the object that holds the connection.
        cycle: Any = getattr(self._receive, "__self__", None)
        close: Callable[[], None] = cycle.transport.close
        close()
        disconnected: Awaitable[bool] = self.is_gone_within(5.0)
        await disconnected
