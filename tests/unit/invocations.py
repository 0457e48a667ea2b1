"""Requests and messages as the platform hands them to a handler, and its answers read back."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.servicebus import ServiceBusMessage

EVENTS = Path(__file__).parents[1] / "events"
PROBLEM_JSON = "application/problem+json"
BATCH_ID = "01b8c0de-0000-4a00-0000-00000000b001:1"
SNOWFLAKE_HEADERS = {
    "sf-external-function-format": "json",
    "sf-external-function-format-version": "1.0",
    "sf-external-function-current-query-id": "01b8c0de-0000-4a00-0000-00000000a001",
    "sf-external-function-query-batch-id": BATCH_ID,
}


def http(
    method: str = "POST",
    body: bytes | str | Mapping[str, Any] = b"",
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    run_id: str | None = None,
    dead_letter_id: str | None = None,
) -> func.HttpRequest:
    """A request; a mapping as body is sent as JSON."""
    route = {"run_id": run_id, "dead_letter_id": dead_letter_id}
    return func.HttpRequest(
        method=method,
        url="http://localhost/api/v1",
        headers=dict(headers or {}),
        params=dict(params or {}),
        route_params={name: value for name, value in route.items() if value is not None},
        body=as_bytes(body),
    )


def batch(*rows: Any, body: bytes | str | None = None, **headers: str) -> func.HttpRequest:
    """A call of an external function; `_` in the names of headers stands for `-`."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return http(
        body=json.dumps({"data": rows}) if body is None else body,
        headers={name: value for name, value in {**SNOWFLAKE_HEADERS, **changed}.items() if value},
    )


def message(body: bytes | str | Mapping[str, Any] = b"", **facts: Any) -> ServiceBusMessage:
    """A message as the worker makes it of a delivery."""
    defaults: dict[str, Any] = {
        "message_id": "m1",
        "sequence_number": 7,
        "delivery_count": 1,
        "application_properties": {},
        "user_properties": {},
        "lock_token": "00000000-0000-0000-0000-000000000001",
    }
    return ServiceBusMessage(body=as_bytes(body), **{**defaults, **facts})


def as_bytes(body: bytes | str | Mapping[str, Any]) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def document(response: func.HttpResponse) -> Any:
    """The answer's JSON, read by another parser than the one that wrote it, without loss."""
    return json.loads(response.get_body(), parse_float=Decimal)


def problem(response: func.HttpResponse, status: int) -> dict[str, Any]:
    """The problem that the answer is; anything else fails the test."""
    assert response.status_code == status, response.get_body()
    assert response.mimetype == PROBLEM_JSON
    found = document(response)
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    assert response.headers["x-correlation-id"]
    assert response.headers["x-trace-id"]
    return dict(found)


def sample(name: str) -> str:
    """The text of a sample event, see tests/events/SOURCE.md."""
    return (EVENTS / f"{name}.json").read_text(encoding="utf-8")
