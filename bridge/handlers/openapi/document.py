"""The document, put together from the table of routes: OpenAPI 3.0, which API Management imports whole.

Source: learn.microsoft.com, "API import restrictions and known issues". Logic Apps' own Swagger operation reads 2.0
only; there the API is chosen from API Management.
"""

from typing import Any

from bridge import __version__
from bridge.handlers.openapi import examples
from bridge.handlers.openapi.operations import OPERATIONS, Answer, Operation
from bridge.handlers.openapi.schemas import ANSWERS, adapted, of_model
from bridge.handlers.runs import KEY_PARAMETER
from bridge.services.accept_runs import KEY_LIMIT

OPENAPI = "3.0.3"
PROBLEM_TYPE = "application/problem+json"
#: What the statuses of problems mean here.
PROBLEMS = {
    400: "The request as a whole cannot be used; `detail` says where and why.",
    403: "The caller is known and may not do this.",
    404: "There is no such run, dead letter, pipeline or queue.",
    409: "It contradicts what was done under the same key, or cannot be repeated from what was kept.",
    413: "It is larger than a request or a message may be.",
    415: "The Content-Encoding is none of gzip, deflate and identity.",
    422: "The request is well formed and not allowed or not right; `errors` lists everything.",
    429: "Too much at once: send the same request again after `Retry-After`.",
    500: "A defect of the bridge: its log says more under the correlation id.",
    502: "A service behind the bridge refused.",
    503: "A service behind the bridge is away, or the app is not set up rightly: send the same request again.",
}
#: A host that checks keys refuses without a body; with AUTH_MODE=entra the app's answer is a problem.
_UNAUTHORIZED = "No valid function key (an empty answer of the host), or no valid token (a problem)."
#: Of every route.
_ALWAYS = (500, 503)
_SECURITY: list[dict[str, list[str]]] = [{"functionKey": []}, {"bearer": []}]
_CORRELATED = {
    "x-correlation-id": {"$ref": "#/components/headers/CorrelationId"},
    "x-trace-id": {"$ref": "#/components/headers/TraceId"},
}
_SNOWFLAKE_HEADERS = ("QueryId", "QueryBatchId")


def document() -> dict[str, Any]:
    """The whole document, as JSON-able data."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "AML bridge",
            "version": __version__,
            "description": "Start Azure Machine Learning pipelines from Snowflake, and read their runs back as rows.",
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
        },
        "servers": [{"url": "/api/v1", "description": "Of the function app; a client that needs one adds the host."}],
        "security": _SECURITY,
        "paths": paths,
        "components": _components(),
    }


def request_schema(operation: Operation) -> dict[str, Any]:
    """Of the operation's body."""
    return of_model(operation.body) if isinstance(operation.body, type) else dict(operation.body or {})


def _body_name(operation: Operation) -> str:
    return operation.body.__name__ if isinstance(operation.body, type) else "Batch"


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.operation_id or operation.function,
        "summary": operation.summary,
        "tags": ["snowflake" if operation.is_batch else "rest"],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.is_open:
        found["security"] = []
    if operation.body is not None:
        # By name: API Management takes no schema that stands in the operation itself.
        content = {
            "schema": {"$ref": f"#/components/schemas/{_body_name(operation)}"},
            "example": operation.body_example,
        }
        found["requestBody"] = {"required": operation.body_required, "content": {"application/json": content}}
    return found


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": dict(schema)}
        for name, schema in operation.path_parameters.items()
    ]
    if operation.query is not None:
        found += [
            {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
            for name, schema in of_model(operation.query)["properties"].items()
        ]
    shared = [*(_SNOWFLAKE_HEADERS if operation.is_batch else ()), *(["IdempotencyKey"] if operation.takes_key else [])]
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in (*shared, "CorrelationId", "Traceparent")]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: a parameter is there or left out."""
    return {name: value for name, value in schema.items() if name != "nullable"}


def _responses(operation: Operation) -> dict[str, Any]:
    found = {str(status): _good(answer) for status, answer in operation.answers.items()}
    guarded = () if operation.is_open else (401, 403)
    for status in sorted({*guarded, *operation.problems, *_ALWAYS}):
        found[str(status)] = {"$ref": f"#/components/responses/{_response_name(status)}"}
    return found


def _good(answer: Answer) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{answer.schema}"}, "example": answer.example}
    return {"description": answer.description, "headers": _CORRELATED, "content": {"application/json": content}}


def _response_name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int) -> dict[str, Any]:
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": {**examples.PROBLEM, "status": status}}
    return {"description": PROBLEMS[status], "headers": _CORRELATED, "content": {PROBLEM_TYPE: content}}


def _components() -> dict[str, Any]:
    responses: dict[str, Any] = {_response_name(status): _problem(status) for status in PROBLEMS}
    responses[_response_name(401)] = {"description": _UNAUTHORIZED}
    bodies = {_body_name(each): request_schema(each) for each in OPERATIONS if each.body is not None}
    return {
        "schemas": {**bodies, **{name: dict(schema) for name, schema in ANSWERS.items()}},
        "responses": responses,
        "headers": {
            "CorrelationId": {
                "description": "The request's own, else Snowflake's batch id, else a new one.",
                "required": True,
                "schema": {"type": "string"},
            },
            "TraceId": {
                "description": "Of the query, else of the request's traceparent, else a new one.",
                "required": True,
                "schema": {"type": "string"},
            },
        },
        "parameters": {
            "CorrelationId": _header("x-correlation-id", "Repeated in the answer, in logs and in the run.", 128),
            "Traceparent": _header("traceparent", "The caller's trace, as W3C Trace Context has it.", 200),
            "IdempotencyKey": _header("Idempotency-Key", "The same key and request again do nothing twice.", KEY_LIMIT),
            "QueryId": _header("sf-external-function-current-query-id", "Snowflake's id of the query.", 200),
            "QueryBatchId": _header("sf-external-function-query-batch-id", "Snowflake's id of this batch.", 200),
        },
        "securitySchemes": {
            "functionKey": {
                "type": "apiKey",
                "in": "header",
                "name": "x-functions-key",
                "description": f"With AUTH_MODE=key; the query parameter {KEY_PARAMETER} does as well.",
            },
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "With AUTH_MODE=entra: a token of the tenant for the app's audience.",
            },
        },
    }


def _header(name: str, description: str, limit: int) -> dict[str, Any]:
    schema = adapted({"type": "string", "minLength": 1, "maxLength": limit})
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}
