"""The control surface that every emulator has on a port of its own: faults, clock, outage, reset, health."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.local.faults import Fault, FaultPlan


class Emulator(Protocol):
    """What the control surface needs of an emulator."""

    faults: FaultPlan

    def advance(self, seconds: float) -> None:
        """Make everything that waits inside due this much sooner. Timestamps that clients read stay real time."""

    def reset(self) -> None:
        """Forget everything that happened; keep what was configured at the start."""


#: Takes the service away (False) or gives it back (True): while it is away, connections are refused.
Listening = Callable[[bool], Awaitable[None]]
#: Waits until nothing that the emulator sends by itself is on its way any more.
Resting = Callable[[], Awaitable[None]]


async def _rests() -> None:
    """Most emulators only answer."""


def control_app(
    emulator: Emulator, listening: Listening, routes: Sequence[BaseRoute] = (), *, at_rest: Resting = _rests
) -> Starlette:
    """The control surface of `emulator`, with further `routes` for what only this emulator can show."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def plan(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        fault = emulator.faults.add(
            Fault(
                kind=body["kind"],
                times=body.get("times", 1),
                match=body.get("match") or {},
                params=body.get("params") or {},
            )
        )
        return JSONResponse(fault.to_json(), status_code=201)

    async def faults(_: Request) -> Response:
        return JSONResponse([fault.to_json() for fault in emulator.faults.all()])

    async def fault(request: Request) -> Response:
        found = emulator.faults.find(request.path_params["fault_id"])
        return JSONResponse(found.to_json()) if found else Response(status_code=404)

    async def clear(_: Request) -> Response:
        emulator.faults.clear()
        return Response(status_code=204)

    async def clock(request: Request) -> Response:
        emulator.advance(float((await request.json())["advance_seconds"]))
        return Response(status_code=204)

    async def outage(request: Request) -> Response:
        await listening(not (await request.json())["down"])
        return Response(status_code=204)

    async def reset(_: Request) -> Response:
        emulator.faults.clear()
        emulator.reset()
        await at_rest()
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/faults", plan, methods=["POST"]),
            Route("/faults", faults, methods=["GET"]),
            Route("/faults", clear, methods=["DELETE"]),
            Route("/faults/{fault_id}", fault, methods=["GET"]),
            Route("/clock", clock, methods=["POST"]),
            Route("/outage", outage, methods=["POST"]),
            Route("/reset", reset, methods=["POST"]),
            *routes,
        ]
    )
