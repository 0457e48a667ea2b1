"""The primitive types of AMQP 1.0, read and written without a protocol library.

Queues look into messages (id, time to live, annotations) and must be testable where no broker library is installed.
"""

import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any

#: A decoded value and the index after it.
Decoded = tuple[Any, int]


class Symbol(str):
    """A text that is a symbol on the wire, not a string."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since 1970 that are a timestamp on the wire, not a long."""


class AmqpError(ValueError):
    """The bytes are not what AMQP allows here."""


def skip(data: bytes, index: int) -> int:
    """The index after the value that starts at `index`."""
    constructor = data[index]
    index += 1
    if constructor == 0:
        return skip(data, skip(data, index))
    width = constructor >> 4
    if 4 <= width <= 9:
        return index + (0, 1, 2, 4, 8, 16)[width - 4]
    if width in (0xA, 0xC, 0xE):
        return index + 1 + data[index]
    if width in (0xB, 0xD, 0xF):
        return index + 4 + int(struct.unpack_from(">I", data, index)[0])
    raise AmqpError(f"unknown constructor {constructor:#x}")


def decode(data: bytes, index: int = 0) -> Decoded:
    """The value that starts at `index`; of a described value, the value without its descriptor."""
    constructor = data[index]
    if constructor == 0:
        return decode(data, skip(data, index + 1))
    return decode_as(constructor, data, index + 1)


def decode_as(constructor: int, data: bytes, index: int) -> Decoded:
    if constructor in _CONSTANTS:
        return _CONSTANTS[constructor], index
    if constructor in _FIXED:
        layout = _FIXED[constructor]
        return layout.unpack_from(data, index)[0], index + layout.size
    if constructor in _READERS:
        return _READERS[constructor](data, index, bool(constructor & 0x10))
    raise AmqpError(f"unknown constructor {constructor:#x}")


