"""Snowflake's wire format of external functions: what goes over HTTP, without any HTTP.

Source: "Remote service input and output data formats" and "CREATE EXTERNAL FUNCTION" of Snowflake's documentation, and
a captured request of 2023 (batch id, signature, user agent).
"""

import base64
import datetime
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SEMI_STRUCTURED = frozenset({"VARIANT", "OBJECT", "ARRAY"})
#: Rows of one request when the function sets no MAX_BATCH_ROWS; Snowflake then decides by itself.
DEFAULT_BATCH_ROWS = 1024
#: A larger answer to one batch fails the query.
MAX_ANSWER_BYTES = 10 * 1024 * 1024
USER_AGENT = "snowflake/1.0"
#: Printable ASCII; Snowflake puts one blank for each run of anything else.
_NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e]+")


class WireError(Exception):
    """The far end's answer is not what Snowflake accepts."""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One parameter of an external function."""

    name: str
    #: The bare type, in capitals: NUMBER for NUMBER(10,2) and for INTEGER.
    kind: str
    #: Digits after the point of a NUMBER.
    scale: int = 0


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What CREATE EXTERNAL FUNCTION says."""

    #: The bare name as Snowflake keeps it: in capitals unless it was quoted.
    name: str
    arguments: tuple[Argument, ...]
    #: The bare type, in capitals.
    returns: str
    #: The type as it is told in the headers, with its size.
    returns_in_full: str
    url: str
    headers: Mapping[str, str]
    context_headers: tuple[str, ...] = ()
    max_batch_rows: int | None = None
    #: NONE, GZIP or DEFLATE; AUTO means NONE on Azure.
    compression: str = "NONE"
    returns_null: bool = True
    #: STRICT: rows with a NULL argument are NULL and are not sent.
    is_strict: bool = False

    @property
    def signature(self) -> str:
        return "(" + ", ".join(f"{argument.name} {argument.kind}" for argument in self.arguments) + ")"


def json_text(value: Any, kind: str) -> str:
    """One argument as JSON; numbers keep every digit, semi-structured values arrive here as JSON text."""
    if value is not None and kind in SEMI_STRUCTURED:
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    return json.dumps(_as_text(value), ensure_ascii=False)


def _as_text(value: Any) -> str:
    """What is no number, boolean or object goes as a string in the session's default output formats."""
    if isinstance(value, datetime.datetime):
        text = value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
        return text + value.strftime(" %z") if value.tzinfo else text
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex().upper()
    return str(value)


def body_of(definition: Definition, rows: Sequence[Sequence[Any]]) -> bytes:
    """The body of one batch, uncompressed."""
    kinds = [argument.kind for argument in definition.arguments]
    lines = [
        "[" + ",".join([str(number), *(json_text(value, kind) for value, kind in zip(row, kinds, strict=True))]) + "]"
        for number, row in enumerate(rows)
    ]
    return ('{"data":[' + ",\n".join(lines) + "]}").encode()


def compressed(body: bytes, compression: str) -> bytes:
    if compression == "GZIP":
        return gzip.compress(body)
    if compression == "DEFLATE":
        return zlib.compress(body)
    return body


def headers_of(definition: Definition, *, query_id: str, batch_id: str, context: Mapping[str, str]) -> dict[str, str]:
    """The headers of a batch: the same for its POST, for each retry and for each poll.

    `context` has the value of each context function, by its name in capitals without brackets.
    """
    headers = {
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "sf-external-function-format": "json",
        "sf-external-function-format-version": "1.0",
        "sf-external-function-current-query-id": query_id,
        "sf-external-function-query-batch-id": batch_id,
    }
    headers |= _with_twin("sf-external-function-name", definition.name)
    headers |= _with_twin("sf-external-function-signature", definition.signature)
    headers |= _with_twin("sf-external-function-return-type", definition.returns_in_full)
    headers |= {f"sf-custom-{name}": value for name, value in definition.headers.items()}
    for function in definition.context_headers:
        headers |= _with_twin(f"sf-context-{function.lower().replace('_', '-')}", context[function])
    if definition.compression != "NONE":
        headers["accept-encoding"] = definition.compression.lower()
    else:
        headers["accept-encoding"] = "identity"
    return headers


def headers_of_body(definition: Definition) -> dict[str, str]:
    """What a POST has besides: a poll has no body."""
    headers = {"content-type": "application/json"}
    if definition.compression != "NONE":
        headers["content-encoding"] = definition.compression.lower()
    return headers


def _with_twin(name: str, value: str) -> dict[str, str]:
    return {
        name: _NOT_IN_A_HEADER.sub(" ", value),
        f"{name}-base64": base64.b64encode(value.encode()).decode(),
    }


def batches_of(definition: Definition, rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    size = definition.max_batch_rows or DEFAULT_BATCH_ROWS
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def values_of(definition: Definition, body: bytes, row_count: int) -> list[str | None]:
    """The values that a 200 answers for `row_count` rows, as text for the database to cast.

    Raises:
        WireError: it is not JSON, too large, or its rows are not the batch's rows in their order.
    """
    if len(body) > MAX_ANSWER_BYTES:
        raise WireError(f"Response of {len(body)} bytes exceeds the limit of 10 MB")
    try:
        answer = json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise WireError(f"Error parsing JSON response: {error}") from error
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise WireError('Error parsing JSON response: missing key "data"')
    if len(rows) != row_count:
        raise WireError(f"Response has {len(rows)} rows, the batch has {row_count}")
    return [_value_of(definition, number, row) for number, row in enumerate(rows)]


def _value_of(definition: Definition, number: int, row: Any) -> str | None:
    if not isinstance(row, list) or len(row) != 2:
        raise WireError(f"Row {number} of the response must be an array of a row number and one value")
    if isinstance(row[0], bool) or row[0] != number:
        raise WireError(f"Row number out of order in the response: expected {number}, received {row[0]!r}")
    value = row[1]
    if value is None:
        if not definition.returns_null:
            raise WireError(f"Row {number} of the response is null, but the function returns NOT NULL")
        return None
    if definition.returns not in SEMI_STRUCTURED and isinstance(value, str):
        return value
    if definition.returns not in SEMI_STRUCTURED and isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=float)
