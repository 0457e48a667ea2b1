"""The REST send API of the Service Bus emulator, as a procedure without any SDK would use it."""

import datetime as dt
import email.utils
import json
from typing import Any

import httpx
import pytest
from azure.servicebus import ServiceBusReceiveMode

from tests.emulators.servicebus_service import WAIT, ServiceBus, token

BATCH = "application/vnd.microsoft.servicebus.json"


def post(
    service: ServiceBus, body: Any, headers: dict[str, str] | None = None, *, queue: str = "orders", auth: str = ""
) -> httpx.Response:
    """Send with a good token unless another is given."""
    url = f"{service.rest_url}/{queue}"
    content = body if isinstance(body, (bytes, str)) else json.dumps(body)
    all_headers = {"Authorization": auth or token(url), **(headers or {})}
    return httpx.post(f"{url}/messages", content=content, headers=all_headers, trust_env=False)


def test_a_message_arrives_with_all_its_properties(service: ServiceBus) -> None:
    properties = {"MessageId": "r1", "Label": "score", "CorrelationId": "run-7", "TimeToLive": 90}
    headers = {
        "Content-Type": "application/json",
        "BrokerProperties": json.dumps(properties),
        "tenant": '"acme"',
        "number": "7",
        "plain": "text",
    }

    answer = post(service, {"ü": 1}, headers)

    assert (answer.status_code, answer.content) == (201, b"")
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with service.client() as client, client.get_queue_receiver("orders", receive_mode=mode) as receiver:
        [message] = receiver.receive_messages(1, max_wait_time=WAIT)
    assert json.loads(str(message)) == {"ü": 1}
    assert (message.message_id, message.subject, message.correlation_id) == ("r1", "score", "run-7")
    assert message.content_type == "application/json"
    assert message.time_to_live == dt.timedelta(seconds=90)
    assert message.application_properties == {b"tenant": b"acme", b"number": 7, b"plain": b"text"}


def test_a_batch_arrives_as_single_messages_and_ignores_headers(service: ServiceBus) -> None:
    batch = [
        {
            "Body": json.dumps({"n": number}),
            "BrokerProperties": {"MessageId": f"b{number}"},
            "UserProperties": {"run": "r-7", "n": number},
        }
        for number in range(3)
    ]

    answer = post(service, batch, {"Content-Type": BATCH, "tenant": '"acme"'})

    assert answer.status_code == 201
    found = service.messages("orders")
    assert [(message["message_id"], json.loads(message["body"])) for message in found] == [
        ("b0", {"n": 0}),
        ("b1", {"n": 1}),
        ("b2", {"n": 2}),
    ]
    assert [message["application_properties"] for message in found] == [{"run": "r-7", "n": n} for n in range(3)]


def test_a_batch_type_with_a_parameter_is_one_message(service: ServiceBus) -> None:
    post(service, [{"Body": "x"}], {"Content-Type": f"{BATCH}; charset=utf-8"})

    assert [message["body"] for message in service.messages("orders")] == ['[{"Body": "x"}]']


def test_a_message_can_be_scheduled(service: ServiceBus) -> None:
    due = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), usegmt=True)

    post(service, "later", {"BrokerProperties": json.dumps({"ScheduledEnqueueTimeUtc": due})})

    assert service.counts("orders")["scheduled"] == 1
    service.advance(3600)
    assert service.counts("orders")["active"] == 1


def test_duplicate_detection_covers_rest_too(service: ServiceBus) -> None:
    headers = {"BrokerProperties": json.dumps({"MessageId": "k"})}

    answers = [post(service, text, headers, queue="unique").status_code for text in ("first", "second")]

    assert answers == [201, 201]
    assert [message["body"] for message in service.messages("unique")] == ["first"]


def test_a_message_without_an_id_gets_one(service: ServiceBus) -> None:
    post(service, "x")
    post(service, "x")

    assert len({message["message_id"] for message in service.messages("orders")} - {None}) == 2


def test_a_number_as_id_becomes_a_text(service: ServiceBus) -> None:
    post(service, "x", {"BrokerProperties": '{"MessageId": 5}'})

    assert [message["message_id"] for message in service.messages("orders")] == ["5"]


def test_a_token_for_the_whole_namespace_will_do(service: ServiceBus) -> None:
    assert post(service, "x", auth=token(f"{service.rest_url}/")).status_code == 201


@pytest.mark.parametrize(
    "auth",
    [
        token("http://127.0.0.1/orders", key="another"),
        token("http://127.0.0.1/orders", seconds=-10),
        token("http://127.0.0.1/orders-2"),
        token("http://127.0.0.1/order"),
        "Bearer abc",
    ],
)
def test_a_token_that_does_not_allow_it_is_refused(service: ServiceBus, auth: str) -> None:
    assert post(service, "x", auth=auth).status_code == 401
    assert service.counts("orders")["total_received"] == 0


def test_no_token_is_refused(service: ServiceBus) -> None:
    assert httpx.post(f"{service.rest_url}/orders/messages", content="x", trust_env=False).status_code == 401


def test_a_missing_queue_is_gone(service: ServiceBus) -> None:
    assert post(service, "x", queue="nope").status_code == 410
    assert post(service, "x", queue="orders/$deadletterqueue").status_code == 410


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("x", {"BrokerProperties": "{"}),
        ("x", {"BrokerProperties": "[]"}),
        ("x", {"BrokerProperties": '{"ScheduledEnqueueTimeUtc": "soon"}'}),
        ("x", {"BrokerProperties": '{"TimeToLive": "long"}'}),
        ("x", {"BrokerProperties": '{"MessageId": ["x"]}'}),
        ("x", {"n": "9" * 30}),
        ("{", {"Content-Type": BATCH}),
        ({"Body": "x"}, {"Content-Type": BATCH}),
        ([], {"Content-Type": BATCH}),
        ([{"Body": {"n": 1}}], {"Content-Type": BATCH}),
        ([{"Body": "x"}, {"Body": "x", "UserProperties": [1]}], {"Content-Type": BATCH}),
    ],
)
def test_a_malformed_request_is_refused_whole(service: ServiceBus, body: Any, headers: dict[str, str]) -> None:
    assert post(service, body, headers).status_code == 400
    assert service.counts("orders")["total_received"] == 0


def test_too_many_bytes_are_refused(service: ServiceBus) -> None:
    assert post(service, "x" * 200_000).status_code == 201
    assert post(service, "x" * 300_000).status_code == 403
    assert post(service, [{"Body": "x" * 150_000}] * 2, {"Content-Type": BATCH}).status_code == 403
    assert service.counts("orders")["total_received"] == 1


def test_a_busy_server_answers_503(service: ServiceBus) -> None:
    fault = service.plan("server_busy", queue="orders", operation="send")

    assert [post(service, "x").status_code for _ in range(2)] == [503, 201]
    assert service.struck(fault) == 1


@pytest.mark.parametrize(("after", "stored"), [(False, 0), (True, 1)])
def test_a_connection_can_be_lost_before_or_after_the_message_was_stored(
    service: ServiceBus, after: bool, stored: int
) -> None:
    fault = service.plan("drop_connection", params={"after_commit": after}, queue="orders")

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        post(service, "x")

    assert service.struck(fault) == 1
    assert service.counts("orders")["total_received"] == stored
    assert post(service, "x").status_code == 201
