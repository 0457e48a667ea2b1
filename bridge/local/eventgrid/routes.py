"""The emulator's routes: publishing to topics, the workspace's events, and what the control surface can show."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.eventgrid.deliveries import EventGridEmulator
from bridge.local.eventgrid.publishing import (
    API_VERSION,
    MAX_BYTES,
    PublishError,
    check_key,
    events_in,
    workspace_events,
)
from bridge.local.eventgrid.topics import WORKSPACE, Topic

#: The topic of the short address `/api/events`.
_DEFAULT_TOPIC = "custom"


def publishing_app(emulator: EventGridEmulator) -> Starlette:
    """What publishers see."""

    async def publish(request: Request) -> Response:
        topic = _topic(emulator, request.path_params.get("topic", _DEFAULT_TOPIC))
        check_key(topic, request.headers)
        if request.query_params.get("api-version") != API_VERSION:
            raise PublishError(400, "BadRequest", f"api-version must be {API_VERSION}.")
        body = await _body(request)
        emulator.accept(topic, events_in(topic, request.headers.get("content-type", ""), body))
        return Response(status_code=200)

    async def from_workspace(request: Request) -> Response:
        emulator.accept(_topic(emulator, WORKSPACE), workspace_events(await request.json()))
        return Response(status_code=200)

    return Starlette(
        routes=[
            Route("/api/events", publish, methods=["POST"]),
            Route("/topics/{topic}/api/events", publish, methods=["POST"]),
            Route("/workspace-events", from_workspace, methods=["POST"]),
        ],
        exception_handlers={PublishError: _refused},
    )


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, PublishError):
        raise error
    return error.response()


def _topic(emulator: EventGridEmulator, name: str) -> Topic:
    topic = emulator.topics.get(name)
    if topic is None:
        raise PublishError(404, "NotFound", f"there is no topic {name}")
    return topic


async def _body(request: Request) -> bytes:
    """The body, read no further than is allowed."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise PublishError(413, "PayloadTooLarge", f"The maximum size of a request is {MAX_BYTES} bytes.")
    return body


def control_routes(emulator: EventGridEmulator) -> list[Route]:
    """What became of the events."""

    async def deliveries(_: Request) -> Response:
        return JSONResponse(emulator.counts())

    async def dead_letters(_: Request) -> Response:
        return JSONResponse(emulator.dead_letters)

    return [Route("/deliveries", deliveries, methods=["GET"]), Route("/dead-letters", dead_letters, methods=["GET"])]
