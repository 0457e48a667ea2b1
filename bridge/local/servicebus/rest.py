"""The REST send API: `POST /{queue}/messages`, single or batch."""

import asyncio
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.local.servicebus.broker import Broker
from bridge.local.servicebus.errors import DroppedConnectionError, QueueNotFoundError, RefusedError, UnauthorizedError
from bridge.local.servicebus.namespace import Namespace
from bridge.local.servicebus.rest_message import from_request
from bridge.local.servicebus.sas import SharedKey


def rest_app(namespace: Namespace, broker: Broker, key: SharedKey) -> Starlette:
    """The app; messages go to the broker's thread, which alone touches the queues."""

    async def send(request: Request) -> Response:
        path = request.path_params["queue"]
        try:
            _check(key, request, path)
            queue = namespace.find(path)
            if not queue.accepts_sends:
                raise QueueNotFoundError(f"Nothing can be sent to '{path}'.")
            contents = from_request(request.headers.items(), await request.body())
            await asyncio.wrap_future(broker.loop.submit(lambda: broker.send(queue, contents)))
        except QueueNotFoundError as error:
            return PlainTextResponse(str(error), status_code=410)
        except RefusedError as error:
            return PlainTextResponse(str(error), status_code=error.status)
        except DroppedConnectionError:
            await _drop(request)
        return Response(status_code=201)

    return Starlette(routes=[Route("/{queue:path}/messages", send, methods=["POST"])])


def _check(key: SharedKey, request: Request, path: str) -> None:
    token = request.headers.get("authorization")
    if not token:
        raise UnauthorizedError("MissingToken: the authorization header is missing.")
    if not key.verify(token, time.time()).covers(path):
        raise UnauthorizedError("InvalidAudience: the token does not cover the queue.")


async def _drop(request: Request) -> None:
    """Close the socket without an answer.

    ASGI has no word for that, but the `receive` it hands over belongs to a uvicorn object that knows the socket.
    """
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]
    await asyncio.sleep(0)  # until the loop has told uvicorn, which then ignores the answer
