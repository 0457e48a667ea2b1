"""Messages that a procedure sends: signatures are the SDK's own, and the SDK receives what the broker took."""

import json
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from azure.servicebus._pyamqp.utils import generate_sas_token
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.procedures import doors
from bridge.procedures.doors import ServiceBusDoor, SharedAccessKey, send_message, shared_access_signature
from tests.emulators import servicebus_service
from tests.emulators.servicebus_service import KEY_NAME, Line, ServiceBus, open_line, running
from tests.procedures.conftest import Secrets
from tests.procedures.playback import CUT, Answer, Playback

Failing = Callable[[Callable[[], object]], str]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


#: What policies can be called; of other names the SDK quotes some letters twice.
policies = st.from_regex(r"[A-Za-z0-9._-]{1,50}", fullmatch=True)


@settings(deadline=None, max_examples=1_000)
@given(texts, policies, texts, st.integers(1, 2**33))
def test_a_signature_is_the_one_that_the_sdk_makes(resource: str, name: str, key: str, expiry: int) -> None:
    expected = generate_sas_token(resource, name, key, expiry)  # type: ignore[no-untyped-call]

    assert shared_access_signature(resource, name, key, expiry) == str(expected)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with running(tmp_path_factory.mktemp("servicebus")) as service, open_line(service) as line:
        yield line


@pytest.fixture
def line(opened: Line) -> Line:
    opened.begin()
    return opened


@pytest.fixture
def service(line: Line, secrets: Secrets) -> ServiceBus:
    secrets.texts["send_key"] = servicebus_service.KEY
    return line.service


def door(url: str, key_name: str = KEY_NAME) -> ServiceBusDoor:
    return ServiceBusDoor(url, SharedAccessKey("send_key", key_name))


def test_a_message_arrives_as_it_was_sent(service: ServiceBus, line: Line) -> None:
    answer = send_message(door(service.rest_url), "orders", '{"pipeline": "train", "n": 0.10}', "m-1")

    assert answer == {"status": "SENT", "queue": "orders", "message_id": "m-1"}
    (message,) = line.receive_all(1)
    assert b"".join(message.body) == b'{"pipeline": "train", "n": 0.10}'
    assert (message.message_id, message.content_type) == ("m-1", "application/json")


@pytest.mark.parametrize(
    ("body", "text"),
    [('"as it is, \\u00e4"', "as it is, ä"), ('["a",null]', '["a",null]'), (None, "null"), ("5", "5"), ("{}", "{}")],
)
def test_text_is_sent_as_it_is_and_all_else_as_json(
    service: ServiceBus, line: Line, body: str | None, text: str
) -> None:
    send_message(door(service.rest_url), "orders", body)

    (message,) = line.receive_all(1)
    assert b"".join(message.body).decode() == text


def test_a_message_without_an_id_gets_one(service: ServiceBus, line: Line) -> None:
    answer = send_message(door(service.rest_url), "orders", "{}")

    (message,) = line.receive_all(1)
    assert message.message_id == answer["message_id"] == str(uuid.UUID(answer["message_id"]))


def test_an_id_of_any_letters_arrives(service: ServiceBus, line: Line) -> None:
    send_message(door(service.rest_url), "orders", "{}", 'Grüße "7"\n')

    (message,) = line.receive_all(1)
    assert message.message_id == 'Grüße "7"\n'


def test_a_message_sent_again_is_dropped_where_duplicates_are_detected(service: ServiceBus) -> None:
    for _ in range(2):
        send_message(door(service.rest_url), "unique", "{}", "m-1")

    assert len(service.messages("unique")) == 1


def test_an_expired_signature_is_refused(
    service: ServiceBus, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "SIGNATURE_SECONDS", -1)

    text = failing(lambda: send_message(door(service.rest_url), "orders", "{}", "m-1"))

    assert "answered 401: ExpiredToken" in text
    assert "clock" in text
    assert "'m-1'" in text


def test_a_signature_made_with_another_key_is_refused(service: ServiceBus, secrets: Secrets, failing: Failing) -> None:
    secrets.texts["send_key"] = "another"

    text = failing(lambda: send_message(door(service.rest_url), "orders", "{}"))

    assert "answered 401" in text
    assert f"policy '{KEY_NAME}'" in text
    assert "'send_key'" in text


def test_an_unknown_policy_is_refused(service: ServiceBus, failing: Failing) -> None:
    assert "policy 'sender'" in failing(lambda: send_message(door(service.rest_url, key_name="sender"), "orders", "{}"))


@pytest.mark.parametrize(
    "alter",
    [
        lambda token: token.replace("orders", "unique"),
        lambda token: token.replace("&se=1", "&se=2"),
        lambda token: token.replace("&sig=", "&sig=A"),
        lambda _: shared_access_signature("http://h/unique", KEY_NAME, servicebus_service.KEY, int(time.time()) + 300),
    ],
    ids=["another resource", "a later end", "another signature", "a token of another queue"],
)
def test_a_signature_that_was_tampered_with_is_refused(
    service: ServiceBus, failing: Failing, monkeypatch: pytest.MonkeyPatch, alter: Callable[[str], str]
) -> None:
    monkeypatch.setattr(doors, "shared_access_signature", lambda *given: alter(shared_access_signature(*given)))

    assert "answered 401" in failing(lambda: send_message(door(service.rest_url), "orders", "{}"))
    assert service.messages("orders") == []


def test_a_signature_is_good_for_its_queue_only(service: ServiceBus, playback: Playback) -> None:
    playback.plays(Answer(201))

    send_message(door(playback.url), "orders", "{}")

    (sent,) = playback.received
    assert sent.path == "/orders/messages"
    assert f"sr={playback.url.replace(':', '%3A').replace('/', '%2F')}%2Forders&" in sent.headers["Authorization"]


def test_a_missing_queue_is_told(service: ServiceBus, failing: Failing) -> None:
    assert "no queue 'nowhere'" in failing(lambda: send_message(door(service.rest_url), "nowhere", "{}"))


def test_a_message_that_is_too_large_is_told_with_its_size(service: ServiceBus, failing: Failing) -> None:
    assert "300,000 bytes" in failing(lambda: send_message(door(service.rest_url), "orders", json.dumps("x" * 300_000)))


def test_a_throttled_send_is_tried_again_with_the_same_id(playback: Playback, secrets: Secrets) -> None:
    secrets.texts["send_key"] = "k"
    playback.plays(Answer(503), CUT, Answer(429, headers={"Retry-After": "60"}), Answer(201))

    answer = send_message(door(playback.url), "orders", "{}")

    properties = [json.loads(sent.headers["BrokerProperties"]) for sent in playback.received]
    assert properties == [{"MessageId": answer["message_id"]}] * 4


@pytest.mark.parametrize(
    "queue",
    [
        None,
        "",
        "/orders",
        "orders/",
        "orders/$deadletterqueue",
        "a?b",
        "a b",
        "a%2Fb",
        "ä",
        "a/../b",
        "a//b",
        "q" * 261,
    ],
)
def test_a_name_that_no_queue_has_is_refused(queue: str | None) -> None:
    with pytest.raises(ValueError, match="queue's name"):
        send_message(door("https://ns.servicebus.windows.net"), queue, "{}")


def test_a_message_id_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="129 characters"):
        send_message(door("ns.servicebus.windows.net"), "orders", "{}", "m" * 129)