def pairs(data: bytes, index: int = 0) -> list[tuple[bytes, bytes]]:
    """The keys and values of a map, each still encoded."""
    if data[index] == 0:
        index = skip(data, index + 1)
    constructor = data[index]
    if constructor not in (0xC1, 0xD1):
        raise AmqpError("not a map")
    count, index, _ = _head(data, index + 1, constructor == 0xD1)
    found = []
    for _ in range(count // 2):
        key_end = skip(data, index)
        value_end = skip(data, key_end)
        found.append((data[index:key_end], data[key_end:value_end]))
        index = value_end
    return found


def encode(value: Any) -> bytes:
    """`value` on the wire; a plain int becomes a long, a plain str a string."""
    for kind, writer in _WRITERS:
        if isinstance(value, kind):
            return writer(value)
    raise AmqpError(f"no AMQP type for {type(value).__name__}")


def encode_pairs(items: list[tuple[bytes, bytes]]) -> bytes:
    """A map of keys and values that are encoded already."""
    body = b"".join(key + value for key, value in items)
    return b"\xd1" + struct.pack(">II", len(body) + 4, 2 * len(items)) + body


def encode_list(fields: list[bytes]) -> bytes:
    """A list of values that are encoded already."""
    body = b"".join(fields)
    return b"\xd0" + struct.pack(">II", len(body) + 4, len(fields)) + body


def _head(data: bytes, index: int, wide: bool) -> tuple[int, int, int]:
    """Of a compound value: how many elements, where they start, where they end."""
    if wide:
        size, count = struct.unpack_from(">II", data, index)
        return int(count), index + 8, index + 4 + int(size)
    return data[index + 1], index + 2, index + 1 + data[index]


def _read_bytes(data: bytes, index: int, wide: bool) -> tuple[bytes, int]:
    length = int(struct.unpack_from(">I", data, index)[0]) if wide else data[index]
    start = index + (4 if wide else 1)
    if start + length > len(data):
        raise AmqpError("truncated")
    return bytes(data[start : start + length]), start + length


def _read_string(data: bytes, index: int, wide: bool) -> Decoded:
    raw, end = _read_bytes(data, index, wide)
    return raw.decode(), end


def _read_symbol(data: bytes, index: int, wide: bool) -> Decoded:
    raw, end = _read_bytes(data, index, wide)
    return Symbol(raw.decode("ascii")), end


def _read_list(data: bytes, index: int, wide: bool) -> Decoded:
    count, index, end = _head(data, index, wide)
    items = []
    for _ in range(count):
        item, index = decode(data, index)
        items.append(item)
    return items, end


def _read_map(data: bytes, index: int, wide: bool) -> Decoded:
    items, end = _read_list(data, index, wide)
    return dict(zip(items[::2], items[1::2], strict=True)), end


def _read_array(data: bytes, index: int, wide: bool) -> Decoded:
    count, index, end = _head(data, index, wide)
    constructor = data[index]
    if constructor == 0:
        index = skip(data, index + 1)
        constructor = data[index]
    index += 1
    items = []
    for _ in range(count):
        item, index = decode_as(constructor, data, index)
        items.append(item)
    return items, end


def _read_uuid(data: bytes, index: int, _wide: bool) -> Decoded:
    return uuid.UUID(bytes=bytes(data[index : index + 16])), index + 16


def _read_decimal(width: int) -> Callable[[bytes, int, bool], Decoded]:
    return lambda data, index, _wide: (bytes(data[index : index + width]), index + width)


def _read_timestamp(data: bytes, index: int, _wide: bool) -> Decoded:
    return Timestamp(struct.unpack_from(">q", data, index)[0]), index + 8


def _read_bool(data: bytes, index: int, _wide: bool) -> Decoded:
    return data[index] == 1, index + 1


def _read_char(data: bytes, index: int, _wide: bool) -> Decoded:
    return chr(struct.unpack_from(">I", data, index)[0]), index + 4


_CONSTANTS: dict[int, Any] = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0}
_FIXED = {
    code: struct.Struct(layout)
    for code, layout in {
        0x50: ">B",
        0x51: ">b",
        0x52: ">B",
        0x53: ">B",
        0x54: ">b",
        0x55: ">b",
        0x60: ">H",
        0x61: ">h",
        0x70: ">I",
        0x71: ">i",
        0x72: ">f",
        0x80: ">Q",
        0x81: ">q",
        0x82: ">d",
    }.items()
}
_READERS: dict[int, Callable[[bytes, int, bool], Decoded]] = {
    0x45: lambda _data, index, _wide: ([], index),
    0x56: _read_bool,
    0x73: _read_char,
    0x74: _read_decimal(4),
    0x83: _read_timestamp,
    0x84: _read_decimal(8),
    0x94: _read_decimal(16),
    0x98: _read_uuid,
    0xA0: _read_bytes,
    0xA1: _read_string,
    0xA3: _read_symbol,
    0xB0: _read_bytes,
    0xB1: _read_string,
    0xB3: _read_symbol,
    0xC0: _read_list,
    0xC1: _read_map,
    0xD0: _read_list,
    0xD1: _read_map,
    0xE0: _read_array,
    0xF0: _read_array,
}


def _sized(narrow: int, wide: int, raw: bytes) -> bytes:
    if len(raw) < 256:
        return bytes((narrow, len(raw))) + raw
    return bytes((wide,)) + struct.pack(">I", len(raw)) + raw


def _write_map(value: Mapping[Any, Any]) -> bytes:
    return encode_pairs([(encode(key), encode(item)) for key, item in value.items()])


#: In this order, because bool is an int, and Symbol and Timestamp are a str and an int.
_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], bytes]], ...] = (
    (type(None), lambda _: b"\x40"),
    (bool, lambda value: b"\x41" if value else b"\x42"),
    (Timestamp, lambda value: b"\x83" + struct.pack(">q", value)),
    (int, lambda value: b"\x81" + struct.pack(">q", value)),
    (float, lambda value: b"\x82" + struct.pack(">d", value)),
    (Symbol, lambda value: _sized(0xA3, 0xB3, value.encode("ascii"))),
    (str, lambda value: _sized(0xA1, 0xB1, value.encode())),
    ((bytes, bytearray, memoryview), lambda value: _sized(0xA0, 0xB0, bytes(value))),
    (uuid.UUID, lambda value: b"\x98" + value.bytes),
    (Mapping, _write_map),
    (list, lambda value: encode_list([encode(item) for item in value])),
)
