"""The host's side of the control port: readiness, counts, the timers' clock, firing a timer, faults."""

import asyncio
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.local.faults import FaultPlan
from bridge.local.host.invocation import Invoker
from bridge.local.host.timers import Timer


class HostControl:
    """What `bridge.local.control.control_app` serves, and the routes that only the host has."""

    def __init__(
        self, faults: FaultPlan, invoker: Invoker, timers: Sequence[Timer], is_ready: Callable[[], bool]
    ) -> None:
        self.faults = faults
        self._is_ready = is_ready
        self._invoker = invoker
        self._timers = {timer.function.name: timer for timer in timers}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/ready", self._ready, methods=["GET"]),
            Route("/invocations", self._invocations, methods=["GET"]),
            Route("/cpu", self._cpu, methods=["GET"]),
            Route("/timers/{name}/fire", self._fire, methods=["POST"]),
        ]

    def advance(self, seconds: float) -> None:
        for timer in self._timers.values():
            timer.advance(seconds)

    def reset(self) -> None:
        self._invoker.forget_counts()

    async def _ready(self, _: Request) -> Response:
        """As /admin/host/status, for one of several hosts that share a port."""
        return Response(status_code=200 if self._is_ready() else 503)

    async def _invocations(self, _: Request) -> Response:
        return JSONResponse(self._invoker.to_json())

    async def _cpu(self, _: Request) -> Response:
        """Seconds by function, without the host's own."""
        return JSONResponse({name: counts.cpu_seconds for name, counts in self._invoker.counts.items()})

    async def _fire(self, request: Request) -> Response:
        timer = self._timers.get(str(request.path_params["name"]))
        if timer is None:
            return Response(status_code=404)
        task = asyncio.create_task(timer.fire())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(status_code=202)
