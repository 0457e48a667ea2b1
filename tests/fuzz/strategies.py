"""What senders may write: values of JSON, texts near it, and the numbers and times that break readers."""

import json
from typing import Any

from hypothesis import strategies as st

#: Numbers at the edges of what Python, JSON, SQL and calendars hold.
NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2**31, 2**63, 10**18, 10**38, 10**400, 10**4299, -(10**4299), 10**4300 - 1, 1e308, 5e-324, -0.0, 1.5),
)
TEXTS = (
    *("", " ", "r-" + "a" * 26, "train", "ws1", "check", "2026-11-01", "9999-12-31T23:59:59-14:00", "\x00", "é", "😀"),
    *(
        "0001-01-01T00:00:00+14:00",
        "1e999999",
        "NaN",
        "null",
        "{}",
        "[]",
        '"',
        "\\",
        "x" * 2000,
        "\u202e",
        "9999-99-99",
    ),
)
numbers = st.sampled_from(NUMBERS) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
whole_text = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | numbers | whole_text


def nested(leaves: st.SearchStrategy[Any], names: st.SearchStrategy[str] = whole_text) -> st.SearchStrategy[Any]:
    """Lists and objects of these."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
    )


values = nested(scalars)
#: Pieces that make texts which are nearly JSON.
PIECES = (
    *'{}[],:" \n',
    *("null", "true", "NaN", "Infinity", "-", "0", "01", "1e400", "1E+999999999", "9" * 5000, '"a"', '"\\u'),
    *('"\\ud800"', "\\", "'", "//", "\ufeff", "\x00", "[" * 200, '{"a":' * 200, '"data"', '"op"', '"run_id"', "é"),
)  # fmt: skip
near_json = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
#: Bodies of every kind: bytes, nearly JSON in some charset, JSON.
bodies = st.one_of(
    st.binary(max_size=60),
    near_json.map(str.encode),
    st.tuples(near_json, st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "latin-1"])).map(
        lambda pair: pair[0].encode(pair[1], "replace")
    ),
    values.map(lambda value: as_json(value).encode()),
)


def as_json(value: Any) -> str:
    """With every digit: the module json refuses to write what it would refuse to read."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{as_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**4300:
        return "1" + "0" * 5000
    return json.dumps(value)


def changed(good: dict[str, Any], leaves: st.SearchStrategy[Any] = values) -> st.SearchStrategy[dict[str, Any]]:
    """A good object of which some fields have other values, some are gone and some are new."""
    names = st.sampled_from([*good, "schema_version", "x", "attempt", "try", "step"])
    return st.tuples(st.dictionaries(names, leaves, max_size=3), st.sets(st.sampled_from([*good]), max_size=2)).map(
        lambda change: {name: value for name, value in {**good, **change[0]}.items() if name not in change[1]}
    )
