"""HTTP servers on loopback that can go away and come back, and the life of an emulator's process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: two servers in one process would fight for them."""
        yield


class HttpListener:
    """One ASGI app on one loopback port; while it is down, connections are refused.

    Several processes may share a port: the system gives each new connection to one of those that listen.
    """

    def __init__(self, app: Any, port: int, *, shares_port: bool = False, has_dates: bool = True) -> None:
        """Without dates the app itself says what time it is."""
        self._app = app
        self._port = port
        self._shares_port = shares_port
        self._has_dates = has_dates
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def listen(self, up: bool) -> None:
        await (self.up() if up else self.down())

    async def up(self) -> None:
        if self._task is not None:
            return
        # Opened here: uvicorn would end the process, and its log would not say why.
        listening = socket.create_server(("127.0.0.1", self._port), backlog=2048, reuse_port=self._shares_port)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio says it for its own sockets only
        config = uvicorn.Config(
            self._app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            date_header=self._has_dates,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([listening]))
        while not self._server.started:
            if self._task.done():
                raise RuntimeError(f"the server on port {self._port} ended while it started")
            await asyncio.sleep(0.01)

    async def down(self) -> None:
        if self._server is None or self._task is None:
            return
        self._server.should_exit = self._server.force_exit = True
        await self._task
        self._server = self._task = None


async def until_stopped(*, with_parent: bool) -> None:
    """Wait for SIGTERM or SIGINT or, with a parent, for the end of standard input, which is the end of the parent."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if with_parent:
        threading.Thread(target=_watch_parent, args=(loop, stopped), daemon=True).start()
    await stopped.wait()


def _watch_parent(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(stopped.set)
