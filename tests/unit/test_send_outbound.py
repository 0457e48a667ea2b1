"""Sending for callers: only to where the settings say, a bad row is refused alone, a repetition has the same ids."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryQueues, MemoryTopics
from bridge.domain.errors import AccessDenied, ServiceUnavailable, Throttled
from bridge.handlers import outbound
from bridge.ports import Bridge
from tests.unit.invocations import BATCH_ID, batch, document, problem

MAIN = "https://main.test/api/events"
OTHER = "https://other.test/api/events"


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """Callers may also send to the app's own queue of requests."""
    allowed = replace(
        bridge.outbound, queues=frozenset({"reports", "alerts", "run-commands"}), requests_queue="run-commands"
    )
    return replace(bridge, outbound=allowed)


def rows(response: func.HttpResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.get_body()
    return [value for _, value in document(response)["data"]]


def publish(bridge: Bridge, *arguments: list[Any], **headers: str) -> list[dict[str, Any]]:
    request = batch(*([number, *row] for number, row in enumerate(arguments)), **headers)
    return rows(outbound.publish_event(request, lambda: bridge))


def send(bridge: Bridge, *arguments: list[Any], **headers: str) -> list[dict[str, Any]]:
    request = batch(*([number, *row] for number, row in enumerate(arguments)), **headers)
    return rows(outbound.send_message(request, lambda: bridge))


# events


def test_an_event_is_published_with_all_that_was_given(bridge: Bridge, topics: MemoryTopics) -> None:
    (value,) = publish(bridge, ["Team.Done", "tables/x", {"n": 10**37, "x": 0.5, "none": None}, "other"])

    (event,) = topics.published[OTHER]
    assert value == {"status": "PUBLISHED", "event_id": f"{BATCH_ID}:0", "topic": "other"}
    assert (event.event_id, event.event_type, event.subject) == (f"{BATCH_ID}:0", "Team.Done", "tables/x")
    assert event.data == {"n": 10**37, "x": Decimal("0.5"), "none": None}
    assert event.occurred_at == bridge.clock.now()


@pytest.mark.parametrize("data", [None, 0, False, "", "text", [], [1, None], {}, 0.1, 10**38])
def test_data_may_be_any_json_value(bridge: Bridge, topics: MemoryTopics, data: Any) -> None:
    publish(bridge, ["Team.Done", None, data, None])

    (event,) = topics.published[MAIN]
    assert event.data == (Decimal("0.1") if data == 0.1 else data)
    assert event.subject == "bridge/bridge"


@pytest.mark.parametrize("topic", ["main", MAIN, MAIN + "/", MAIN.upper(), None, "", ...])
def test_a_topic_goes_by_its_name_or_its_endpoint_and_none_is_the_default(
    bridge: Bridge, topics: MemoryTopics, topic: Any
) -> None:
    (value,) = publish(bridge, ["Team.Done", "s", {}] if topic is ... else ["Team.Done", "s", {}, topic])

    assert (value["status"], value["topic"]) == ("PUBLISHED", "main")
    assert list(topics.published) == [MAIN]


@pytest.mark.parametrize(
    "topic",
    [
        "https://evil.test/api/events",
        MAIN + "?x=1",
        "http://main.test/api/events",
        "http://169.254.169.254/",
        "Main",
        "x",
    ],
)
def test_no_other_address_is_ever_called(bridge: Bridge, topics: MemoryTopics, topic: str) -> None:
    (value,) = publish(bridge, ["Team.Done", "s", {}, topic])

    assert (value["status"], value["error"]["code"], value["error"]["field"]) == ("REJECTED", "NOT_ALLOWED", "topic")
    assert "use one of main, other" in value["error"]["message"]
    assert MAIN not in value["error"]["message"].replace(topic, "")
    assert not topics.published


def test_without_any_topic_the_answer_says_which_setting_to_fill(bridge: Bridge) -> None:
    closed = replace(bridge, outbound=replace(bridge.outbound, topics={}, default_topic=None, queues=frozenset()))

    (event,) = publish(closed, ["Team.Done", "s", {}, None])
    (message,) = send(closed, ["reports", 1, None])

    assert (event["error"]["code"], message["error"]["code"]) == ("NOT_ALLOWED", "NOT_ALLOWED")
    assert "ALLOWED_TOPICS" in event["error"]["message"]
    assert "ALLOWED_QUEUES" in message["error"]["message"]


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ([None, "s", {}, None], "BAD_ROW", "event_type"),
        (["", "s", {}, None], "BAD_ROW", "event_type"),
        ([" Team.Done", "s", {}, None], "BAD_ROW", "event_type"),
        ([5, "s", {}, None], "BAD_ROW", "event_type"),
        (["x" * 201, "s", {}, None], "BAD_ROW", "event_type"),
        (["a\nb", "s", {}, None], "BAD_ROW", "event_type"),
        (["Microsoft.MachineLearningServices.RunCompleted", "s", {}, None], "NOT_ALLOWED", "event_type"),
        (["BRIDGE.RunEnded", "s", {}, None], "NOT_ALLOWED", "event_type"),
        (["mICROSOFT.x", "s", {}, None], "NOT_ALLOWED", "event_type"),
        (["Team.Done", 5, {}, None], "BAD_ROW", "subject"),
        (["Team.Done", "s" * 1001, {}, None], "BAD_ROW", "subject"),
        (["Team.Done", "a\u0000", {}, None], "BAD_ROW", "subject"),
        (["Team.Done", "s", {}, ["main"]], "BAD_ROW", "topic"),
        (["Team.Done", "s", {"x": "y" * 900_000}, None], "TOO_LARGE", "data"),
        (["Bridge.SubmitRun", "s", {"x": "y" * 200_000}, None], "TOO_LARGE", "data"),
        (["Team.Done"], "BAD_ROW", "arguments"),
        (["Team.Done", "s", {}, None, None], "BAD_ROW", "arguments"),
    ],
)
def test_a_bad_event_is_refused_alone(
    bridge: Bridge, topics: MemoryTopics, row: list[Any], code: str, field: str
) -> None:
    good: list[Any] = ["Team.Done", "s", {}, None]

    values = publish(bridge, good, row, good)

    assert [value["status"] for value in values] == ["PUBLISHED", "REJECTED", "PUBLISHED"]
    assert (values[1]["error"]["code"], values[1]["error"]["field"]) == (code, field)
    assert len(values[1]["error"]["message"]) < 400
    assert [event.event_id for event in topics.published[MAIN]] == [f"{BATCH_ID}:0", f"{BATCH_ID}:2"]


