"""Snowflake's HTTP API as the connectors use it."""

import gzip
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from bridge.local.snowflake import answers
from bridge.local.snowflake.emulator import SnowflakeEmulator
from bridge.local.snowflake.errors import StatementFailed
from bridge.local.snowflake.queries import AnswerLost
from bridge.local.snowflake.sessions import WRONG_PASSWORD, Session
from bridge.local.snowflake.sql_text import identifier, verb_of

_QUERIES = "/queries/v1/query-request"

Endpoint = Callable[[Request], Awaitable[Response]]


class _DroppedConnection(Response):
    """Begins an answer and never ends it, so that the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000000")]}
        await send(start)
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class SnowflakeApi:
    """The routes over one emulator."""

    def __init__(self, emulator: SnowflakeEmulator) -> None:
        self._emulator = emulator

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/session/v1/login-request", _told(self._log_in), methods=["POST"]),
                Route("/session", _told(self._session), methods=["POST"]),
                Route("/session/heartbeat", _told(self._heartbeat), methods=["POST"]),
                Route(_QUERIES, _told(self._query), methods=["POST"]),
                Route("/queries/v1/abort-request", self._accepted, methods=["POST"]),
                Route("/queries/{query_id}/result", _told(self._result), methods=["GET"]),
                Route("/monitoring/queries/{query_id}", _told(self._status), methods=["GET"]),
                # Connector 5.x sends a double slash.
                Route("/monitoring/queries//{query_id}", _told(self._status), methods=["GET"]),
                Route("/telemetry/send", self._accepted, methods=["POST"]),
                Route("/telemetry/send/{rest:path}", self._accepted, methods=["POST"]),
                Route("/{path:path}", self._unrouted, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )

    async def _log_in(self, request: Request) -> Response:
        credentials = (await _json(request))["data"]
        if self._emulator.faults.strike("login_refused"):
            raise WRONG_PASSWORD
        role = request.query_params.get("roleName")
        self._emulator.grants.check_login(
            identifier(str(credentials.get("LOGIN_NAME") or "")), identifier(role) if role else None
        )
        session = self._emulator.sessions.log_in(credentials, request.query_params)
        parameters = credentials.get("SESSION_PARAMETERS") or {}
        autocommit = str(parameters.get("AUTOCOMMIT", True)).lower() != "false"
        return JSONResponse(answers.logged_in(session, autocommit=autocommit))

    async def _session(self, request: Request) -> Response:
        session = self._session_of(request)
        if request.query_params.get("delete"):
            self._emulator.sessions.end(session)
        return JSONResponse(answers.succeeded())

    async def _heartbeat(self, request: Request) -> Response:
        self._session_of(request)
        return JSONResponse(answers.succeeded())

    async def _query(self, request: Request) -> Response:
        body = await _json(request)
        session = self._session_of(request)
        facts = {"verb": verb_of(body["sqlText"]), "sql": body["sqlText"]}
        status = self._emulator.faults.strike("http_status", **facts)
        if status is not None:
            return Response(status_code=int(status.params.get("status", 503)))
        gone = self._emulator.faults.strike("session_gone", **facts)
        if gone is not None:
            reason = StatementFailed(
                int(gone.params.get("code", 390114)),
                "08001",
                str(gone.params.get("message", "Authentication token has expired. The user must authenticate again.")),
            )
            self._emulator.sessions.end(session, reason)
            raise reason
        queries = self._emulator.queries
        execution = queries.start(session, request.query_params.get("requestId", ""), body)
        try:
            return JSONResponse(await queries.answer(execution, asynchronous=bool(body.get("asyncExec"))))
        except AnswerLost as lost:
            return Response(status_code=lost.status) if lost.status else _DroppedConnection()

    async def _result(self, request: Request) -> Response:
        self._session_of(request)
        execution = self._emulator.queries.find(request.path_params["query_id"])
        if execution is None:
            return JSONResponse({}, status_code=404)
        return JSONResponse(await self._emulator.queries.answer(execution))

    async def _status(self, request: Request) -> Response:
        self._session_of(request)
        execution = self._emulator.queries.find(request.path_params["query_id"])
        if execution is None:
            return JSONResponse(answers.succeeded(queries=[]))
        status = "RUNNING" if not execution.task.done() else "FAILED_WITH_ERROR" if execution.has_failed else "SUCCESS"
        return JSONResponse(answers.succeeded(queries=[{"id": execution.query_id, "status": status}]))

    async def _accepted(self, _: Request) -> Response:
        return JSONResponse(answers.succeeded())

    async def _unrouted(self, request: Request) -> Response:
        print(f"snowflake: no route for {request.method} {request.url.path}", file=sys.stderr, flush=True)
        return JSONResponse(
            {"success": False, "code": "0", "message": "not found", "data": None},
            status_code=404,
        )

    def _session_of(self, request: Request) -> Session:
        return self._emulator.sessions.find(request.headers.get("authorization", ""))


def _told(endpoint: Endpoint) -> Endpoint:
    """Snowflake says 200 and `success: false`; a connector would repeat a request that ends with 500."""

    async def answering(request: Request) -> Response:
        try:
            return await endpoint(request)
        except StatementFailed as failure:
            return JSONResponse(answers.failed(failure))

    return answering


async def _json(request: Request) -> Any:
    body = await request.body()
    return json.loads(gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body)
