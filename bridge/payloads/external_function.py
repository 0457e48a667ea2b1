"""Snowflake's wire format of external functions.

Source: docs.snowflake.com, external-functions-data-format and external-functions-implementation.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.payloads import limits, lossless
from bridge.payloads.shape import ROW_LIMIT

_GZIP = zlib.MAX_WBITS | 16  # zlib's own words: 16 accepts a gzip header, 32 would guess
#: Some senders of "deflate" leave the zlib header out.
_WINDOW_BITS = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS)}
QUERY_HEADER = "sf-external-function-current-query-id"
#: Snowflake's ids are UUIDs; what is longer would not fit where ids go.
_ID = re.compile(r"[!-~]{1,200}")


class UnusableRequest(Exception):
    """The request as a whole cannot be answered row by row; `status` is the HTTP answer, `code` a word for programs."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        self.status = status
        self.code = code
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
    _check_size(body, limits.BODY_BYTES)
    name = (encoding or "identity").strip().lower()
    if name in {"identity", ""}:
        return body
    if name not in _WINDOW_BITS:
        raise UnusableRequest(415, f'Content-Encoding "{name[:50]}" is not supported: use gzip, deflate or none')
    for bits in _WINDOW_BITS[name]:
        try:
            return _inflate(body, bits)
        except zlib.error:
            continue
    raise UnusableRequest(400, f"the body is not one whole {name} stream, as its Content-Encoding says")


def _inflate(body: bytes, bits: int) -> bytes:
    stream = zlib.decompressobj(bits)
    unpacked = stream.decompress(body, limits.UNPACKED_BYTES + 1)
    _check_size(unpacked, limits.UNPACKED_BYTES)
    if not stream.eof or stream.unused_data:
        raise zlib.error("truncated, or followed by something else")
    return unpacked


def _check_size(body: bytes, limit: int) -> None:
    if len(body) > limit:
        raise UnusableRequest(413, f"the body has more than {limit:,} bytes: send less in one request", "TOO_LARGE")


def read_rows(body: bytes) -> list[WireRow]:
    """The rows of `{"data": [[0, …], [1, …]]}`. Raises: UnusableRequest."""
    try:
        document = lossless.loads(body)
    except ValueError as error:
        raise UnusableRequest(400, f"the body is {error}") from error
    rows = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(rows, list):
        raise UnusableRequest(400, 'the body must be {"data": [[0, …], [1, …]]}, as Snowflake sends it')
    if len(rows) > limits.ROWS:
        message = f"the batch has {len(rows):,} rows, {limits.ROWS:,} is the limit: set the function's MAX_BATCH_ROWS"
        raise UnusableRequest(413, message, "TOO_LARGE")
    return [_row(index, row) for index, row in enumerate(rows)]


def _row(index: int, row: Any) -> WireRow:
    if not isinstance(row, list) or not row or type(row[0]) is not int:
        raise UnusableRequest(400, f"data[{index}] must be an array that begins with its row number")
    if abs(row[0]) >= ROW_LIMIT:
        raise UnusableRequest(400, f"data[{index}] begins with a number that is no row number: at most 18 digits")
    return WireRow(number=row[0], arguments=row[1:])


def read_context(headers: Mapping[str, str]) -> WireContext:
    """The batch's identity: the same on each retry of the batch and each poll. Raises: UnusableRequest."""
    return WireContext(
        query_id=_id(headers, QUERY_HEADER),
        query_batch_id=_id(headers, "sf-external-function-query-batch-id"),
    )


def _id(headers: Mapping[str, str], name: str) -> str | None:
    """Refused rather than dropped when it is none: without the batch's id a retry would start its runs again."""
    given = headers.get(name) or None
    if given is not None and not _ID.fullmatch(given):
        raise UnusableRequest(400, f"the header {name} must be an id of at most 200 printable characters")
    return given


def write_rows(values: Sequence[tuple[int, Any]]) -> str:
    """The answer: each row once, with its number, in the request's order."""
    return lossless.dumps({"data": [[number, value] for number, value in values]})
