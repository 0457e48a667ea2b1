"""One container's process: what it serves, and its orderly end."""

import asyncio
import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from bridge.container.calls import Calls
from bridge.container.connections import Connections
from bridge.container.door import Door
from bridge.container.functions import Function, Trigger, expanded, of
from bridge.container.host_file import HostFile
from bridge.container.http import Routes, not_found
from bridge.container.intake import Batches, Singles
from bridge.container.listener import Listener
from bridge.container.probes import probe_routes
from bridge.container.timers import Timer
from bridge.domain.errors import ConfigurationError

log = logging.getLogger(__name__)
#: How long a stop waits for what runs; less than the 30 seconds that Kubernetes and Snowflake give.
STOP_SECONDS = 25.0
#: For what is given back then.
GIVE_BACK_SECONDS = 3.0


class Role(StrEnum):
    """What a container does."""

    HTTP = "http"
    WORKER = "worker"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be served, and with what."""

    role: Role
    functions: Sequence[Function]
    host_file: HostFile
    environ: Mapping[str, str]
    door: Door
    connections: Connections
    threads: int
    #: Wrong settings; then HTTP answers 503, and nothing else is begun.
    has_problems: bool


class Application:
    """Everything that runs in the process; it ends when any part of it does."""

    def __init__(self, plan: Plan, listening: socket.socket) -> None:
        """Raises: ConfigurationError when a queue or a schedule cannot be used."""
        self._plan = plan
        self._failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._calls: list[Calls] = []
        works, serves = plan.role is not Role.HTTP, plan.role is not Role.WORKER
        self._listeners = list(self._make_listeners()) if works else []
        self._timers = list(self._make_timers()) if works else []
        self._is_stopping = False
        routes: list[BaseRoute] = [*probe_routes(self._missing)]
        if serves:
            functions = of(Trigger.HTTP, plan.functions)
            routes += Routes(functions, plan.host_file.route_prefix, plan.door, self._pool(plan.threads)).routes()
        self._server = _Server(_config(routes))
        self._socket = listening

    async def run(self, stop: asyncio.Event) -> bool:
        """Serve until `stop` is set or a part fails; whether all was well."""
        parts = [
            asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http"),
            *(asyncio.create_task(each.run(), name=each.function.name) for each in self._works()),
        ]
        stopped = asyncio.create_task(stop.wait())
        ends: list[asyncio.Future[Any]] = [stopped, self._failure, *parts]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        failed = self._told_failures(parts)
        stopped.cancel()
        await self._stop(parts)
        return not failed

    @property
    def has_stuck_calls(self) -> bool:
        """Threads that still run would keep the interpreter from ending."""
        return any(calls.running for calls in self._calls)

    def _works(self) -> list[Listener | Timer]:
        return [*self._listeners, *self._timers]

    def _told_failures(self, tasks: list["asyncio.Task[None]"]) -> bool:
        ended = [task for task in tasks if task.done()]
        for task in ended:
            log.critical("%s has ended: %r", task.get_name(), task.exception())
        if self._failure.done():
            log.critical("%s", self._failure.result())
        return bool(ended) or self._failure.done()

    async def _stop(self, parts: list["asyncio.Task[None]"]) -> None:
        log.info("stopping: what runs has %.0f seconds", STOP_SECONDS)
        self._is_stopping = True
        self._server.should_exit = True
        for each in self._works():
            each.stop()
        _, late = await asyncio.wait(parts, timeout=STOP_SECONDS)
        for listener in self._listeners:
            listener.give_back()
        if late:
            log.warning("given back, to be done by another: %s", ", ".join(sorted(task.get_name() for task in late)))
            await asyncio.wait(late, timeout=GIVE_BACK_SECONDS)
        for task in parts:
            task.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        for calls in self._calls:
            calls.close()
        log.info("stopped")

    def _missing(self) -> list[str]:
        if self._is_stopping or self._plan.has_problems:
            return ["stop" if self._is_stopping else "settings"]
        return [each.function.name for each in self._listeners if not each.is_connected]

    def _pool(self, threads: int) -> Calls:
        calls = Calls(threads, self._plan.host_file.function_timeout, self._fail)
        self._calls.append(calls)
        return calls

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_result(error)

    def _make_listeners(self) -> Iterator[Listener]:
        """Each has threads of its own: a message never waits, locked, for another queue's to end."""
        options = self._plan.host_file.service_bus
        for function in of(Trigger.QUEUE, self._plan.functions):
            queue = expanded(str(function.binding["queueName"]), self._plan.environ)
            connection = str(function.binding["connection"])
            self._plan.connections.check(connection)
            intake = Batches(options) if function.takes_batches else Singles(options)
            yield Listener(
                function,
                intake,
                self._pool(intake.permits),
                partial(self._plan.connections.receiver, queue, connection),
                renewal=options.max_auto_lock_renewal_duration,
            )

    def _make_timers(self) -> Iterator[Timer]:
        for function in of(Trigger.TIMER, self._plan.functions):
            try:
                schedule = expanded(str(function.binding["schedule"]), self._plan.environ)
            except ConfigurationError as error:
                log.warning("%s does not run by itself: %s", function.name, error)
                continue
            yield Timer(function, schedule, self._pool(1))


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's, which stops more than this."""
        yield


def _config(routes: list[BaseRoute]) -> uvicorn.Config:
    app = Starlette(routes=routes, exception_handlers={HTTPException: not_found})
    app.router.redirect_slashes = False
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=int(STOP_SECONDS),
    )
