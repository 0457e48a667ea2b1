"""The admin API: which functions there are, whether the host is ready, and calling a function by hand."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from azure.functions.meta import Datum
from azure.functions.timer import TimerRequestConverter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.local.host import messages
from bridge.local.host.eventgrid import decode_event
from bridge.local.host.invocation import Invoker, nothing_returned
from bridge.local.host.keys import Keys
from bridge.local.host.loading import EVENT_GRID, HTTP, SERVICE_BUS, TIMER, Function


class Admin:
    """Routes under /admin; all but the status want the master key."""

    def __init__(
        self, functions: Mapping[str, Function], keys: Keys, invoker: Invoker, is_ready: Callable[[], bool]
    ) -> None:
        self._functions = functions
        self._keys = keys
        self._invoker = invoker
        self._is_ready = is_ready
        self._tasks: set[asyncio.Task[None]] = set()

    async def status(self, _: Request) -> Response:
        """200 once every listener has been connected. Open without a key, so that a stack can wait for it."""
        ready = self._is_ready()
        return JSONResponse({"state": "Running" if ready else "Initializing"}, status_code=200 if ready else 503)

    async def functions(self, request: Request) -> Response:
        if not self._keys.allow(request, "ADMIN"):
            return Response(status_code=401)
        return JSONResponse(
            [
                {
                    "name": function.name,
                    "language": "python",
                    "isDisabled": function.is_disabled,
                    "config": {"bindings": list(function.bindings)},
                }
                for function in self._functions.values()
            ]
        )

    async def invoke(self, request: Request) -> Response:
        """Begin one invocation with {"input": text}; its outcome is only in the log."""
        if not self._keys.allow(request, "ADMIN"):
            return Response(status_code=401)
        function = self._functions.get(str(request.path_params["name"]))
        if function is None:
            return Response(status_code=404)
        try:
            content = json.loads(await request.body() or b"{}")
            given = content.get("input")
        except (ValueError, AttributeError):
            return Response(status_code=400)
        if function.kind == HTTP:
            return Response("an HTTP function is called on its route", 400)
        text = given if isinstance(given, str) else "" if given is None else json.dumps(given)
        task = asyncio.create_task(self._run(function, partial(_trigger_data, function, text)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(status_code=202)

    async def _run(self, function: Function, decode: Callable[[], Any]) -> None:
        with contextlib.suppress(Exception):  # the invoker has logged it
            await self._invoker.invoke(function, decode, partial(nothing_returned, function))


def _trigger_data(function: Function, text: str) -> Any:
    if function.kind == EVENT_GRID:
        return decode_event(json.loads(text))
    if function.kind == TIMER:
        return TimerRequestConverter.decode(Datum(json.dumps({"IsPastDue": False}), "json"), trigger_metadata=None)
    if function.kind == SERVICE_BUS:
        message = messages.ReceivedMessage(body=text.encode(), message_id=uuid.uuid4().hex)
        if function.takes_batches:
            return messages.many([message], function.data_type)
        return messages.one(message, function.data_type)
    raise ValueError(f"a {function.kind} cannot be called by hand")
