"""Requests and answers of a container, in this process: what a function gets, and what its caller does."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import azure.functions as func
import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from bridge.container.calls import Calls
from bridge.container.door import Door
from bridge.container.functions import Function, Trigger
from bridge.container.http import Routes, not_found
from bridge.container.routes import paths
from bridge.domain.errors import ConfigurationError


def function(call: Callable[[func.HttpRequest], Any], route: str = "things/{id}", *methods: str) -> Function:
    binding = {"name": "req", "route": route, "methods": list(methods) or ["GET"], "authLevel": "ANONYMOUS"}
    return Function(name="thing", trigger=Trigger.HTTP, binding=binding, call=lambda req: call(req))  # noqa: PLW0108 - named as bound


def asked(*functions: Function, method: str = "GET", path: str = "/api/things/1", **more: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        calls = Calls(2, timedelta(seconds=20), lambda _: None)
        routes = Routes(functions, "api", Door({}, []), calls).routes()
        app = Starlette(routes=routes, exception_handlers={HTTPException: not_found})
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://container") as client:
            answer = await client.request(method, path, **more)
        calls.close()
        return answer

    return asyncio.run(ask())


def test_a_function_gets_the_request_as_from_the_platform() -> None:
    seen: list[func.HttpRequest] = []

    def call(request: func.HttpRequest) -> func.HttpResponse:
        seen.append(request)
        return func.HttpResponse(status_code=204)

    headers = [("X-One", "a"), ("x-one", "b"), ("Idempotency-Key", "k")]
    answer = asked(function(call), path="/api/things/a%20b?x=1&x=2&empty=", headers=headers, content=b"\xff")

    (request,) = seen
    assert (answer.status_code, answer.content) == (204, b"")
    assert request.route_params == {"id": "a b"}
    assert dict(request.params) == {"x": "1,2"}
    assert (request.headers["X-ONE"], request.headers.get("idempotency-key")) == ("a,b", "k")
    assert (request.method, request.get_body()) == ("GET", b"\xff")


def test_a_caller_gets_the_functions_answer_whole() -> None:
    headers = {"Location": "/here", "x-correlation-id": "c"}
    answer = asked(
        function(lambda _: func.HttpResponse("{}", status_code=202, mimetype="application/json", headers=headers))
    )

    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (202, "{}", "application/json")
    assert {name: answer.headers[name] for name in headers} == headers


def fails(_: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("sesame")


@pytest.mark.parametrize("call", [fails, lambda _: None, lambda _: {"a": 1}])
def test_a_function_that_fails_tells_its_caller_nothing(
    call: Callable[[func.HttpRequest], Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = asked(function(call))

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "sesame" not in answer.text
    assert "Traceback" not in answer.text
    assert caplog.records


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 201), ("HEAD", 405), ("DELETE", 405)])
def test_one_path_has_the_functions_of_its_methods(method: str, status: int) -> None:
    get = function(lambda _: func.HttpResponse(status_code=200))
    post = function(lambda _: func.HttpResponse(status_code=201), "things/{id}", "POST")

    assert asked(get, post, method=method).status_code == status


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/api/pages", {}),
        ("/api/pages/a", {"page": "a"}),
        ("/api/files", {}),
        ("/api/files/a/b.css", {"rest": "a/b.css"}),
        ("/api/numbers/12", {"number": "12"}),
        ("/api/pages/start", {"literal": ""}),
    ],
)
def test_templates_are_read_as_on_the_platform_and_the_most_literal_wins(path: str, found: dict[str, str]) -> None:
    def named(literal: bool) -> Callable[[func.HttpRequest], func.HttpResponse]:
        return lambda request: func.HttpResponse(
            json.dumps({"literal": ""} if literal else dict(request.route_params)), mimetype="application/json"
        )

    templates = ("pages/{page?}", "files/{*rest}", "numbers/{number:int}")
    functions = [*(function(named(False), template) for template in templates), function(named(True), "pages/start")]

    assert asked(*functions, path=path).json() == found


@pytest.mark.parametrize("template", ["things/{id:alpha}", "things/{id:length(3)}", "a-{id}", "{"])
def test_a_template_that_is_not_understood_is_told(template: str) -> None:
    with pytest.raises(ConfigurationError, match="is not understood in a container"):
        paths("api", template)


@pytest.mark.parametrize("path", ["/api/things", "/api/things/", "/api/things/1/2", "/things/1", "/api/things/a%2Fb"])
def test_another_path_is_a_problem(path: str) -> None:
    answer = asked(function(lambda _: func.HttpResponse()), path=path)

    assert (answer.status_code, answer.json()["title"]) == (404, "Not found")
