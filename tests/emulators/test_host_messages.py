"""Messages as the platform passes them: compared with what the worker's converter makes of the binding data."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.functions.meta import Datum
from azure.functions.servicebus import ServiceBusMessageInConverter

from bridge.local.host.messages import ReceivedMessage, many, one

NOON = datetime(2026, 11, 20, 12, 0, 0, 250000, tzinfo=UTC)
#: A message's names in the binding data of the Service Bus extension 5.x.
TEXTS = {
    "content_type": "ContentType",
    "correlation_id": "CorrelationId",
    "subject": "Subject",
    "label": "Label",
    "reply_to": "ReplyTo",
    "session_id": "SessionId",
    "partition_key": "PartitionKey",
    "dead_letter_source": "DeadLetterSource",
}
ATTRIBUTES = [
    *TEXTS,
    "message_id",
    "lock_token",
    "delivery_count",
    "sequence_number",
    "enqueued_time_utc",
    "expires_at_utc",
    "application_properties",
    "user_properties",
    "dead_letter_reason",
    "dead_letter_error_description",
    "locked_until",
    "state",
    "time_to_live",
    "to",
]


def message(number: int = 1, body: bytes = b'{"a": 1}', **texts: Any) -> ReceivedMessage:
    return ReceivedMessage(
        body=body,
        message_id=f"m{number}",
        delivery_count=number,
        sequence_number=number + 10,
        lock_token=f"token-{number}",
        enqueued_at=NOON + timedelta(seconds=number),
        expires_at=None,
        application_properties={"n": number, "text": "x", "at": NOON},
        texts={name: texts.get(name) for name in TEXTS},
    )


def text(value: str | None) -> Datum:
    return Datum(value, "string" if value is not None else None)


def as_json(value: Any) -> Datum:
    return Datum(json.dumps(value, default=str), "json")


def zoneless(moment: datetime | None) -> str:
    """How .NET writes a DateTime of kind unspecified."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}" if moment else "9999-12-31T23:59:59.9999999"


def single_metadata(given: ReceivedMessage) -> dict[str, Datum]:
    return {name: text(given.texts[attribute]) for attribute, name in TEXTS.items()} | {
        "MessageId": text(given.message_id),
        "LockToken": text(given.lock_token),
        "DeliveryCount": as_json(given.delivery_count),
        "SequenceNumber": as_json(given.sequence_number),
        "EnqueuedTimeUtc": as_json(zoneless(given.enqueued_at)),
        "ExpiresAtUtc": as_json(zoneless(given.expires_at)),
        "ApplicationProperties": as_json(given.application_properties),
        "UserProperties": as_json(given.application_properties),
    }


def batch_metadata(given: list[ReceivedMessage]) -> dict[str, Datum]:
    """The host leaves absent and empty texts out, because the Python worker does not ask for them."""

    def texts(values: list[Any]) -> Datum:
        return Datum(SimpleNamespace(string=[value for value in values if value]), "collection_string")

    return {f"{name}Array": texts([each.texts[attribute] for each in given]) for attribute, name in TEXTS.items()} | {
        "MessageIdArray": texts([each.message_id for each in given]),
        "LockTokenArray": texts([each.lock_token for each in given]),
        "DeliveryCountArray": as_json([each.delivery_count for each in given]),
        "SequenceNumberArray": Datum(
            SimpleNamespace(sint64=[each.sequence_number for each in given]), "collection_sint64"
        ),
        "EnqueuedTimeUtcArray": as_json([zoneless(each.enqueued_at) for each in given]),
        "ExpiresAtUtcArray": as_json([zoneless(each.expires_at) for each in given]),
        "ApplicationPropertiesArray": as_json([each.application_properties for each in given]),
        "UserPropertiesArray": as_json([each.application_properties for each in given]),
    }


def shown(given: Any) -> dict[str, Any]:
    return {name: getattr(given, name) for name in ATTRIBUTES} | {"body": given.get_body()}


@pytest.mark.parametrize("texts", [{}, {"correlation_id": "c", "subject": "s", "label": "s", "content_type": "t"}])
def test_a_single_message_is_what_the_workers_converter_makes(texts: dict[str, Any]) -> None:
    given = message(**texts)

    converted = ServiceBusMessageInConverter.decode(
        Datum(given.body.decode(), "string"), trigger_metadata=single_metadata(given)
    )

    assert shown(one(given, None)) == shown(converted)


def test_a_batch_is_what_the_workers_converter_makes_even_where_texts_shift() -> None:
    given = [message(1), message(2, correlation_id="second's"), message(3, correlation_id="third's")]

    bodies = Datum(SimpleNamespace(bytes=[each.body for each in given]), "collection_bytes")
    converted: Any = ServiceBusMessageInConverter.decode(bodies, trigger_metadata=batch_metadata(given))
    built = many(given, "binary")

    assert [shown(each) for each in built] == [shown(each) for each in converted]
    assert [each.correlation_id for each in built] == ["second's", "third's", None]
    assert [each.message_id for each in built] == ["m1", "m2", "m3"]


def test_times_have_no_zone_and_a_message_without_an_end_ends_with_time_itself() -> None:
    built = one(message(), None)

    assert built.enqueued_time_utc == datetime(2026, 11, 20, 12, 0, 1, 250000)  # noqa: DTZ001 - that is the point
    assert built.expires_at_utc == datetime.max  # noqa: DTZ901


def test_a_body_that_is_not_utf_8_arrives_intact_only_as_binary() -> None:
    given = message(body=b"\xff")

    assert one(given, "binary").get_body() == b"\xff"
    assert one(given, None).get_body() == "\ufffd".encode()


def test_an_empty_body_is_empty_bytes() -> None:
    assert one(message(body=b""), None).get_body() == b""
    assert many([message(body=b"")], "binary")[0].get_body() == b""


def test_an_untyped_batch_parses_every_body_and_fails_as_a_whole() -> None:
    assert many([message(body=b'{"a":  1}')], None)[0].get_body() == b'{"a": 1}'

    with pytest.raises(ValueError, match="parsed as JSON"):
        many([message(1), message(2, body=b"not json")], None)


def test_a_batch_of_strings_fails_when_one_is_empty() -> None:
    with pytest.raises(LookupError):
        many([message(1), message(2, body=b"")], "string")


@pytest.mark.parametrize("name", ["Diagnostic-Id", "traceparent"])
def test_the_trace_comes_from_the_application_properties(name: str) -> None:
    assert ReceivedMessage(body=b"", message_id="m", application_properties={name: "00-x"}).traceparent == "00-x"
