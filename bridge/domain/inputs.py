"""Inputs of a pipeline: their types, and the check of a caller's values.

They are checked once at the door and once more before the job is made, so a checked value must pass its own check
unchanged. Nothing is guessed: text is no number, and a number is never rounded.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, NamedTuple, NoReturn

#: A checked value: JSON-able, exact, and the same for every way to write the same thing.
Value = str | int | bool | Decimal
CheckedInputs = dict[str, Value]

#: Why a value is not usable, for programs.
ValueCode = Literal["WRONG_TYPE", "NOT_ALLOWED_VALUE", "OUT_OF_RANGE", "BAD_PATTERN", "BAD_CHARACTER", "TOO_LONG"]

#: Characters of a text. Azure ML publishes no limit; larger things are better passed as a table name or a path.
MAX_LENGTH = 4_000
#: Digits of a number written out; every double fits, and NUMBER(38, 0) by far.
MAX_DIGITS = 1_000
_HUGE = 10**MAX_DIGITS
#: How much of a caller's value an answer repeats.
_ECHO = 100

_JSON_NUMBER = re.compile(r"-?\d{1,38}(\.\d{1,9})?", re.ASCII)
#: Control characters but tab and line feed, and half characters, which no UTF-8 can carry.
_BAD_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: Also as Snowflake writes timestamps: a space before the time and before the offset, the offset without a colon.
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))? ?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_ADDRESS = re.compile(r"(?:azureml|https|abfss|wasbs)://[^\s\"'<>\\]+")
#: What everyone who may read RUNS would see.
_SECRET_IN_ADDRESS = re.compile(r"https://[^/?#]*@|[?&]sig=", re.IGNORECASE)
#: What other dialects of regular expressions lack: some groups, possessive quantifiers, some anchors.
_PYTHON_ONLY = re.compile(r"\(\?[^:=!]|[*+?}]\+|\\[AZ]")


class InputType(StrEnum):
    """What a pipeline can be given; the value is the word in pipelines.yaml."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"  # "2026-11-01"
    TIMESTAMP = "timestamp"  # ISO 8601 with an offset; kept in UTC
    URI_FILE = "uri_file"  # data by its address: for a JobRequest's `data_inputs`, not a literal
    URI_FOLDER = "uri_folder"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One reason why a request is not usable, for the caller to mend."""

    #: A ValueCode; UNKNOWN_PIPELINE; UNKNOWN_, MISSING_, NULL_INPUT; TOO_MANY_INPUTS; or what a service finds.
    code: str
    #: What is wrong and what would be right.
    message: str
    field: str | None = None


class InputError(ValueError):
    """A value is not one that the input takes."""

    def __init__(self, code: ValueCode, reason: str) -> None:
        self.code: ValueCode = code
        #: Goes on after the input's name: "is -1: it must be at least 0".
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """One input of a pipeline. Default, enum and bounds are checked values themselves."""

    name: str
    type: InputType
    required: bool = False
    #: None leaves the input out, so that the component's own default holds.
    default: Value | None = None
    enum: tuple[Value, ...] = ()
    #: Bounds count for numbers, dates and timestamps.
    minimum: Value | None = None
    maximum: Value | None = None
    #: Must match the whole text.
    pattern: str | None = None
    max_length: int = MAX_LENGTH
    description: str = ""

    def accept(self, value: object) -> Value:
        """The checked form of a value; raises InputError."""
        accepted: Any = _KINDS[self.type].accept(self, value)
        if self.enum and accepted not in self.enum:
            raise InputError("NOT_ALLOWED_VALUE", f"is {shown(accepted)}: use {self.wanted}")
        if self.minimum is not None and accepted < self.minimum:
            raise InputError("OUT_OF_RANGE", f"is {shown(accepted)}: it must be at least {shown(self.minimum)}")
        if self.maximum is not None and accepted > self.maximum:
            raise InputError("OUT_OF_RANGE", f"is {shown(accepted)}: it must be at most {shown(self.maximum)}")
        return accepted  # type: ignore[no-any-return]

    def absent(self, *, is_null: bool) -> Violation:
        """What to tell a caller who left it out although it is required."""
        message = f'input "{self.name}" is {"null" if is_null else "missing"}: give {self.wanted}'
        return Violation(code="NULL_INPUT" if is_null else "MISSING_INPUT", message=message, field=self.name)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of its values; null stands for an optional input that is left out."""
        kind = _KINDS[self.type].schema
        is_text = kind["type"] == "string"
        facts = {
            **kind,
            "type": kind["type"] if self.required else [kind["type"], "null"],
            "description": self.description or None,
            "default": _plain(self.default),
            "enum": [*map(_plain, self.enum), *([] if self.required else [None])] if self.enum else None,
            "minimum": None if is_text else _plain(self.minimum),
            "maximum": None if is_text else _plain(self.maximum),
            "pattern": f"^(?:{self.pattern})$" if self.pattern and not _PYTHON_ONLY.search(self.pattern) else None,
            "maxLength": self.max_length if self.type is InputType.STRING else None,
        }
        return {name: fact for name, fact in facts.items() if fact is not None}

    @cached_property
    def wanted(self) -> str:
        """What to give, in words and with an example."""
        more = f" and {len(self.enum) - 10} more" if len(self.enum) > 10 else ""
        listed = ", ".join(shown(value) for value in self.enum[:10])
        return f"one of {listed}{more}" if self.enum else _KINDS[self.type].wanted

    @cached_property
    def _regex(self) -> re.Pattern[str] | None:
        return re.compile(self.pattern) if self.pattern is not None else None

    def _wrong_type(self, value: object, fix: str | None = None) -> NoReturn:
        raise InputError("WRONG_TYPE", f"is {shown(value)}: {fix or f'give {self.wanted}'}")

    def _accept_string(self, value: object) -> str:
        if not isinstance(value, str):
            is_scalar = isinstance(value, bool | int | float | Decimal) and self.type is InputType.STRING
            self._wrong_type(value, "put it in quotes" if is_scalar and not self.enum else None)
        if len(value) > self.max_length:
            raise InputError("TOO_LONG", f"has {len(value)} characters: at most {self.max_length} are allowed")
        if "${{" in value:
            raise InputError("BAD_CHARACTER", 'has "${{", which Azure ML reads as a reference: leave it out')
        if bad := _BAD_CHARACTER.search(value):
            raise InputError("BAD_CHARACTER", f"has U+{ord(bad[0]):04X} as character {bad.start() + 1}: leave it out")
        if self._regex and not self._regex.fullmatch(value):
            raise InputError("BAD_PATTERN", f"is {shown(value)}: the whole of it must match {self.pattern}")
        return value

    def _accept_number(self, value: object) -> int | Decimal:
        """An int when the number is whole, else a Decimal without trailing zeros."""
        value = Decimal(repr(value)) if isinstance(value, float) else value
        if isinstance(value, Decimal):
            if not value.is_finite():
                self._wrong_type(value)
            # Written out only if it is short: 1E+999999999 would fill the memory.
            is_short = not value or -MAX_DIGITS < value.adjusted() < MAX_DIGITS
            text = f"{value:f}" if value and is_short else "0"
            text = text.rstrip("0").rstrip(".") if "." in text else text
            if is_short and len(text.lstrip("-").replace(".", "")) <= MAX_DIGITS:
                return Decimal(text) if "." in text else int(text)
            value = _HUGE
        if isinstance(value, bool) or not isinstance(value, int):
            is_quoted = isinstance(value, str) and _JSON_NUMBER.fullmatch(value)
            self._wrong_type(value, f"write {value} without quotes" if is_quoted else None)
        if not -_HUGE < value < _HUGE:
            raise InputError("OUT_OF_RANGE", f"has more than {MAX_DIGITS} digits when written out")
        return value

    def _accept_integer(self, value: object) -> int:
        number = self._accept_number(value)
        return number if isinstance(number, int) else self._wrong_type(value)

    def _accept_boolean(self, value: object) -> bool:
        if not isinstance(value, bool):
            is_quoted = isinstance(value, str) and value.lower() in {"true", "false"}
            self._wrong_type(value, f"write {str(value).lower()} without quotes" if is_quoted else None)
        return value

    def _accept_date(self, value: object) -> str:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            self._wrong_type(value)
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            self._wrong_type(value, "the calendar has no such day")

    def _accept_timestamp(self, value: object) -> str:
        """In UTC; of the fraction no digit is lost, and it has 3, 6 or 9 of them, because older readers want that."""
        found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
        if not found:
            self._wrong_type(value)
        day, minute, second, fraction, offset = found.groups()
        if not offset:
            self._wrong_type(value, "add the offset, Z for UTC or one such as +01:00")
        try:
            moment = datetime.fromisoformat(f"{day}T{minute}{second or ':00'}{offset}").astimezone(UTC)
        except (ValueError, OverflowError):
            self._wrong_type(value, "the calendar has no such time")
        digits = (fraction or "").rstrip("0")
        tail = f".{digits.ljust(-(-len(digits) // 3) * 3, '0')}" if digits else ""
        return f"{moment.isoformat()[:19]}{tail}+00:00"

    def _accept_address(self, value: object) -> str:
        address = self._accept_string(value)
        if _SECRET_IN_ADDRESS.search(address):
            raise InputError(
                "NOT_ALLOWED_VALUE", "holds a password or a signature: use a datastore's path, azureml://…"
            )
        return address if _ADDRESS.fullmatch(address) else self._wrong_type(value)


