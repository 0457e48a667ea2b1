"""What the control surface of this emulator shows and changes besides faults, clock and outage."""

import asyncio
import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.servicebus.broker import Broker
from bridge.local.servicebus.namespace import Namespace
from bridge.local.servicebus.queue import Message, MessageQueue, State

T = TypeVar("T")

#: Name in a request, and the option that it changes.
_CHANGEABLE = {
    "duplicate_detection_seconds": float,
    "lock_seconds": float,
    "max_delivery_count": int,
}


class ServiceBusEmulator:
    """The emulator as the common control surface wants it: everything is done in the broker's loop."""

    def __init__(self, namespace: Namespace, broker: Broker) -> None:
        self.faults = namespace.faults
        self._namespace = namespace
        self._broker = broker

    def advance(self, seconds: float) -> None:
        self._broker.loop.call(lambda: self._advance(seconds))

    def reset(self) -> None:
        self._broker.loop.call(self._namespace.reset)

    def _advance(self, seconds: float) -> None:
        self._namespace.advance(seconds)
        self._broker.tick()


def queue_routes(namespace: Namespace, broker: Broker) -> list[Route]:
    """Looking into queues, and changing how they behave while they run."""

    async def in_loop(function: Callable[[], T]) -> T:
        return await _in_loop(broker, function)

    async def queues(_: Request) -> Response:
        return JSONResponse(await in_loop(lambda: {name: queue.counts() for name, queue in namespace.queues.items()}))

    async def messages(request: Request) -> Response:
        queue = namespace.queues.get(request.path_params["name"])
        if queue is None:
            return _not_found(request)
        state, top = request.query_params.get("state", "active"), int(request.query_params.get("top", "100"))
        if state != "dead" and state not in [known.value for known in State]:
            return JSONResponse({"error": f"unknown state {state}"}, status_code=400)
        return JSONResponse(await in_loop(lambda: _listing(queue, state, top)))

    async def configure(request: Request) -> Response:
        queue = namespace.queues.get(request.path_params["name"])
        if queue is None:
            return _not_found(request)
        body: dict[str, Any] = await request.json()
        unknown = body.keys() - _CHANGEABLE.keys()
        if unknown:
            return JSONResponse({"error": f"cannot change {', '.join(sorted(unknown))}"}, status_code=400)
        changes: dict[str, Any] = {name: _CHANGEABLE[name](value) for name, value in body.items()}
        await in_loop(lambda: queue.configure(replace(queue.options, **changes)))
        return Response(status_code=204)

    return [
        Route("/queues", queues, methods=["GET"]),
        _one_queue(namespace, broker),
        Route("/queues/{name}", configure, methods=["PUT"]),
        Route("/queues/{name}/messages", messages, methods=["GET"]),
    ]


def _one_queue(namespace: Namespace, broker: Broker) -> Route:
    """How a queue is set, and what is in it."""

    async def show(request: Request) -> Response:
        queue = namespace.queues.get(request.path_params["name"])
        if queue is None:
            return _not_found(request)
        described = await _in_loop(broker, lambda: {"options": asdict(queue.options), "counts": queue.counts()})
        return JSONResponse(described)

    return Route("/queues/{name}", show, methods=["GET"])


async def _in_loop(broker: Broker, function: Callable[[], T]) -> T:
    return await asyncio.wrap_future(broker.loop.submit(function))


def _not_found(request: Request) -> Response:
    return JSONResponse({"error": f"no queue {request.path_params['name']}"}, status_code=404)


def _listing(queue: MessageQueue, state: str, top: int) -> list[dict[str, Any]]:
    if state == "dead":
        queue.age()
        found = iter(queue.dead_letters.peek(0, top)) if queue.dead_letters else iter([])
    else:
        found = queue.messages(State(state))
    return [_shown(message) for message in itertools.islice(found, top)]


def _shown(message: Message) -> dict[str, Any]:
    content = message.content
    properties = [*content.property_list(), *[None] * 6]
    return {
        "message_id": _plain(content.message_id),
        "sequence_number": message.sequence_number,
        "delivery_count": message.delivery_count,
        "subject": properties[3],
        "correlation_id": _plain(properties[5]),
        "body": content.body_text(),
        "application_properties": {name: _plain(value) for name, value in content.application_properties().items()},
        "scheduled_at": _instant(content.scheduled_at),
        "locked_until": _instant(message.locked_until),
        "dead_letter_reason": message.dead_letter_reason,
    }


def _instant(at: float | None) -> str | None:
    return None if at is None else dt.datetime.fromtimestamp(at, dt.UTC).isoformat()


def _plain(value: Any) -> Any:
    """What JSON can show."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
