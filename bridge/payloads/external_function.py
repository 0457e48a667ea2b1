"""Snowflake's wire format of external functions.

Source: docs.snowflake.com, external-functions-data-format and external-functions-implementation.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.payloads import lossless

#: A batch is some megabytes at most; what unpacks to more is no batch.
UNPACKED_LIMIT = 32 * 1024 * 1024
#: zlib's own words: 16 accepts a gzip header, 32 would guess.
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class UnusableRequest(Exception):
    """The request as a whole cannot be answered row by row; `status` is the HTTP answer."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, kw_only=True)
class WireRow:
    """One row of a batch."""

    number: int
    arguments: Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class WireContext:
    """What Snowflake's headers say about the batch."""

    query_id: str | None
    query_batch_id: str | None


def unpack(body: bytes, encoding: str | None) -> bytes:
    """The body without its Content-Encoding. Raises: UnusableRequest."""
    name = (encoding or "identity").strip().lower()
    if name in {"identity", ""}:
        return body
    if name not in _WINDOW_BITS:
        raise UnusableRequest(415, f'Content-Encoding "{name[:50]}" is not supported: use gzip, deflate or none')
    for bits in (_WINDOW_BITS[name], -zlib.MAX_WBITS):  # some senders of "deflate" leave the zlib header out
        try:
            return _inflate(body, bits)
        except zlib.error:
            continue
    raise UnusableRequest(400, f"the body is not {name} data")


def _inflate(body: bytes, bits: int) -> bytes:
    stream = zlib.decompressobj(bits)
    unpacked = stream.decompress(body, UNPACKED_LIMIT)
    if stream.unconsumed_tail:
        raise UnusableRequest(413, f"the body unpacks to more than {UNPACKED_LIMIT:,} bytes")
    if not stream.eof:
        raise zlib.error("truncated")
    return unpacked


def read_rows(body: bytes) -> list[WireRow]:
    """The rows of `{"data": [[0, …], [1, …]]}`. Raises: UnusableRequest."""
    try:
        document = lossless.loads(body)
    except ValueError as error:
        raise UnusableRequest(400, f"the body is {error}") from error
    rows = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(rows, list):
        raise UnusableRequest(400, 'the body must be {"data": [[0, …], [1, …]]}, as Snowflake sends it')
    return [_row(index, row) for index, row in enumerate(rows)]


def _row(index: int, row: Any) -> WireRow:
    if not isinstance(row, list) or not row or type(row[0]) is not int:
        raise UnusableRequest(400, f"data[{index}] must be an array that begins with its row number")
    return WireRow(number=row[0], arguments=row[1:])


def read_context(headers: Mapping[str, str]) -> WireContext:
    """The batch's identity: the same on each retry of the batch and each poll."""
    return WireContext(
        query_id=headers.get("sf-external-function-current-query-id") or None,
        query_batch_id=headers.get("sf-external-function-query-batch-id") or None,
    )


def write_rows(values: Sequence[tuple[int, Any]]) -> str:
    """The answer: each row once, with its number, in the request's order."""
    return lossless.dumps({"data": [[number, value] for number, value in values]})