class _Kind(NamedTuple):
    """What makes an input type: its check, the words for it, its JSON Schema."""

    accept: Callable[[InputSpec, object], Value]
    wanted: str
    schema: Mapping[str, str]


_TEXT = {"type": "string"}
_DATA = _Kind(InputSpec._accept_address, 'an address such as "azureml://datastores/NAME/paths/PATH"', _TEXT)
_KINDS = {
    InputType.STRING: _Kind(InputSpec._accept_string, 'text such as "abc"', _TEXT),
    InputType.INTEGER: _Kind(InputSpec._accept_integer, "a whole number such as 5", {"type": "integer"}),
    InputType.NUMBER: _Kind(InputSpec._accept_number, "a number such as 0.5", {"type": "number"}),
    InputType.BOOLEAN: _Kind(InputSpec._accept_boolean, "true or false", {"type": "boolean"}),
    InputType.DATE: _Kind(InputSpec._accept_date, 'a date such as "2026-11-01"', _TEXT | {"format": "date"}),
    InputType.TIMESTAMP: _Kind(
        InputSpec._accept_timestamp, 'a time such as "2026-11-01T06:00:00+01:00"', _TEXT | {"format": "date-time"}
    ),
    InputType.URI_FILE: _DATA,
    InputType.URI_FOLDER: _DATA,
}


def aml_literal(value: Value) -> str:
    """How Azure ML takes a checked value: every literal is text, booleans in Python's spelling, numbers written out."""
    # An unchecked number may be 1E+999999999, which nobody can write out.
    return format(value, "f") if isinstance(value, Decimal) and abs(value.adjusted()) < MAX_DIGITS else str(value)


def _plain(value: Value | None) -> str | float | None:
    """For any JSON writer; a schema only describes, so here a number may be rounded."""
    return float(value) if isinstance(value, Decimal) else value


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, in any case: OBJECT_CONSTRUCT(*) writes names in upper case."""
    if len(name) > _ECHO:
        return None
    folded = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), folded, n=1)
    return folded[near[0]] if near else None


def shown(value: object) -> str:
    """A value as a message may repeat it: short, printable, and as it is written in JSON."""
    if isinstance(value, str):
        printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in value[: _ECHO + 1])
        return f'"{_cut("".join(printable))}"'
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int) and not -_HUGE < value < _HUGE:
        return f"a number of more than {MAX_DIGITS} digits"
    if isinstance(value, int | float | Decimal):
        return _cut(str(value))
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= _ECHO else text[: _ECHO - 1] + "…"
