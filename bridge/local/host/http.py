"""HTTP functions: the front end's limits, the host's keys and routes, the worker's view of requests and answers."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.meta import Datum
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.local.host.invocation import Invoker
from bridge.local.host.keys import Keys
from bridge.local.host.loading import Function
from bridge.local.host.routes import RouteTemplate

#: The platform's front end gives up on a request after this long, whatever functionTimeout says.
FRONT_END_SECONDS = 230.0
DEFAULT_BODY_LIMIT = 104857600
DEFAULT_METHODS = ("GET", "POST")


log = logging.getLogger("bridge.local.host")


class TooLargeError(Exception):
    """The body is larger than FUNCTIONS_REQUEST_BODY_SIZE_LIMIT."""


class HttpFunctions:
    """Every HTTP function of the app behind one endpoint."""

    def __init__(
        self, functions: Sequence[Function], prefix: str, keys: Keys, invoker: Invoker, environment: Mapping[str, str]
    ) -> None:
        routes = [
            (RouteTemplate(prefix, str(function.trigger.get("route") or function.name)), function)
            for function in functions
        ]
        self._routes = sorted(routes, key=lambda route: route[0].precedence)
        self._keys = keys
        self._invoker = invoker
        self._body_limit = int(environment.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", DEFAULT_BODY_LIMIT))
        self._seconds = float(environment.get("LOCAL_FRONT_END_SECONDS", FRONT_END_SECONDS))
        self._late: set[asyncio.Task[Response]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """The answer of the function whose route and method fit; the platform knows no 405."""
        path = request.scope.get("raw_path", b"").decode("latin-1").split("?")[0]
        for template, function in self._routes:
            parameters = template.match(path)
            if parameters is not None and request.method in _methods(function):
                break
        else:
            return Response(status_code=404)
        if not self._keys.allow(request, str(function.trigger.get("authLevel", "FUNCTION"))):
            log.warning(
                "401 for %s: no key that opens it; Azure tells it as a request of Application Insights", function.name
            )
            return Response(status_code=401)
        try:
            body = await self._body(request)
        except TooLargeError:
            log.warning("413 for %s: its body is over FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", function.name)
            return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        return await self._invoke(function, request, parameters, body)

    async def _body(self, request: Request) -> bytes:
        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self._body_limit:
            raise TooLargeError
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._body_limit:
                raise TooLargeError
        return bytes(body)

    async def _invoke(
        self, function: Function, request: Request, parameters: Mapping[str, str], body: bytes
    ) -> Response:
        call = self._invoker.invoke(
            function,
            partial(_to_function, request, parameters, body),
            _from_function,
            traceparent=request.headers.get("traceparent"),
            facts={"path": request.url.path},
        )
        task = asyncio.create_task(call)
        done, _ = await asyncio.wait({task}, timeout=self._seconds)
        if not done:  # the caller is let down, the function runs on
            self._late.add(task)
            task.add_done_callback(self._forget)
            return Response(status_code=502)
        try:
            return task.result()
        except Exception:  # the invoker has logged it; the caller learns nothing
            return Response(status_code=500)

    def _forget(self, task: asyncio.Task[Response]) -> None:
        self._late.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()


def _methods(function: Function) -> tuple[str, ...]:
    return tuple(str(method).upper() for method in function.trigger.get("methods") or DEFAULT_METHODS)


def _to_function(request: Request, parameters: Mapping[str, str], body: bytes) -> Any:
    """The request as the host sends it to a Python worker: repeated values joined, empty query values dropped."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.url.query):
        query[name] = f"{query[name]},{value}" if name in query else value
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    datum = Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(str(request.url), "string"),
            "headers": _texts(headers),
            "query": _texts(query),
            "params": _texts(parameters),
            "body": Datum(body, "bytes"),
        },
        "http",
    )
    return HttpRequestConverter.decode(datum, trigger_metadata={})


def _texts(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _from_function(value: Any) -> Response:
    """The answer that the worker makes of what the function returned.

    Raises:
        TypeError: it is neither an HttpResponse nor a text.
    """
    try:
        datum = HttpResponseConverter.encode(value, expected_type=None)
    except NotImplementedError:
        raise TypeError(f"an HTTP function must return HttpResponse or str, not {type(value).__name__}") from None
    if datum.type == "string":
        return Response(datum.value, media_type="text/plain")
    status = int(datum.value["status_code"].value)
    body = datum.value["body"].value if status >= 200 and status not in (204, 304) else b""
    response = Response(body, status)
    for name, header in datum.value["headers"].items():
        response.headers[name] = header.value
    for cookie in datum.value["cookies"] or ():
        _add_cookies(response, cookie)
    return response


def _add_cookies(response: Response, cookie: SimpleCookie) -> None:
    for morsel in cookie.values():
        response.headers.append("set-cookie", morsel.OutputString())
