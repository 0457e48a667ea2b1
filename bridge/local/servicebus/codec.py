"""Messages as bytes: cut into sections when they arrive, put together again for each delivery.

What the sender wrote (properties, application properties, body) passes through byte for byte; only the header and the
annotations, which belong to the broker, are written anew.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bridge.local.servicebus import amqp
from bridge.local.servicebus.amqp import AmqpError, Symbol, Timestamp

HEADER = 0x70
DELIVERY_ANNOTATIONS = 0x71
ANNOTATIONS = 0x72
PROPERTIES = 0x73
APPLICATION_PROPERTIES = 0x74
DATA = 0x75
VALUE = 0x77
FOOTER = 0x78

SCHEDULED_ENQUEUE_TIME = "x-opt-scheduled-enqueue-time"
#: Annotations that only the broker may set.
_BROKERS_OWN = {
    SCHEDULED_ENQUEUE_TIME,
    "x-opt-enqueued-time",
    "x-opt-locked-until",
    "x-opt-message-state",
    "x-opt-sequence-number",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the broker says about a message at one delivery."""

    sequence_number: int
    enqueued_at: float
    delivery_count: int = 0
    locked_until: float | None = None
    #: 0 active, 2 scheduled, as on the wire.
    state: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """What a sender wrote: raw sections, and the few values that the broker acts on."""

    size: int
    durable: bool
    priority: int | None
    ttl_seconds: float | None
    message_id: Any
    #: When the sender wants it to be enqueued, Unix time.
    scheduled_at: float | None
    #: The sender's own annotations, keys and values still encoded.
    annotations: tuple[tuple[bytes, bytes], ...]
    properties: bytes
    application: bytes
    #: Body sections and footer.
    tail: tuple[bytes, ...]

    def rendered(self, stamp: Stamp) -> bytes:
        """The message as it goes out to a receiver."""
        return b"".join((self._header(stamp), self._annotations(stamp), self.properties, self.application, *self.tail))

    def application_properties(self) -> dict[str, Any]:
        return dict(amqp.decode(self.application)[0]) if self.application else {}

    def property_list(self) -> list[Any]:
        return list(amqp.decode(self.properties)[0]) if self.properties else []

    def with_application_properties(self, extra: dict[str, str]) -> "Content":
        """A copy with `extra` set; the types of all others stay as the sender wrote them."""
        kept = amqp.pairs(self.application) if self.application else []
        kept = [pair for pair in kept if amqp.decode(pair[0])[0] not in extra]
        added = [(amqp.encode(name), amqp.encode(value)) for name, value in extra.items()]
        return replace(self, application=section(APPLICATION_PROPERTIES, amqp.encode_pairs(kept + added)))

    def body_text(self) -> str:
        """The body for people: data sections as UTF-8, any other value as Python shows it."""
        raw = b"".join(_data_of(part) for part in self.tail if _code(part)[0] == DATA)
        if raw:
            return raw.decode(errors="replace")
        values = [amqp.decode(part)[0] for part in self.tail if _code(part)[0] not in (DATA, FOOTER)]
        return "".join(value if isinstance(value, str) else repr(value) for value in values)

    def _header(self, stamp: Stamp) -> bytes:
        fields = [
            amqp.encode(self.durable),
            amqp.encode(None) if self.priority is None else bytes((0x50, self.priority)),
            amqp.encode(None) if self.ttl_seconds is None else _uint(round(self.ttl_seconds * 1000)),
            amqp.encode(None),
            _uint(stamp.delivery_count),
        ]
        return section(HEADER, amqp.encode_list(fields))

    def _annotations(self, stamp: Stamp) -> bytes:
        own: list[tuple[str, Any]] = [
            ("x-opt-enqueued-time", _milliseconds(stamp.enqueued_at)),
            ("x-opt-sequence-number", stamp.sequence_number),
            ("x-opt-message-state", stamp.state),
        ]
        if stamp.locked_until is not None:
            own.append(("x-opt-locked-until", _milliseconds(stamp.locked_until)))
        if self.scheduled_at is not None:
            own.append((SCHEDULED_ENQUEUE_TIME, _milliseconds(self.scheduled_at)))
        encoded = [(amqp.encode(Symbol(name)), amqp.encode(value)) for name, value in own]
        return section(ANNOTATIONS, amqp.encode_pairs([*encoded, *self.annotations]))


