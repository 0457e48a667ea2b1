"""One host: an app's functions, what calls them, and their orderly end."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.local.control import control_app
from bridge.local.faults import FaultPlan
from bridge.local.host.admin import Admin
from bridge.local.host.control import HostControl
from bridge.local.host.eventgrid import EventGridWebhook
from bridge.local.host.hostjson import HostOptions
from bridge.local.host.http import HttpFunctions
from bridge.local.host.invocation import Invoker
from bridge.local.host.keys import Keys
from bridge.local.host.loading import HTTP, SERVICE_BUS, TIMER, Function
from bridge.local.host.servicebus import SingleListener
from bridge.local.host.servicebus_batch import BatchListener
from bridge.local.host.timers import Timer
from bridge.local.serving import HttpListener

log = logging.getLogger("bridge.local.host")

#: How long a stop waits for what is in flight.
DRAIN_SECONDS = 20.0


class Host:
    """Serves the functions of one app on `port`, with the control surface on `control_port`."""

    def __init__(
        self,
        functions: Sequence[Function],
        options: HostOptions,
        environment: Mapping[str, str],
        *,
        port: int,
        control_port: int,
        shares_port: bool = False,
    ) -> None:
        threads = environment.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._invoker = Invoker(options.function_timeout_seconds, FaultPlan(), int(threads) if threads else None)
        enabled = [function for function in functions if not function.is_disabled]
        self._invoker.expect(function.name for function in enabled)
        self._listeners = [
            (BatchListener if function.takes_batches else SingleListener)(
                function, options.service_bus, self._invoker, environment
            )
            for function in enabled
            if function.kind == SERVICE_BUS
        ]
        self._timers = [Timer(function, self._invoker) for function in enabled if function.kind == TIMER]
        self._front = FrontDoor(self._routes(functions, enabled, options, environment))
        self._http = HttpListener(self._front, port, shares_port=shares_port)
        control = HostControl(self._invoker.faults, self._invoker, self._timers, self._is_ready)
        self._control = HttpListener(control_app(control, self._http.listen, control.routes), control_port)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_started = False

    async def start(self) -> None:
        await self._control.up()
        await self._http.up()
        self._tasks = [asyncio.create_task(part.run()) for part in (*self._listeners, *self._timers)]
        self._is_started = True

    async def stop(self) -> None:
        """Take nothing new, wait for what is in flight, settle it, close."""
        self._front.is_closed = True
        for listener in self._listeners:
            listener.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._is_busy:
                    await asyncio.sleep(0.02)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.down()
        await self._control.down()
        self._invoker.close()

    @property
    def has_stuck_calls(self) -> bool:
        return self._invoker.has_stuck_calls

    @property
    def _is_busy(self) -> bool:
        listening = any(not task.done() for task in self._tasks[: len(self._listeners)])
        return listening or self._invoker.running > 0 or self._front.open_requests > 0

    def _is_ready(self) -> bool:
        return self._is_started and all(listener.connected.is_set() for listener in self._listeners)

    def _routes(
        self,
        functions: Sequence[Function],
        enabled: Sequence[Function],
        options: HostOptions,
        environment: Mapping[str, str],
    ) -> ASGIApp:
        keys = Keys(environment)
        admin = Admin({function.name: function for function in functions}, keys, self._invoker, self._is_ready)
        webhook = EventGridWebhook({function.name: function for function in enabled}, keys, self._invoker)
        http = HttpFunctions(
            [function for function in enabled if function.kind == HTTP],
            options.route_prefix,
            keys,
            self._invoker,
            environment,
        )
        return Router(
            [
                Route("/admin/host/status", admin.status, methods=["GET"]),
                Route("/admin/functions", admin.functions, methods=["GET"]),
                Route("/admin/functions/{name}", admin.invoke, methods=["POST"]),
                Route("/runtime/webhooks/EventGrid", webhook.answer, methods=["POST"]),
            ],
            redirect_slashes=False,  # the platform redirects nobody
            default=http,
        )


class FrontDoor:
    """Counts open requests, and refuses new ones once the host is stopping."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.open_requests = 0
        self.is_closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.is_closed:
            await Response(status_code=503)(scope, receive, send)
            return
        self.open_requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.open_requests -= 1
