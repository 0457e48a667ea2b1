"""`openapi.json` is kept true: routes, bodies, answers and examples are those of the app."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import azure.functions as func
import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel, ValidationError
from schemathesis.core.failures import FailureGroup

import function_app
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.callers import CallerIdentity
from bridge.domain.errors import Unauthenticated
from bridge.domain.records import Records
from bridge.handlers.openapi.document import document as openapi
from bridge.handlers.openapi.document import request_schema
from bridge.handlers.openapi.operations import OPERATIONS, Operation
from bridge.handlers.openapi.schemas import adapted
from bridge.ports import Bridge
from tests.fuzz.conformance import conforms, schema
from tests.unit.app_functions import CALLS, GOOD_RUN, HTTP, LETTER, RUN_ID, MemoryApp, bindings, handler
from tests.unit.invocations import SNOWFLAKE_HEADERS, document, http, problem

HEALTH = next(each for each in OPERATIONS if each.function == "health")
BODIES = [operation for operation in OPERATIONS if operation.body is not None]


def ident(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


@pytest.fixture
def call(bridge: Bridge, ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch) -> Callable[..., func.HttpResponse]:
    """Calls a function by its name, over the bridge in memory with one run and one dead letter."""
    fact = events.job_fact(RUN_ID, "RUNNING", bridge.clock.now(), **GOOD_RUN)
    ledger.write(Records(run_events=(fact,), dead_letters=(LETTER,)))
    monkeypatch.setattr(function_app, "bridge_app", MemoryApp(bridge))
    return lambda name, request: handler(name)(request)


def check(operation: Operation, answer: func.HttpResponse) -> None:
    """The answer as the platform sends it."""
    headers = {"content-type": answer.mimetype, **answer.headers}
    conforms(operation.path, operation.method, answer.status_code, headers, answer.get_body())


# routes


def test_every_http_route_is_in_it_with_its_methods() -> None:
    routes = {(f"/{route.removeprefix('v1/')}", methods) for route, methods, _ in HTTP.values()}
    expected = {(path, method.lower()) for path, methods in routes for method in methods.split(",")}

    assert {(path, method) for path, item in openapi()["paths"].items() for method in item} == expected


@pytest.mark.parametrize("operation", OPERATIONS, ids=ident)
def test_an_operation_is_its_functions(operation: Operation) -> None:
    trigger = bindings(operation.function)[0]
    found = openapi()["paths"][operation.path][operation.method]
    in_path = {each["name"] for each in found["parameters"] if each.get("in") == "path"}

    assert trigger["route"] == f"v1{operation.path}"
    assert operation.method.upper() in trigger["methods"]
    assert in_path == set(re.findall(r"\{(\w+)\}", trigger["route"]))
    assert (found.get("security") == []) == (trigger["authLevel"] == "ANONYMOUS")
    assert ("401" in found["responses"]) == (trigger["authLevel"] == "FUNCTION")


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for item in openapi()["paths"].values() for operation in item.values()]

    assert len(set(ids)) == len(ids) == len(OPERATIONS)


def test_the_document_is_openapi_3_0_and_names_both_ways_to_call() -> None:
    schema().validate()

    schemes = openapi()["components"]["securitySchemes"]
    assert openapi()["openapi"].startswith("3.0.")
    assert schemes["functionKey"]["name"] == "x-functions-key"
    assert schemes["bearer"]["scheme"] == "bearer"
    assert openapi()["security"] == [{name: []} for name in schemes]


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(openapi())
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found: Any = openapi()
        for part in reference.split("/"):
            found = found[part]
        assert found


def test_api_management_can_import_it() -> None:
    """No schema of a body stands in its operation, none refers to itself, and names of parameters are unique."""
    for item in openapi()["paths"].values():
        for operation in item.values():
            media = [*operation.get("requestBody", {}).get("content", {}).values()]
            media += [each for answer in operation["responses"].values() for each in answer.get("content", {}).values()]
            assert all([*each["schema"]] == ["$ref"] for each in media)
            names = [each["name"].lower() for each in operation["parameters"] if each.get("in") in {"path", "query"}]
            assert len(set(names)) == len(names)
    for name, found in openapi()["components"]["schemas"].items():
        assert f'"#/components/schemas/{name}"' not in json.dumps(found)
    assert len(json.dumps(openapi())) < 4_000_000


# what a word of it means


@pytest.mark.parametrize("operation", BODIES, ids=ident)
def test_the_example_of_a_body_is_taken(operation: Operation, call: Callable[..., func.HttpResponse]) -> None:
    # The bridge in memory has other names than the laptop's.
    text = json.dumps(operation.body_example).replace("churn-training", "train").replace("run-commands", "reports")
    text = text.replace(RUN_ID_OF_EXAMPLES, RUN_ID).replace(LETTER_ID_OF_EXAMPLES, LETTER.dead_letter_id)

    request = http(body=text, headers=SNOWFLAKE_HEADERS, run_id=RUN_ID)
    answer = call(operation.function, request)

    assert answer.status_code in operation.answers, answer.get_body()
    assert b"REJECTED" not in answer.get_body()
    check(operation, answer)


RUN_ID_OF_EXAMPLES = "r-tvtfimrig4yi6cq27taz3ia22v"
LETTER_ID_OF_EXAMPLES = "c44680905df2cab8cb9c6d662cc5c851"


@pytest.mark.parametrize("operation", OPERATIONS, ids=ident)
def test_the_example_of_an_answer_conforms_to_its_schema(operation: Operation) -> None:
    for status, answer in operation.answers.items():
        body = json.dumps(answer.example)
        sent = func.HttpResponse(body, status_code=status, mimetype="application/json")
        sent.headers["x-correlation-id"] = "c"
        sent.headers["x-trace-id"] = "t"
        check(operation, sent)


@pytest.mark.parametrize("name", CALLS)
def test_a_real_answer_conforms_and_has_the_fields_of_its_example(
    name: str, call: Callable[..., func.HttpResponse]
) -> None:
    request = CALLS[name][0]()
    operation = next(each for each in OPERATIONS if (each.function, each.method) == (name, request.method.lower()))

    answer = call(name, request)

    check(operation, answer)
    found, example = document(answer), operation.answers[answer.status_code].example
    if name != "show_run":  # a row of the ledger has more than AML knows; both conform
        assert fields(found) == fields(example) or name in {"list_runs", "openapi_document", "snowflake_replay"}


def fields(value: Any) -> Any:
    """The names in an answer, of the first of several things."""
    if isinstance(value, list):
        return [fields(item) for item in value[:2] if isinstance(item, dict | list)][:1]
    if not isinstance(value, dict):
        return None
    return {
        name: fields(item) if name in {"data", "dead_letters", "runs", "errors", "error"} else None
        for name, item in value.items()
    }


def test_an_answer_that_is_not_documented_is_seen() -> None:
    """Or the tests above would hold whatever the answers are."""
    undocumented = func.HttpResponse("{}", status_code=418, mimetype="application/json")
    without_a_field = func.HttpResponse("{}", status_code=200, mimetype="application/json")
    of_another_type = func.HttpResponse("{}", status_code=200, mimetype="text/plain")
    for answer in (undocumented, without_a_field, of_another_type):
        answer.headers["x-correlation-id"] = "c"
        answer.headers["x-trace-id"] = "t"
        with pytest.raises(FailureGroup):
            check(HEALTH, answer)


BAD_BODIES = [b"", b"{", b"[]", b"{}", b"\xff", b'{"data": 5}', b'{"x": 1}', b"NaN", b'"\\ud800"', b"[" * 500]


@pytest.mark.parametrize("operation", OPERATIONS, ids=ident)
def test_refusals_conform(operation: Operation, call: Callable[..., func.HttpResponse]) -> None:
    seen = set()
    for body in BAD_BODIES:
        for headers in ({}, {"content-encoding": "br"}, {"idempotency-key": "\n"}, {**SNOWFLAKE_HEADERS}):
            for path in ("r-x", "no such", RUN_ID):
                request = http(
                    operation.method.upper(), body, headers=headers, params={"limit": "x"}, run_id=path,
                    dead_letter_id=path,
                )  # fmt: skip
                answer = call(operation.function, request)
                check(operation, answer)
                seen.add(answer.status_code)

    assert not {status for status in seen if status >= 500}
    if operation.body is not None or operation.query is not None:
        assert 400 in seen or 404 in seen


def test_a_caller_without_a_token_is_refused_as_documented(
    call: Callable[..., func.HttpResponse], bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refuses:
        def identify(self, headers: Mapping[str, str]) -> CallerIdentity:  # noqa: ARG002 - nobody is let in
            raise Unauthenticated("no token")

    monkeypatch.setattr(function_app, "bridge_app", MemoryApp(replace(bridge, authenticator=Refuses())))
    answer = call("openapi_document", http("GET"))

    problem(answer, 401)
    check(next(each for each in OPERATIONS if each.function == "openapi_document"), answer)


# made from the models


@pytest.mark.parametrize("operation", [each for each in BODIES if isinstance(each.body, type)], ids=ident)
def test_the_schema_of_a_body_refuses_what_its_model_refuses(operation: Operation) -> None:
    assert isinstance(operation.body, type)
    validator = jsonschema.Draft4Validator(request_schema(operation))
    values: list[Any] = [{}, {"x": 1}, [], "x", operation.body_example, {**operation.body_example, "x": 1}]
    for value in values:
        assert validator.is_valid(value) == is_valid(operation.body, value), value


def is_valid(model: type[BaseModel], value: Any) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "unknown", [{"const": 1}, {"prefixItems": []}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}]
)
def test_what_openapi_3_0_has_no_word_for_is_not_left_out_in_silence(unknown: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no word"):
        adapted(unknown)
