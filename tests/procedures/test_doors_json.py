"""What procedures write as JSON, against an encoder that knows decimals."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.payloads import lossless
from bridge.procedures.doors import to_json

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=12)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner)
)


@settings(deadline=None)
@given(values)
def test_json_keeps_every_digit(value: Any) -> None:
    text = to_json(value).decode()

    assert simplejson.loads(text, use_decimal=True) == simplejson.loads(
        simplejson.dumps(value, use_decimal=True), use_decimal=True
    )


def test_decimals_are_numbers_that_the_app_reads() -> None:
    numbers = [Decimal("12345678901234567890.123456789012345678"), Decimal("1E+3"), Decimal("-0.10"), 10**37 + 1]

    assert lossless.loads(to_json({"n": numbers}))["n"] == numbers


def test_a_text_that_looks_like_a_stand_in_stays_a_text() -> None:
    assert to_json(["0", "00", Decimal("5")]) == b'["0", "00", 5]'


def test_an_sql_null_inside_of_a_variant_is_null() -> None:
    class SqlNull:
        is_sql_null = True

    assert to_json({"a": [SqlNull()]}) == b'{"a": [null]}'


def test_dates_are_iso_texts() -> None:
    moment = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)

    assert to_json([moment, moment.date()]) == b'["2026-11-20T10:00:00+00:00", "2026-11-20"]'


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity"), object(), {"a": {1, 2}}, "\ud800"]
)
def test_what_json_cannot_say_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        to_json({"a": [value]})