@pytest.mark.parametrize("number", ["0.10000000000000000001", "1E+400", "[[0.10000000000000000001]]"])
def test_a_number_is_refused_rather_than_rounded(bridge: Bridge, topics: MemoryTopics, number: str) -> None:
    body = f'{{"data": [[0, "Team.Done", "s", {{"x": {number}}}, null]]}}'

    (value,) = rows(outbound.publish_event(batch(body=body), lambda: bridge))

    assert (value["status"], value["error"]["field"]) == ("REJECTED", "data")
    assert "as text" in value["error"]["message"]
    assert not topics.published


def test_events_are_grouped_by_topic(bridge: Bridge, topics: MemoryTopics) -> None:
    values = publish(bridge, *(["Team.Done", "s", n, "other" if n % 2 else None] for n in range(6)))

    assert [value["topic"] for value in values] == ["main", "other"] * 3
    assert [event.data for event in topics.published[MAIN]] == [0, 2, 4]
    assert [event.data for event in topics.published[OTHER]] == [1, 3, 5]


def test_a_topic_that_refuses_the_app_costs_only_its_own_rows(bridge: Bridge, topics: MemoryTopics) -> None:
    topics.refusing[MAIN] = AccessDenied("it needs EventGrid Data Sender", code="ACCESS_DENIED")

    values = publish(bridge, ["Team.Done", "s", 1, None], ["Team.Done", "s", 2, "other"])

    assert [value["status"] for value in values] == ["REJECTED", "PUBLISHED"]
    assert (values[0]["error"]["code"], values[0]["event_id"]) == ("ACCESS_DENIED", f"{BATCH_ID}:0")


def test_a_batch_that_is_sent_again_repeats_its_ids(bridge: Bridge, topics: MemoryTopics) -> None:
    topics.failures.append(ServiceUnavailable("the topic is away"))
    request = batch([0, "Team.Done", "s", {}, None])

    first = outbound.publish_event(request, lambda: bridge)
    ids = [rows(outbound.publish_event(request, lambda: bridge))[0]["event_id"] for _ in range(2)]

    assert first.headers["Retry-After"]
    problem(first, 503)
    assert ids == [f"{BATCH_ID}:0"] * 2
    assert len(topics.published[MAIN]) == 2


def test_without_a_batch_id_every_event_has_its_own(bridge: Bridge) -> None:
    values = publish(bridge, *[["Team.Done", "s", {}, None]] * 3, sf_external_function_query_batch_id="")

    assert len({value["event_id"] for value in values}) == 3


# messages


def test_a_message_is_sent_with_all_that_was_given(bridge: Bridge, queues: MemoryQueues) -> None:
    (value,) = send(bridge, ["reports", {"n": 10**37, "x": 0.5}, "m-1"])

    (message,) = queues.posted["reports"]
    assert value == {"status": "SENT", "queue": "reports", "message_id": "m-1"}
    assert (message.message_id, message.text) == ("m-1", f'{{"n":{10**37},"x":0.5}}')
    assert message.content_type == "application/json"


