"""The routes of function_app.py by HTTP: Starlette's requests become the platform's, and its answers Starlette's."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from urllib.parse import parse_qsl

import azure.functions as func
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge import handlers
from bridge.container.calls import Calls
from bridge.container.door import Door, Refused
from bridge.container.functions import Function
from bridge.container.routes import paths, precedence
from bridge.payloads.limits import BODY_BYTES

log = logging.getLogger(__name__)
DEFAULT_METHODS = ("GET", "POST")
#: Of a body that is too large, until its sender is not listened to any more.
READ_BYTES = 4 * BODY_BYTES
#: A sender that takes longer holds a connection and memory for nothing.
BODY_SECONDS = 60.0
#: The rest of the body is not waited for.
_LAST = {"Connection": "close"}


class Routes:
    """One Starlette route a path, whatever its methods."""

    def __init__(self, functions: Iterable[Function], prefix: str, door: Door, calls: Calls) -> None:
        """Raises: ConfigurationError for a template that is not understood."""
        self._door = door
        self._calls = calls
        self._by_path: dict[str, dict[str, Function]] = {}
        for function in functions:
            names = function.binding.get("methods") or DEFAULT_METHODS
            for path in paths(prefix, str(function.binding.get("route") or function.name)):
                self._by_path.setdefault(path, {}).update({str(name).upper(): function for name in names})

    def routes(self) -> list[Route]:
        return [Route(path, _Endpoint(self, self._by_path[path])) for path in sorted(self._by_path, key=precedence)]

    async def answer(self, function: Function, request: Request) -> Response:
        query = _joined(parse_qsl(request.url.query))
        try:
            headers = self._door.check(function, _joined(request.headers.items()), query)
        except Refused as error:
            return problem(401, "Not authenticated", str(error))
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            detail = f"its body took more than {BODY_SECONDS:.0f} seconds"
            return problem(408, "The request cannot be used", detail, headers=_LAST)
        if body is None:
            detail = f"the body has more than {BODY_BYTES:,} bytes: send less in one request"
            return problem(413, "The request cannot be used", detail, headers=_LAST, code="TOO_LARGE")
        given = func.HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=headers,
            params=query,
            route_params={name: str(value) for name, value in request.path_params.items()},
            body=body,
        )
        with suppress(Exception):  # the calls log it
            answer = await self._calls(function, given)
            if isinstance(answer, func.HttpResponse):
                return _response(answer)
            log.error("%s returned a %s, and no HttpResponse", function.name, type(answer).__name__)
        return problem(500, "Unexpected error", "this is a defect of the bridge; its log has more")


class _Endpoint:
    """The functions of one path by method."""

    def __init__(self, routes: Routes, functions: Mapping[str, Function]) -> None:
        self._routes = routes
        self._functions = functions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        function = self._functions.get(request.method)
        try:
            if function is None:
                allowed = ", ".join(sorted(self._functions))
                detail = f"{request.method} is not possible here: use {allowed}"
                response = problem(405, "Method not allowed", detail, headers={"Allow": allowed})
            else:
                response = await self._routes.answer(function, request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)


async def not_found(_: Request, error: Exception) -> Response:
    """What Starlette itself refuses, as the app would."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem(status, "Not found" if status == 404 else "Not possible", "there is no such route")


def problem(
    status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: str
) -> Response:
    return _response(handlers.answers.problem(status, title, detail, headers=headers, **members))


async def _body(request: Request) -> bytes | None:
    """None when it is too large. Some more of it is read then and not kept, or the sender would not see the answer."""
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_BYTES:
            body += chunk
        elif size > READ_BYTES:
            break
    return bytes(body) if size <= BODY_BYTES else None


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What comes twice, with a comma between: so the platform gives it to a function."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _response(answer: func.HttpResponse) -> Response:
    response = Response(answer.get_body(), answer.status_code)
    for name, value in answer.headers.items():
        response.headers.append(name, value)
    if "content-type" not in response.headers and answer.mimetype:
        is_text = answer.mimetype.startswith("text/")
        response.headers["content-type"] = (
            f"{answer.mimetype}; charset={answer.charset}" if is_text else answer.mimetype
        )
    return response
