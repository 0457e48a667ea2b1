"""How the Service Bus emulator reads and writes messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.local.servicebus import amqp, codec
from bridge.local.servicebus.amqp import AmqpError, Symbol, Timestamp
from bridge.local.servicebus.codec import Stamp

LONG = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.none() | st.booleans() | LONG | st.floats(allow_nan=False) | st.text() | st.binary() | st.uuids()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
STAMP = Stamp(sequence_number=7, enqueued_at=1000.5, delivery_count=2, locked_until=1030.25)


def message(body: bytes, properties: list[Any] | None = None, application: dict[str, Any] | None = None) -> bytes:
    parts = [codec.section(codec.PROPERTIES, amqp.encode(properties or ["id"]))]
    if application:
        parts.append(codec.section(codec.APPLICATION_PROPERTIES, amqp.encode(application)))
    return b"".join([*parts, codec.data_section(body)])


def annotations_of(payload: bytes) -> dict[str, Any]:
    raw = dict(codec.sections(payload))[codec.ANNOTATIONS]
    return dict(amqp.decode(raw)[0])


@given(VALUES)
def test_a_value_is_read_as_it_was_written(value: Any) -> None:
    encoded = amqp.encode(value)

    assert amqp.decode(encoded) == (value, len(encoded))
    assert amqp.skip(encoded, 0) == len(encoded)


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("43", 0),
        ("44", 0),
        ("5207", 7),
        ("54ff", -1),
        ("5601", True),
        ("600102", 258),
        ("700000012c", 300),
        ("7242280000", 42.0),
        ("7300000041", "A"),
        ("45", []),
        ("c0030243" + "41", [0, True]),
        ("e0040255" + "01ff", [1, -1]),
        ("005370" + "5207", 7),
    ],
)
def test_encodings_that_other_writers_use_are_read(encoded: str, value: Any) -> None:
    raw = bytes.fromhex(encoded)

    assert amqp.decode(raw) == (value, len(raw))
    assert amqp.skip(raw, 0) == len(raw)


def test_what_the_sender_wrote_goes_out_byte_for_byte() -> None:
    application = {"text": "ü", "number": 7, "ratio": 0.5, "flag": True}
    content = codec.parse(message(b'{"a": 1}', ["id", None, None, "subject"], application))

    out = dict(codec.sections(content.rendered(STAMP)))

    assert out[codec.PROPERTIES] == content.properties
    assert out[codec.APPLICATION_PROPERTIES] == content.application
    assert out[codec.DATA] == codec.data_section(b'{"a": 1}')
    assert codec.parse(content.rendered(STAMP)).application_properties() == application


def test_a_delivery_carries_what_the_broker_knows() -> None:
    out = codec.parse(message(b"x")).rendered(STAMP)

    assert amqp.decode(dict(codec.sections(out))[codec.HEADER])[0] == [False, None, None, None, 2]
    assert annotations_of(out) == {
        "x-opt-enqueued-time": 1_000_500,
        "x-opt-sequence-number": 7,
        "x-opt-message-state": 0,
        "x-opt-locked-until": 1_030_250,
    }


def test_a_sender_cannot_forge_the_brokers_annotations_but_keeps_its_own() -> None:
    forged = amqp.encode({Symbol("x-opt-sequence-number"): 99, Symbol("x-opt-partition-key"): "p"})
    content = codec.parse(codec.section(codec.ANNOTATIONS, forged) + message(b"x"))

    annotations = annotations_of(content.rendered(STAMP))

    assert annotations["x-opt-sequence-number"] == 7
    assert annotations["x-opt-partition-key"] == "p"


def test_header_and_due_time_are_understood() -> None:
    header = codec.section(codec.HEADER, amqp.encode_list([b"\x41", b"\x50\x09", b"\x70\x00\x00\x05\xdc"]))
    due = codec.section(codec.ANNOTATIONS, amqp.encode({Symbol(codec.SCHEDULED_ENQUEUE_TIME): Timestamp(1_500_000)}))

    content = codec.parse(header + due + message(b"x", ["the id"]))

    assert (content.durable, content.priority, content.ttl_seconds) == (True, 9, 1.5)
    assert (content.scheduled_at, content.message_id) == (1500.0, "the id")


def test_added_application_properties_leave_the_others_as_they_were() -> None:
    content = codec.parse(message(b"x", application={"kept": 1, "DeadLetterReason": "old"}))

    changed = content.with_application_properties({"DeadLetterReason": "new"})

    assert changed.application_properties() == {"kept": 1, "DeadLetterReason": "new"}
    assert amqp.pairs(changed.application)[0] == amqp.pairs(content.application)[0]


def test_a_transfer_of_encoded_messages_is_a_batch() -> None:
    batch = b"".join(codec.data_section(message(text)) for text in (b"a", b"b"))

    assert [content.body_text() for content in codec.parse_transfer(batch)] == ["a", "b"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\x00", b"\x00\x53", b"\x00\x53\x75\xa0\xff", b"\x00\x53\x01\x40", bytes(40)]
)
def test_a_body_that_only_looks_odd_is_no_batch(body: bytes) -> None:
    found = codec.parse_transfer(message(body))

    assert [content.tail for content in found] == [(codec.data_section(body),)]


def test_bodies_are_shown_as_text_whatever_their_form() -> None:
    sections = {
        "ü": codec.data_section("ü".encode()),
        "text": codec.section(codec.VALUE, amqp.encode("text")),
        "[1, 2]": codec.section(codec.VALUE, amqp.encode([1, 2])),
        "ab": codec.data_section(b"a") + codec.data_section(b"b"),
        "": b"",
    }

    assert {codec.parse(raw).body_text() for raw in sections.values()} == set(sections)


@given(st.binary(max_size=60))
def test_rubbish_is_refused_and_never_breaks_the_broker(payload: bytes) -> None:
    try:
        codec.parse_transfer(b"\x00\x53" + payload)
    except AmqpError:
        return


def test_a_message_cut_short_is_refused() -> None:
    whole = message(b"body " * 10, application={"name": "value"})
    lengths = [len(raw) for _, raw in codec.sections(whole)]
    between_sections = {sum(lengths[:count]) for count in range(len(lengths))}

    for length in set(range(len(whole))) - between_sections:
        with pytest.raises(AmqpError):
            codec.parse(whole[:length])
