"""The wire format of external functions, without any server."""

import base64
import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.local.snowflake import wire
from bridge.local.snowflake.wire import Argument, Definition, WireError

CONTEXT = {"CURRENT_ROLE": "ANALYST", "CURRENT_USER": "JÖRG", "CURRENT_STATEMENT": "select\n  /*ÄÎ*/ f(1)"}


def definition(**changes: Any) -> Definition:
    fields: dict[str, Any] = {
        "name": "F",
        "arguments": (Argument(name="N", kind="NUMBER"), Argument(name="V", kind="VARIANT")),
        "returns": "VARIANT",
        "returns_in_full": "VARIANT",
        "url": "https://x.azure-api.net/f",
        "headers": {"bridge-api": "1"},
        **changes,
    }
    return Definition(**fields)


def headers(**changes: Any) -> dict[str, str]:
    return wire.headers_of(definition(**changes), query_id="q", batch_id="b", context=CONTEXT)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "VARCHAR", "null"),
        (None, "VARIANT", "null"),
        ("it's é", "VARCHAR", '"it\'s é"'),
        (Decimal("12345678901234567890123456789012345678"), "NUMBER", "12345678901234567890123456789012345678"),
        (Decimal("1E+3"), "NUMBER", "1000"),
        (Decimal("1.50"), "NUMBER", "1.50"),
        (2.5, "FLOAT", "2.5"),
        (float("inf"), "FLOAT", '"inf"'),
        (True, "BOOLEAN", "true"),
        ('{"a":[1,null]}', "OBJECT", '{"a":[1,null]}'),
        (date(2026, 11, 20), "DATE", '"2026-11-20"'),
        (datetime(2026, 11, 20, 1, 2, 3, 456789), "TIMESTAMP_NTZ", '"2026-11-20 01:02:03.456"'),  # noqa: DTZ001
        (datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC), "TIMESTAMP_TZ", '"2026-11-20 01:02:03.000 +0000"'),
        (b"AB", "BINARY", '"4142"'),
    ],
)
def test_every_type_of_argument_is_json_as_snowflake_sends_it(value: Any, kind: str, text: str) -> None:
    assert wire.json_text(value, kind) == text


def test_a_body_numbers_its_rows_from_zero() -> None:
    body = wire.body_of(definition(), [(Decimal(7), '{"a":1}'), (None, None)])

    assert json.loads(body) == {"data": [[0, 7, {"a": 1}], [1, None, None]]}


def test_rows_are_split_by_max_batch_rows() -> None:
    batches = list(wire.batches_of(definition(max_batch_rows=2), [(n,) for n in range(5)]))

    assert [len(batch) for batch in batches] == [2, 2, 1]


def test_the_signature_is_told_plainly_and_in_base64() -> None:
    sent = headers()

    assert sent["sf-external-function-signature"] == "(N NUMBER, V VARIANT)"
    for name in ("name", "signature", "return-type"):
        plain = sent[f"sf-external-function-{name}"]
        assert base64.b64decode(sent[f"sf-external-function-{name}-base64"]).decode() == plain


def test_context_headers_lose_what_http_cannot_carry_and_keep_it_in_base64() -> None:
    sent = headers(context_headers=("CURRENT_USER", "CURRENT_STATEMENT"))

    assert sent["sf-context-current-user"] == "J RG"
    assert sent["sf-context-current-statement"] == "select   /* */ f(1)"
    assert base64.b64decode(sent["sf-context-current-user-base64"]).decode() == "JÖRG"


def test_own_headers_get_their_prefix() -> None:
    assert headers()["sf-custom-bridge-api"] == "1"


def test_compression_is_announced_for_the_body_and_wished_for_the_answer() -> None:
    packed = definition(compression="GZIP")

    assert headers(compression="GZIP")["accept-encoding"] == "gzip"
    assert wire.headers_of_body(packed)["content-encoding"] == "gzip"
    assert gzip.decompress(wire.compressed(b"x", "GZIP")) == b"x"
    assert "content-encoding" not in wire.headers_of_body(definition())


@pytest.mark.parametrize(
    ("returns", "value", "text"),
    [
        ("VARIANT", {"a": [1, 2.5, None]}, '{"a":[1,2.5,null]}'),
        ("VARIANT", "text", '"text"'),
        ("VARCHAR", "text", "text"),
        ("VARCHAR", {"a": 1}, '{"a":1}'),
        ("NUMBER", 42, "42"),
        ("BOOLEAN", True, "true"),
        ("VARIANT", None, None),
    ],
)
def test_an_answer_is_text_for_the_database_to_cast(returns: str, value: Any, text: str | None) -> None:
    body = json.dumps({"data": [[0, value]]}).encode()

    assert wire.values_of(definition(returns=returns), body, 1) == [text]


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b'{"rows": []}',
        b'{"data": [[0, 1]]}',
        b'{"data": [[1, 1], [0, 2]]}',
        b'{"data": [[0, 1], [1]]}',
        b'{"data": [[0, 1], [1, 2, 3]]}',
        b'{"data": [[0, 1], [0, 2]]}',
        b'{"data": [[0, "' + b"x" * wire.MAX_ANSWER_BYTES + b'"], [1, 1]]}',
    ],
)
def test_an_answer_that_does_not_fit_the_batch_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        wire.values_of(definition(), body, 2)


def test_null_from_a_function_that_returns_not_null_is_refused() -> None:
    with pytest.raises(WireError, match="NOT NULL"):
        wire.values_of(definition(returns_null=False), b'{"data": [[0, null]]}', 1)
