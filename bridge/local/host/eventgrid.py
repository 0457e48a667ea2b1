"""The Event Grid webhook: handshake, one invocation per event, and 500 for all when one of them fails."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.local.host.invocation import Invoker, nothing_returned
from bridge.local.host.keys import Keys
from bridge.local.host.loading import EVENT_GRID, Function


class EventGridWebhook:
    """POST /runtime/webhooks/EventGrid."""

    def __init__(self, functions: Mapping[str, Function], keys: Keys, invoker: Invoker) -> None:
        self._functions = {name: function for name, function in functions.items() if function.kind == EVENT_GRID}
        self._keys = keys
        self._invoker = invoker

    async def answer(self, request: Request) -> Response:
        if not self._keys.allow(request, "SYSTEM"):
            return Response(status_code=401)
        name = request.query_params.get("functionName", "")
        function = self._functions.get(name)
        if function is None:
            return Response(f"cannot find function: '{name}'", 404)
        event_type = request.headers.get("aeg-event-type", "").lower()
        if event_type == "unsubscribe":
            return Response(status_code=202)
        if event_type not in ("subscriptionvalidation", "notification"):
            return Response(status_code=400)
        try:
            return await self._process(function, event_type, await request.body())
        except (ValueError, TypeError, LookupError):
            return Response(status_code=500)  # as an unhandled exception of the extension ends

    async def _process(self, function: Function, event_type: str, body: bytes) -> Response:
        content = json.loads(body)
        if event_type == "subscriptionvalidation":
            return JSONResponse({"validationResponse": _validation_code(content)})
        return await self._notify(function, content if isinstance(content, list) else [content])

    async def _notify(self, function: Function, events: list[Any]) -> Response:
        results = await asyncio.gather(
            *(
                self._invoker.invoke(
                    function,
                    partial(decode_event, event),
                    partial(nothing_returned, function),
                    traceparent=event.get("traceparent") if isinstance(event, dict) else None,
                    facts={"event_id": event.get("id")} if isinstance(event, dict) else {},
                )
                for event in events
            ),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            return Response(f"Exception while executing function: Functions.{function.name}", 500)
        return Response(status_code=202)


def decode_event(event: Any) -> Any:
    """The object that a function gets for one event."""
    return EventGridEventInConverter.decode(Datum(json.dumps(event), "json"), trigger_metadata=None)


def _validation_code(content: Any) -> Any:
    """Event Grid schema: an array with data; CloudEvents schema: an object whose data is JSON inside JSON."""
    data = content[0]["data"] if isinstance(content, list) else json.loads(content["data"])
    return data["validationCode"]
