"""What each type of input takes, and in which form a checked value goes on."""

from decimal import Decimal
from typing import Any

import pytest

from bridge.domain.inputs import InputError, InputSpec, InputType, aml_literal


def spec(kind: str, **facts: Any) -> InputSpec:
    return InputSpec(name="x", type=InputType(kind), **facts)


def refusal(kind: str, value: object, **facts: Any) -> InputError:
    with pytest.raises(InputError) as refused:
        spec(kind, **facts).accept(value)
    return refused.value


@pytest.mark.parametrize(
    ("kind", "written", "checked"),
    [
        ("string", "", ""),
        ("string", "zwei\n\tZeilen ü", "zwei\n\tZeilen ü"),
        ("integer", 5, 5),
        ("integer", Decimal("5.0"), 5),
        ("integer", Decimal("5E0"), 5),
        ("integer", 5.0, 5),
        ("integer", Decimal("-0.0"), 0),
        ("integer", 10**37 + 1, 10**37 + 1),
        ("integer", Decimal("12345678901234567890123456789012345678"), 12345678901234567890123456789012345678),
        ("integer", Decimal("1E+999"), 10**999),
        ("number", 5, 5),
        ("number", Decimal("0.10"), Decimal("0.1")),
        ("number", 0.1, Decimal("0.1")),
        (
            "number",
            Decimal("0.1234567890123456789012345678901234567"),
            Decimal("0.1234567890123456789012345678901234567"),
        ),
        ("number", 5e-324, Decimal("5e-324")),
        ("number", Decimal("0E+999999"), 0),
        ("boolean", True, True),
        ("boolean", False, False),
        ("date", "2026-11-01", "2026-11-01"),
        ("date", "0001-01-01", "0001-01-01"),
        ("timestamp", "2026-11-01T06:00:00Z", "2026-11-01T06:00:00+00:00"),
        ("timestamp", "2026-11-01T06:00+01:00", "2026-11-01T05:00:00+00:00"),
        ("timestamp", "2026-11-01 06:00:00.000 -0800", "2026-11-01T14:00:00+00:00"),
        ("timestamp", "2026-11-01T06:00:00.123456789Z", "2026-11-01T06:00:00.123456789+00:00"),
        ("timestamp", "2026-11-01T06:00:00.5Z", "2026-11-01T06:00:00.500+00:00"),
        ("timestamp", "0099-11-01T06:00:00Z", "0099-11-01T06:00:00+00:00"),
        ("uri_file", "azureml://datastores/d/paths/a.csv", "azureml://datastores/d/paths/a.csv"),
        ("uri_folder", "https://host/data/?version=2", "https://host/data/?version=2"),
        ("uri_folder", "abfss://data@account.dfs.core.windows.net/a/", "abfss://data@account.dfs.core.windows.net/a/"),
    ],
)
def test_a_value_is_taken_exactly_and_checked_again_unchanged(kind: str, written: object, checked: object) -> None:
    accepted = spec(kind).accept(written)

    assert accepted == checked
    assert type(accepted) is type(checked)
    assert str(spec(kind).accept(accepted)) == str(accepted)


