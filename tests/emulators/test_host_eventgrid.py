"""The Event Grid webhook."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.emulators.host_process import RunningHost, running_host


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    settings = {"LOCAL_SYSTEM_KEY": "system", "LOCAL_FUNCTION_KEY": "function"}
    with running_host("events", tmp_path_factory.mktemp("host"), **settings) as running:
        yield running


def event(number: str, subject: str = "good", event_type: str = "Run") -> dict[str, Any]:
    return {
        "id": number,
        "topic": "t",
        "subject": subject,
        "eventType": event_type,
        "eventTime": "2026-11-20T12:00:00Z",
        "data": {},
        "dataVersion": "1",
    }


def post(
    host: RunningHost,
    content: Any,
    kind: str | None = "Notification",
    function: str = "on_event",
    code: str = "system",
) -> httpx.Response:
    return httpx.post(
        f"{host.base}/runtime/webhooks/EventGrid",
        params={"functionName": function, "code": code},
        headers={"aeg-event-type": kind} if kind else {},
        content=content if isinstance(content, bytes) else json.dumps(content),
        timeout=10,
    )


def seen(host: RunningHost) -> list[str]:
    found: list[str] = httpx.get(f"{host.base}/api/seen").json()
    return found


def test_the_handshake_returns_the_validation_code(host: RunningHost) -> None:
    answer = post(host, [{**event("1"), "data": {"validationCode": "ABC"}}], "SubscriptionValidation")

    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "ABC"})


def test_the_handshake_of_cloud_events_has_its_data_encoded_twice(host: RunningHost) -> None:
    content = {"specversion": "1.0", "data": json.dumps({"validationCode": "DEF"})}

    answer = post(host, content, "SubscriptionValidation", "on_cloud_event")

    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "DEF"})


def test_each_event_is_an_invocation_of_its_own(host: RunningHost) -> None:
    before = host.invocations("on_event")["succeeded"]

    answer = post(host, [event("a"), event("b"), event("c")])

    assert (answer.status_code, answer.content) == (202, b"")
    assert {"a", "b", "c"} <= set(seen(host))
    assert host.invocations("on_event")["succeeded"] == before + 3


def test_a_single_event_needs_no_array(host: RunningHost) -> None:
    assert post(host, event("alone")).status_code == 202
    assert "alone" in seen(host)


def test_events_of_one_request_run_at_the_same_time(host: RunningHost) -> None:
    assert post(host, [event("x", event_type="Pair"), event("y", event_type="Pair")]).status_code == 202


def test_one_failure_is_500_although_the_others_were_processed(host: RunningHost) -> None:
    answer = post(host, [event("before"), event("wrong", "bad"), event("after")])

    assert answer.status_code == 500
    assert {"before", "after"} <= set(seen(host))
    assert "told to fail" not in answer.text


def test_a_cloud_event_arrives_as_one(host: RunningHost) -> None:
    content = {"specversion": "1.0", "id": "1", "source": "/s", "type": "T", "data": {}}

    assert post(host, [content], function="on_cloud_event").status_code == 202
    assert "/s T" in seen(host)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"kind": "Unsubscribe"}, 202),
        ({"kind": None}, 400),
        ({"kind": "Other"}, 400),
        ({"function": "nothing"}, 404),
        ({"function": "tell"}, 404),
        ({"code": "function"}, 401),
        ({"code": "master"}, 202),
        ({"content": b"{"}, 500),
        ({"content": [], "kind": "SubscriptionValidation"}, 500),
    ],
)
def test_what_does_not_fit_is_refused_as_by_the_extension(
    host: RunningHost, change: dict[str, Any], status: int
) -> None:
    assert post(host, **{"content": [event("z")], **change}).status_code == status
