"""How a statement fails: DuckDB's and fakesnow's errors as the code, SQLSTATE and words that Snowflake would use.

The codes matter more than the words: an app decides by them whether the data is bad, the statement, or the service.
"""

import re
from collections.abc import Callable
from typing import Any

import duckdb
import snowflake.connector.errors
from sqlglot.errors import ParseError, TokenError


class StatementFailed(Exception):
    """The statement is answered with `success: false`."""

    def __init__(self, code: int, sql_state: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.sql_state = sql_state
        self.message = message


def compilation_error(code: int, sql_state: str, message: str) -> StatementFailed:
    return StatementFailed(code, sql_state, f"SQL compilation error:\n{message}")


def unsupported(what: str) -> StatementFailed:
    return StatementFailed(2, "0A000", f"Unsupported feature: {what} (not executed by the laptop's Snowflake).")


def _conversion(message: str) -> StatementFailed:
    if re.search(r"timestamp|date field|time field", message, re.I):
        return StatementFailed(100035, "22007", message)
    if re.search(r"out of range|Could not cast value", message):
        return StatementFailed(100039, "22003", message)
    if re.search(r"bool", message, re.I):
        return StatementFailed(100037, "22018", message)
    return StatementFailed(100038, "22018", message)


def _catalog(message: str) -> StatementFailed:
    function = re.search(r"Function with name (\S+) does not exist", message)
    if function:
        return compilation_error(2140, "42601", f"Unknown function {function[1].upper()}")
    missing = re.search(r"(?:Table|View|Schema) with name (\S+) does not exist", message)
    if missing:
        return compilation_error(2003, "42S02", f"Object '{missing[1]}' does not exist or not authorized.")
    if "already exists" in message:
        return compilation_error(2002, "42710", message)
    return compilation_error(2003, "42S02", message)


def _binder(message: str) -> StatementFailed:
    column = re.search(r'column "([^"]+)" not found', message)
    if column:
        return compilation_error(904, "42000", f"error line 1: invalid identifier '{column[1]}'")
    if "Catalog" in message and "does not exist" in message:
        return compilation_error(2003, "02000", message)
    return compilation_error(1001, "22023", message)


def _constraint(message: str) -> StatementFailed:
    if "NOT NULL" in message:
        return StatementFailed(100072, "22000", f"NULL result in a non-nullable column ({message})")
    return StatementFailed(100038, "23001", message)


def _input(message: str) -> StatementFailed:
    if "JSON" in message:
        return StatementFailed(100069, "22P02", f"Error parsing JSON: {message}")
    return StatementFailed(100038, "22018", message)


#: The most specific class first.
_BY_CLASS: tuple[tuple[type[Exception], Callable[[str], StatementFailed]], ...] = (
    (duckdb.ConversionException, _conversion),
    (duckdb.OutOfRangeException, lambda message: StatementFailed(100039, "22003", message)),
    (duckdb.ConstraintException, _constraint),
    (duckdb.CatalogException, _catalog),
    (duckdb.BinderException, _binder),
    (duckdb.InvalidInputException, _input),
    (duckdb.ParserException, lambda message: compilation_error(1003, "42000", message)),
    (duckdb.TransactionException, lambda message: StatementFailed(625, "57014", message)),
)


def failure_of(error: BaseException) -> StatementFailed:
    """What the client is told of an error that a statement ended with."""
    if isinstance(error, StatementFailed):
        return error
    if isinstance(error, ParseError | TokenError):
        return compilation_error(1003, "42000", f"syntax error {_plain(error)}")
    for cause in (error, error.__cause__):
        for kind, translate in _BY_CLASS:
            if isinstance(cause, kind):
                return translate(_plain(cause))
    if isinstance(error, snowflake.connector.errors.Error):
        return _from_fakesnow(error)
    if isinstance(error, NotImplementedError | AssertionError):  # fakesnow asserts what it cannot handle
        return unsupported(_plain(error))
    return StatementFailed(603, "XX000", f"SQL execution internal error: {type(error).__name__}: {_plain(error)}")


def _from_fakesnow(error: Any) -> StatementFailed:
    code = error.errno if isinstance(error.errno, int) and error.errno > 0 else 603
    return StatementFailed(code, error.sqlstate or "XX000", str(error.msg or error))


def _plain(error: BaseException) -> str:
    """The words without terminal colours, and without DuckDB's drawing of the place."""
    text = re.sub(r"\x1b\[\d*m", "", str(error.args[0] if error.args else error))
    return text.split("\n\nLINE ")[0].strip()
