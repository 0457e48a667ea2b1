"""One address for everything that disturbs a running stack, for programs that did not start it themselves."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.serving import HttpListener
from bridge.local.stack import HOST, Stack

METHODS = ["GET", "POST", "PUT", "DELETE"]


@contextmanager
def control_server(stack: Stack) -> Iterator[None]:
    """Serve `control_app` in a thread while the body runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listener = HttpListener(control_app(stack), stack.ports.control)
    asyncio.run_coroutine_threadsafe(listener.up(), loop).result(30)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(listener.down(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def control_app(stack: Stack) -> Starlette:
    """`/clock` and `/reset` for all, `/{service}/…` for one service's own surface, `/functions/kill|start`."""

    async def clock(request: Request) -> Response:
        await run_in_threadpool(stack.advance, float((await request.json())["advance_seconds"]))
        return Response(status_code=204)

    async def reset(_: Request) -> Response:
        await run_in_threadpool(stack.reset)
        return Response(status_code=204)

    async def kill(_: Request) -> Response:
        await run_in_threadpool(stack.processes[HOST].kill)
        return Response(status_code=204)

    async def start(_: Request) -> Response:
        await run_in_threadpool(stack.start_host)
        return Response(status_code=204)

    async def services(_: Request) -> Response:
        return JSONResponse({name: process.pid for name, process in stack.processes.items()})

    async def forward(request: Request) -> Response:
        service = request.path_params["service"]
        if service not in stack.processes:
            return JSONResponse({"error": f"no service {service}: there are {sorted(stack.processes)}"}, 404)
        target = f"{stack.control_url(service)}/{request.path_params['path']}"
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            answer = await client.request(
                request.method, target, params=request.query_params, content=await request.body()
            )
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    return Starlette(
        routes=[
            Route("/clock", clock, methods=["POST"]),
            Route("/reset", reset, methods=["POST"]),
            Route("/services", services, methods=["GET"]),
            Route("/functions/kill", kill, methods=["POST"]),
            Route("/functions/start", start, methods=["POST"]),
            Route("/{service}/{path:path}", forward, methods=METHODS),
        ]
    )
