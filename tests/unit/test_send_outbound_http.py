"""Sending for callers by curl: one event or message a request, 202 or a problem that says what would be right."""

from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryQueues, MemoryTopics
from bridge.domain.errors import AccessDenied, PermanentError, ServiceUnavailable
from bridge.handlers import outbound
from bridge.ports import Bridge
from tests.unit.invocations import document, http, problem

MAIN = "https://main.test/api/events"
OTHER = "https://other.test/api/events"


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    return replace(bridge, outbound=replace(bridge.outbound, queues=frozenset({"reports", "alerts"})))


def post(route: str, bridge: Bridge, body: Any, **headers: str) -> func.HttpResponse:
    handler = outbound.create_event if route == "events" else outbound.create_message
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return handler(http(body=body, headers=changed), lambda: bridge)


def test_curl_publishes_an_event(bridge: Bridge, topics: MemoryTopics) -> None:
    response = post(
        "events", bridge, {"type": "Team.Done", "subject": "s", "data": {"a": 1}, "topic": "other", "id": "e"}
    )

    assert response.status_code == 202
    assert document(response) == {"status": "PUBLISHED", "event_id": "e", "topic": "other"}
    assert topics.published[OTHER][0].data == {"a": 1}


def test_curl_sends_a_message(bridge: Bridge, queues: MemoryQueues) -> None:
    response = post("messages", bridge, {"queue": "reports", "body": "hello", "message_id": "m"})

    assert response.status_code == 202
    assert document(response) == {"status": "SENT", "queue": "reports", "message_id": "m"}
    assert queues.posted["reports"][0].text == "hello"


@pytest.mark.parametrize(("route", "name"), [("events", "event_id"), ("messages", "message_id")])
def test_the_id_is_the_bodys_else_the_headers_else_a_new_one(bridge: Bridge, route: str, name: str) -> None:
    body: dict[str, Any] = {"type": "Team.Done"} if route == "events" else {"queue": "reports", "body": 1}
    own = {"id": "own"} if route == "events" else {"message_id": "own"}

    ids = [
        document(post(route, bridge, body | own, idempotency_key="key"))[name],
        document(post(route, bridge, body, idempotency_key="key"))[name],
        document(post(route, bridge, body))[name],
        document(post(route, bridge, body))[name],
    ]

    assert ids[:2] == ["own", "key"]
    assert len(set(ids)) == 4
    assert len(document(post(route, bridge, body, idempotency_key="k" * 400))[name]) == 32
    problem(post(route, bridge, body, idempotency_key="k" * 501), 400)


@pytest.mark.parametrize(
    ("route", "body", "found"),
    [
        ("events", {"type": "Team.Done", "topic": "https://evil.test"}, (403, "topic")),
        ("events", {"type": ""}, (422, "type")),
        ("events", {"type": "Microsoft.X"}, (403, "type")),
        ("events", {"type": "Team.Done", "data": "x" * 950_000}, (413, "data")),
        ("events", {"type": "Team.Done", "id": "e" * 201}, (422, "id")),
        ("messages", {"queue": "x", "body": 1}, (403, "queue")),
        ("messages", {"queue": "alerts", "body": 1}, (404, None)),
        ("messages", {"queue": "reports", "body": None}, (422, "body")),
        ("messages", {"queue": "reports", "body": 1, "message_id": "m" * 129}, (422, "message_id")),
    ],
)
def test_curl_is_told_what_would_be_right(
    bridge: Bridge, queues: MemoryQueues, route: str, body: Any, found: tuple[int, str | None]
) -> None:
    queues.known = frozenset({"reports"})

    status, field = found
    told = problem(post(route, bridge, body), status)

    assert told["errors"][0]["field"] == field
    assert told["code"] == told["errors"][0]["code"]


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("events", {}),
        ("events", {"type": 5}),
        ("events", {"type": "t", "typ": "t"}),
        ("messages", {"queue": "reports"}),
    ],
)
def test_a_body_of_another_form_is_refused(bridge: Bridge, route: str, body: Any) -> None:
    problem(post(route, bridge, body), 400)


@pytest.mark.parametrize(
    ("error", "status"),
    [(AccessDenied("no", code="ACCESS_DENIED"), 502), (PermanentError("no", code="EVENT_REFUSED"), 502)],
)
def test_a_refusal_of_the_topic_is_told_with_its_code(
    bridge: Bridge, topics: MemoryTopics, error: PermanentError, status: int
) -> None:
    topics.refusing[MAIN] = error

    assert problem(post("events", bridge, {"type": "Team.Done"}), status)["code"] == error.code


def test_while_the_topic_is_away_curl_gets_the_id_to_send_again(bridge: Bridge, topics: MemoryTopics) -> None:
    topics.failures += [ServiceUnavailable("the topic is away")] * 2

    response = post("events", bridge, {"type": "Team.Done"})

    found = problem(response, 503)
    assert problem(post("events", bridge, {"type": "Team.Done", "id": "mine"}), 503)["event_id"] == "mine"
    assert response.headers["Retry-After"] == "5"
    again = post("events", bridge, {"type": "Team.Done", "id": found["event_id"]})
    assert document(again)["event_id"] == found["event_id"]