def parse(payload: bytes) -> Content:
    """The content of one encoded message; raises AmqpError when it is none."""
    with _only_amqp_errors():
        return _parse(payload)


def parse_transfer(payload: bytes) -> list[Content]:
    """The contents of one transfer, which is a message or a batch of them."""
    with _only_amqp_errors():
        return [_parse(part) for part in _split(payload)]


def sections(payload: bytes) -> list[tuple[int, bytes]]:
    """Code and raw bytes of each section of a message."""
    found = []
    index = 0
    while index < len(payload):
        code, _ = _code(payload, index)
        end = amqp.skip(payload, index)
        if end > len(payload):
            raise AmqpError("truncated")
        found.append((code, bytes(payload[index:end])))
        index = end
    return found


def section(code: int, value: bytes) -> bytes:
    """A section made of an encoded value."""
    return bytes((0, 0x53, code)) + value


def data_section(body: bytes) -> bytes:
    return section(DATA, amqp.encode(body))


@contextmanager
def _only_amqp_errors() -> Iterator[None]:
    try:
        yield
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as error:
        raise AmqpError(f"not an AMQP message: {error}") from error


def _split(payload: bytes) -> list[bytes]:
    """The encoded messages in one transfer.

    A batch is a transfer with one data section per encoded message. Its message format would say so, but proton does
    not show it; so a transfer counts as a batch when each of its data sections is itself an encoded message, which no
    JSON body can look like.
    """
    codes = sections(payload)
    if any(code not in (HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, DATA) for code, _ in codes):
        return [payload]
    parts = [_data_of(raw) for code, raw in codes if code == DATA]
    return parts if parts and all(_is_message(part) for part in parts) else [payload]


def _parse(payload: bytes) -> Content:
    raw: dict[int, bytes] = {}
    tail = []
    for code, part in sections(payload):
        if code >= DATA:
            tail.append(part)
        else:
            raw[code] = part
    header = _fields(raw.get(HEADER), 5)
    properties = _fields(raw.get(PROPERTIES), 1)
    annotations = {amqp.decode(pair[0])[0]: pair for pair in amqp.pairs(raw[ANNOTATIONS])} if ANNOTATIONS in raw else {}
    due = annotations.get(SCHEDULED_ENQUEUE_TIME)
    return Content(
        size=len(payload),
        durable=bool(header[0]),
        priority=header[1],
        ttl_seconds=None if header[2] is None else header[2] / 1000,
        message_id=properties[0],
        scheduled_at=None if due is None else amqp.decode(due[1])[0] / 1000,
        annotations=tuple(pair for name, pair in annotations.items() if name not in _BROKERS_OWN),
        properties=raw.get(PROPERTIES, b""),
        application=raw.get(APPLICATION_PROPERTIES, b""),
        tail=tuple(tail),
    )


def _fields(raw: bytes | None, least: int) -> list[Any]:
    """The fields of a list section; AMQP lets a writer leave out nulls at the end."""
    fields = list(amqp.decode(raw)[0]) if raw else []
    return fields + [None] * (least - len(fields))


def _code(payload: bytes, index: int = 0) -> tuple[int, int]:
    """The code of the section at `index`, and where its value starts."""
    if payload[index] != 0 or payload[index + 1] not in (0x53, 0x80):
        raise AmqpError("not a section")
    code, start = amqp.decode(payload, index + 1)
    if not HEADER <= code <= FOOTER:
        raise AmqpError(f"{code:#x} is no section")
    return code, start


def _data_of(raw: bytes) -> bytes:
    return bytes(amqp.decode(raw)[0])


def _is_message(part: bytes) -> bool:
    try:
        return bool(sections(part))
    except (AmqpError, IndexError, struct.error):
        return False


def _uint(value: int) -> bytes:
    return b"\x70" + struct.pack(">I", min(value, 0xFFFFFFFF))


def _milliseconds(at: float) -> Timestamp:
    return Timestamp(at * 1000)
