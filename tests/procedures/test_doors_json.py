"""JSON text goes through the doors as it is, so that no number loses a digit."""

import json
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.payloads import lossless
from bridge.procedures.doors import checked, with_json

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.decimals(allow_nan=False, allow_infinity=False, places=12)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner)
)
names = st.text(st.characters(exclude_categories=["Cs"]))


@settings(deadline=None)
@given(names, values)
def test_every_digit_arrives(pipeline: str, value: Any) -> None:
    text = simplejson.dumps(value, use_decimal=True)

    sent = simplejson.loads(with_json({"pipeline": pipeline}, "inputs", text), use_decimal=True)

    assert sent == {"pipeline": pipeline, "inputs": simplejson.loads(text, use_decimal=True)}


def test_the_app_reads_the_numbers_that_were_meant() -> None:
    text = "[0.1, 0.5, 1.000000000000000e-01, 12345678901234567890.123456789012345678, 123456789012345678901234567890]"

    found = lossless.loads(with_json({"pipeline": "train"}, "inputs", text).encode())["inputs"]

    assert [Decimal(str(number)) for number in found[:3]] == [Decimal("0.1"), Decimal("0.5"), Decimal("0.1")]
    assert [str(number) for number in found[3:]] == [
        "12345678901234567890.123456789012345678",
        "123456789012345678901234567890",
    ]


def test_no_text_is_null() -> None:
    assert json.loads(with_json({"id": "e"}, "data", None)) == {"id": "e", "data": None}
    assert checked(None) is None


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "", "{", "{} {}", '}, "pipeline": "other"'])
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting|Extra data"):
        with_json({"pipeline": "train"}, "inputs", text)