@pytest.mark.parametrize(
    ("body", "text", "is_json"),
    [
        ("plain text", "plain text", False),
        (' {"a" : 1} ', ' {"a" : 1} ', True),
        (0, "0", True),
        (False, "false", True),
        ([], "[]", True),
        ({}, "{}", True),
    ],
)
def test_a_text_is_sent_as_it_is_and_a_value_as_json(
    bridge: Bridge, queues: MemoryQueues, body: Any, text: str, is_json: bool
) -> None:
    send(bridge, ["reports", body, None])

    (message,) = queues.posted["reports"]
    assert message.text == text
    assert message.content_type == ("application/json" if is_json else "text/plain; charset=utf-8")


def test_exact_numbers_stay_exact_in_messages(bridge: Bridge, queues: MemoryQueues) -> None:
    body = '{"data": [[0, "reports", {"x": 0.10000000000000000001}, null]]}'

    outbound.send_message(batch(body=body), lambda: bridge)

    assert queues.posted["reports"][0].text == '{"x":0.10000000000000000001}'


@pytest.mark.parametrize("given", [None, "", ...])
def test_without_an_id_the_message_has_the_rows(bridge: Bridge, queues: MemoryQueues, given: Any) -> None:
    long = "b" * 150
    row = ["reports", 1] if given is ... else ["reports", 1, given]

    first, again = (send(bridge, row)[0]["message_id"] for _ in range(2))
    (hashed,) = send(bridge, row, sf_external_function_query_batch_id=long)

    assert first == again == f"{BATCH_ID}:0"
    assert len(hashed["message_id"]) == 32


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ([None, 1, None], "BAD_ROW", "queue"),
        ([5, 1, None], "BAD_ROW", "queue"),
        (["inbound-events", 1, None], "NOT_ALLOWED", "queue"),
        (["Reports", 1, None], "NOT_ALLOWED", "queue"),
        (["reports", None, None], "BAD_ROW", "body"),
        (["reports", "  ", None], "BAD_ROW", "body"),
        (["reports", "x" * 200_000, None], "TOO_LARGE", "body"),
        (["reports", 1, 5], "BAD_ROW", "message_id"),
        (["reports", 1, "m" * 129], "BAD_ROW", "message_id"),
        (["reports", 1, "a\nb"], "BAD_ROW", "message_id"),
        (["reports"], "BAD_ROW", "arguments"),
        (["reports", 1, "m", "more"], "BAD_ROW", "arguments"),
    ],
)
def test_a_bad_message_is_refused_alone(
    bridge: Bridge, queues: MemoryQueues, row: list[Any], code: str, field: str
) -> None:
    values = send(bridge, ["reports", 1, "a"], row, ["reports", 1, "b"])

    assert [value["status"] for value in values] == ["SENT", "REJECTED", "SENT"]
    assert (values[1]["error"]["code"], values[1]["error"]["field"]) == (code, field)
    assert [message.message_id for message in queues.posted["reports"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"pipeline": "train", "inputs": {}}, "SENT"),
        (json.dumps({"pipeline": "train"}), "SENT"),
        ({"pipeline": "train", "accepted_at": "2026-11-20T10:00:00Z", "principal": "boss"}, "REJECTED"),
        (json.dumps({"pipeline": "train", "accepted_at": None}), "REJECTED"),
        ('{"accepted_at": "x", "pipeline": "train", "accept\\u0065d_at": "y"}', "REJECTED"),
        ("hello", "REJECTED"),
        ([{"pipeline": "train"}], "REJECTED"),
    ],
)
def test_a_request_that_is_sent_for_a_caller_cannot_claim_to_be_accepted(
    bridge: Bridge, queues: MemoryQueues, body: Any, status: str
) -> None:
    (value,) = send(bridge, ["run-commands", body, None])

    assert value["status"] == status
    assert bool(queues.posted) == (status == "SENT")


def test_a_queue_that_does_not_exist_costs_only_its_own_rows(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.known = frozenset({"reports"})

    values = send(bridge, ["alerts", 1, "a"], ["reports", 1, "b"])

    assert [value["status"] for value in values] == ["REJECTED", "SENT"]
    assert values[0]["error"]["code"] == "UNKNOWN_QUEUE"
    assert values[0]["queue"] == "alerts"


def test_while_the_broker_is_away_the_batch_is_to_be_sent_again(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(Throttled())

    problem(outbound.send_message(batch([0, "reports", 1, None]), lambda: bridge), 429)


def test_an_empty_batch_sends_nothing(bridge: Bridge, queues: MemoryQueues, topics: MemoryTopics) -> None:
    assert publish(bridge) == send(bridge) == []
    assert not queues.posted
    assert not topics.published
