"""JSON in and out: no digit is lost, and whatever is wrong with a document is said in one plain sentence."""

import json
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.payloads import lossless

decimals = st.decimals(allow_nan=False, allow_infinity=False).filter(lambda number: abs(number.adjusted()) < 4000)
exact: st.SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20), decimals)
values = st.recursive(
    exact, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-1",
        "9" * 38,
        "-" + "9" * 38,
        "9007199254740993",  # the first whole number that a double does not hold
        "0.1",
        "1.50",
        "12345678901234567890123456789.123456789",
        "1E+37",
        "1E-37",
        "9" * lossless.MAX_DIGITS,
    ],
)
def test_a_number_keeps_every_digit_both_ways(number: str) -> None:
    read = lossless.loads(number)

    assert isinstance(read, int if number.lstrip("-").isdigit() else Decimal)
    assert lossless.dumps(read) == number
    assert lossless.loads(lossless.dumps({"a": [read]})) == {"a": [read]}


@given(values)
@settings(deadline=None)
def test_what_is_written_is_read_again(value: Any) -> None:
    text = lossless.dumps(value)

    assert lossless.loads(text) == value
    assert lossless.loads(text.encode()) == value
    assert lossless.dumps(lossless.loads(text)) == text


@given(values)
@settings(deadline=None)
def test_a_value_is_written_as_simplejson_writes_it(value: Any) -> None:
    expected = simplejson.dumps(value, use_decimal=True, sort_keys=True, separators=(",", ":"), allow_nan=False)

    assert lossless.dumps(value) == expected


@pytest.mark.parametrize("text", ["decimal 1", "\udc001", 'a"1', "1.50", '","1', '\\"1'])
def test_no_text_becomes_a_number(text: str) -> None:
    assert json.loads(lossless.dumps({"a": [text, Decimal("1.50")], text: 1})) == {"a": [text, 1.5], text: 1}


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan"), float("inf")])
def test_what_is_no_number_of_json_is_not_written(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        lossless.dumps([value])


def test_what_is_no_json_at_all_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="set cannot be JSON"):
        lossless.dumps({"a": {1}})


def test_the_same_value_is_the_same_text_whatever_the_order_of_its_keys() -> None:
    assert lossless.dumps({"b": 1, "a": {"d": 2, "c": 3}}) == lossless.dumps({"a": {"c": 3, "d": 2}, "b": 1})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "not JSON: Expecting value at line 1, column 1"),
        (b"{", "not JSON: "),
        (b'{"a": 1,}', "line 1, column "),
        (b'{\n"a": 1 "b"}', "line 2, column "),
        (b"{} {}", "not JSON: Extra data"),
        (b"{'a': 1}", "not JSON: "),
        (b'"a\nb"', "not JSON: Invalid control character at line 1"),
        (b"NaN", "not JSON: "),
        (b"[Infinity]", "not JSON: "),
        (b"[-Infinity]", "not JSON: "),
        (b'"\xff\xfe"', "not UTF-8 text: byte 1 cannot be read"),
        ("ü".encode("latin-1"), "not UTF-8 text: byte 0"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8 text: byte 0"),
        (b"\x1f\x8b\x08", "not UTF-8 text: byte 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, "a number has more than 4,300 digits"),
        (b"0." + b"9" * 5_000, "a number has more than 4,300 digits"),
        (b"1e999999999", "a number has more than 4,300 digits"),
        (b"-1e-999999999", "a number has more than 4,300 digits"),
        (b"1e99999999999999999999", "a number has more than 4,300 digits"),
        (b'"\\ud800"', "half a character"),
        (b'{"\\uDFFF": 1}', "half a character"),
        (b'["\\ude00\\ud83d"]', "half a character"),
    ],
)
def test_a_document_that_is_none_is_refused_in_plain_words(text: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"^(not|nested) ") as caught:
        lossless.loads(text)

    assert type(caught.value) is ValueError
    assert complaint in str(caught.value)
    assert "sys." not in str(caught.value)
    assert "%r" not in str(caught.value)


def test_a_whole_character_may_be_escaped_and_a_backslash_may_stand_before_ud800() -> None:
    assert lossless.loads(r'"\ud83d\ude00"') == "😀"
    assert lossless.loads(r'"\\ud800"') == r"\ud800"


def test_nesting_is_limited_to_the_same_depth_for_every_caller() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "]" * depth

    assert lossless.loads(nested(lossless.FOREIGN_DEPTH))
    assert lossless.loads(nested(lossless.OWN_DEPTH), depth=lossless.OWN_DEPTH)
    with pytest.raises(ValueError, match="100 levels are allowed"):
        lossless.loads(nested(lossless.FOREIGN_DEPTH + 1))
    with pytest.raises(ValueError, match="120 levels are allowed"):
        lossless.loads('{"a":' * 121 + "1" + "}" * 121, depth=lossless.OWN_DEPTH)


@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[],:"\\udD8eE+-.019aNtf \n'), max_size=60))
@settings(deadline=None, max_examples=300)
def test_anything_is_a_value_or_a_plain_error(text: bytes | str) -> None:
    try:
        value = lossless.loads(text)
    except ValueError as error:
        refused = error
    else:
        json.loads(lossless.dumps(value))
        return

    assert type(refused) is ValueError
    assert str(refused).isprintable()
