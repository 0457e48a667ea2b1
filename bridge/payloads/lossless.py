"""JSON without loss: NUMBER(38,0) and decimals are more than a double holds, and a bad document is a plain error."""

import json
import re
import secrets
from decimal import Decimal, InvalidOperation
from typing import Any

import simplejson

from bridge.payloads import limits

#: Levels of nesting that a sender may use: deep enough for any sense, the same on every interpreter.
FOREIGN_DEPTH = 100
#: Our own bodies wrap what came through a door: what was taken there must be readable behind it.
OWN_DEPTH = FOREIGN_DEPTH + 20
#: Digits of a number when it is written out, as many as Python reads; 1E+999999999 would fill the memory.
MAX_DIGITS = 4_300
#: Only an escape can bring half a character into UTF-8 text.
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


#: Begins the text that stands for a Decimal until the document is written; nobody else knows it. The standard encoder
#: is faster than simplejson with it, and takes half the time where there is no Decimal.
_MARK = f"decimal {secrets.token_hex(16)} "
_MARKED = f'"{_MARK}'


def _marked(value: Any) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} cannot be JSON")
    if not value.is_finite():
        raise ValueError("a number that is none cannot be JSON")
    return f"{_MARK}{value}"


#: Kept: to make one for each text costs as much as to write it.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_marked)


def dumps(value: Any) -> str:
    """Compact JSON in ASCII; Decimal as a number with all its digits. Sorted: the same value is the same text."""
    text = _ENCODER.encode(value)
    return _unmarked(text) if _MARKED in text else text


def _unmarked(text: str) -> str:
    """By hand: a regular expression takes longer over a document than all else here."""
    first, *rest = text.split(_MARKED)
    pieces = [first]
    for piece in rest:
        number, _, tail = piece.partition('"')
        pieces += (number, tail)
    return "".join(pieces)


def loads(text: str | bytes, *, depth: int = FOREIGN_DEPTH) -> Any:
    """The value, with fractions as Decimal.

    Raises: ValueError with a text for the sender, whatever is wrong with the document.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        brackets = _check_parts(decoded)
        value = _DECODER.decode(decoded)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text: byte {error.start} cannot be read") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        raise ValueError(f"not JSON: {reason} at line {error.lineno}, column {error.colno}") from error
    except _NoNumberError as error:
        raise ValueError(f"not JSON: {error} is no number there") from error
    except _TooManyPartsError as error:
        raise ValueError(f"not usable JSON: more than {limits.PARTS:,} values") from error
    except ValueError as error:
        raise ValueError(f"not usable JSON: a number has more than {MAX_DIGITS:,} digits") from error
    if brackets > depth:  # with fewer it cannot be deeper
        _check_depth(value, depth)
    if _HALF_CHARACTER.search(decoded):
        _check_characters(value)
    return value


def loads_message(body: str | bytes, *, depth: int = FOREIGN_DEPTH) -> Any:
    """As `loads`, for the body of a queue's message."""
    if len(body) > limits.MESSAGE_BYTES:
        raise ValueError(f"not usable: {len(body):,} bytes, {limits.MESSAGE_BYTES:,} is the limit of a message")
    return loads(body, depth=depth)


class _TooManyPartsError(ValueError):
    pass


class _NoNumberError(ValueError):
    pass


def _check_parts(text: str) -> int:
    """Before the text is read: empty lists and objects take many times the memory of their two brackets.

    Returns how many brackets open.
    """
    brackets = text.count("[") + text.count("{")
    if brackets + text.count(",") > limits.PARTS:
        raise _TooManyPartsError
    return brackets


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:  # an exponent beyond every limit
        raise ValueError from error
    if len(text) > MAX_DIGITS or abs(number.adjusted()) >= MAX_DIGITS:
        raise ValueError
    return number


def _no_number(name: str) -> Any:
    """NaN and the infinities, which Python would read."""
    raise _NoNumberError(name)


#: Kept: to make one for each document costs as much as to read it.
_DECODER = json.JSONDecoder(parse_float=_decimal, parse_constant=_no_number)


def _check_depth(value: Any, depth: int) -> None:
    """Level by level: how deep the interpreter would get by itself depends on who calls."""
    level = [value]
    for _ in range(depth + 1):
        level = [outer for outer in level if isinstance(outer, dict | list)]
        if not level:
            return
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    raise ValueError(f"nested too deeply: {depth} levels are allowed")


def _check_characters(value: Any) -> None:
    try:
        simplejson.dumps(value, use_decimal=True, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("not usable JSON: a text has half a character, \\uD800 to \\uDFFF on its own") from error