@pytest.mark.parametrize(
    ("kind", "written", "reason"),
    [
        ("string", 5, "is 5: put it in quotes"),
        ("string", True, "is true: put it in quotes"),
        ("string", {}, 'is an object: give text such as "abc"'),
        ("integer", "5", 'is "5": write 5 without quotes'),
        ("integer", "five", 'is "five": give a whole number such as 5'),
        ("integer", Decimal("5.5"), "is 5.5: give a whole number such as 5"),
        ("integer", True, "is true: give a whole number such as 5"),
        ("number", float("nan"), "is NaN: give a number such as 0.5"),
        ("number", Decimal("-Infinity"), "is -Infinity: give a number such as 0.5"),
        ("number", Decimal("sNaN"), "is sNaN: give a number such as 0.5"),
        ("number", False, "is false: give a number such as 0.5"),
        ("number", "1.5", 'is "1.5": write 1.5 without quotes'),
        ("boolean", "True", 'is "True": write true without quotes'),
        ("boolean", 1, "is 1: give true or false"),
        ("date", "01.11.2026", 'is "01.11.2026": give a date such as "2026-11-01"'),
        ("date", "20261101", 'is "20261101": give a date such as "2026-11-01"'),
        ("date", "2026-W44-1", 'is "2026-W44-1": give a date such as "2026-11-01"'),
        ("date", "2026-02-30", 'is "2026-02-30": the calendar has no such day'),
        ("date", "٢٠٢٦-11-01", 'is "٢٠٢٦-11-01": give a date such as "2026-11-01"'),
        (
            "timestamp",
            "2026-11-01T06:00:00",
            'is "2026-11-01T06:00:00": add the offset, Z for UTC or one such as +01:00',
        ),
        ("timestamp", "2026-11-01", 'is "2026-11-01": give a time such as "2026-11-01T06:00:00+01:00"'),
        ("timestamp", "2026-11-01T25:00Z", 'is "2026-11-01T25:00Z": the calendar has no such time'),
        ("timestamp", "0001-01-01T00:00+01:00", 'is "0001-01-01T00:00+01:00": the calendar has no such time'),
        ("uri_file", "data/a.csv", 'is "data/a.csv": give an address such as "azureml://datastores/NAME/paths/PATH"'),
        ("uri_file", 5, 'is 5: give an address such as "azureml://datastores/NAME/paths/PATH"'),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_would_be_right(kind: str, written: object, reason: str) -> None:
    error = refusal(kind, written)

    assert (error.code, error.reason) == ("WRONG_TYPE", reason)


@pytest.mark.parametrize(
    "written", [Decimal("1E+999999999999"), Decimal("1E-999999999999"), 10**1000, Decimal("1E+1000")]
)
def test_a_number_that_would_fill_the_memory_is_refused(written: object) -> None:
    error = refusal("number", written)

    assert (error.code, error.reason) == ("OUT_OF_RANGE", "has more than 1000 digits when written out")


@pytest.mark.parametrize(
    "address", ["https://a/b?sv=1&sig=secret", "https://user:secret@a/b", "https://a/b?SIG=secret x"]
)
def test_an_address_with_a_secret_is_refused_without_repeating_it(address: str) -> None:
    error = refusal("uri_file", address)

    assert error.code == "NOT_ALLOWED_VALUE"
    assert "secret" not in error.reason


@pytest.mark.parametrize(
    ("kind", "facts", "written", "code", "reason"),
    [
        ("integer", {"minimum": 0}, -1, "OUT_OF_RANGE", "is -1: it must be at least 0"),
        ("number", {"maximum": Decimal("0.5")}, Decimal("0.51"), "OUT_OF_RANGE", "is 0.51: it must be at most 0.5"),
        (
            "date",
            {"minimum": "2026-01-01"},
            "2025-12-31",
            "OUT_OF_RANGE",
            'is "2025-12-31": it must be at least "2026-01-01"',
        ),
        ("string", {"enum": ("all", "new")}, "nwe", "NOT_ALLOWED_VALUE", 'is "nwe": use one of "all", "new"'),
        ("integer", {"enum": (1, 2)}, 3, "NOT_ALLOWED_VALUE", "is 3: use one of 1, 2"),
        ("string", {"max_length": 3}, "abcd", "TOO_LONG", "has 4 characters: at most 3 are allowed"),
        ("string", {"pattern": "[a-z]+"}, "abc1", "BAD_PATTERN", 'is "abc1": the whole of it must match [a-z]+'),
        ("string", {"pattern": "[a-z]+$"}, "abc\n", "BAD_PATTERN", 'is "abc\\n": the whole of it must match [a-z]+$'),
        ("string", {}, "a\x00b", "BAD_CHARACTER", "has U+0000 as character 2: leave it out"),
        ("string", {}, "a\r\n", "BAD_CHARACTER", "has U+000D as character 2: leave it out"),
        (
            "string",
            {},
            "${{parent.x}}",
            "BAD_CHARACTER",
            'has "${{", which Azure ML reads as a reference: leave it out',
        ),
        ("string", {}, "\ud800", "BAD_CHARACTER", "has U+D800 as character 1: leave it out"),
    ],
)
def test_a_value_outside_its_limits_is_refused(
    kind: str, facts: dict[str, Any], written: object, code: str, reason: str
) -> None:
    error = refusal(kind, written, **facts)

    assert (error.code, error.reason) == (code, reason)


def test_limits_themselves_are_taken() -> None:
    assert spec("integer", minimum=0, maximum=10).accept(0) == 0
    assert spec("integer", minimum=0, maximum=10).accept(10) == 10
    assert spec("string", max_length=3).accept("abc") == "abc"
    assert spec("timestamp", maximum="2026-11-01T00:00:00+00:00").accept("2026-11-01T01:00+01:00")


def test_timestamps_are_compared_as_times_and_not_as_text() -> None:
    error = refusal("timestamp", "2026-10-31T23:30:00.5-01:00", maximum="2026-11-01T00:00:00+00:00")

    assert error.code == "OUT_OF_RANGE"


@pytest.mark.parametrize("written", ["Q" * 5000, "\x00Q" * 500, "\ud800" * 500, int("9" * 900), ["Q"] * 500])
def test_a_long_value_is_not_repeated_in_full(written: object) -> None:
    error = refusal("date", written)

    assert len(error.reason) < 200


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (True, "True"),
        (False, "False"),
        (5, "5"),
        (10**38, "1" + "0" * 38),
        (Decimal("0.1"), "0.1"),
        (Decimal("1E-10"), "0.0000000001"),
        (Decimal("1E+3"), "1000"),
        ("", ""),
        ("as it is", "as it is"),
    ],
)
def test_azure_ml_is_given_text(value: str | int | Decimal, literal: str) -> None:
    assert aml_literal(value) == literal


def test_a_number_that_nobody_checked_is_not_written_out() -> None:
    assert aml_literal(Decimal("1E+999999999999")) == "1E+999999999999"
    assert aml_literal(Decimal("1E-999999999999")) == "1E-999999999999"
