"""Variables of Snowflake Scripting: their values, and how these get into a statement."""

import datetime
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.sql_text import masked
from bridge.local.snowflake.wire import SEMI_STRUCTURED, Argument

_NAME = r"[A-Za-z_]\w*\b"
#: In a masked text: TO_JSON of a variable, :name, and a name alone, the last two perhaps cast to text. No path such as
#: column:name and no cast (::type) is one, nor is the name of a function, of an argument, or of anything with a point.
_REFERENCE = re.compile(
    rf"\bTO_JSON\s*\(\s*(?P<colon>:?)(?P<json>{_NAME})\s*\)"
    rf"|(?:(?<![\w)\]}}\"':$]):(?P<bound>{_NAME})"
    rf"|(?:(?<=':)|(?<![\w.:$\"@]))(?P<bare>{_NAME})(?!\s*(?:\(|=>|\.)))"
    r"(?P<text>\s*::\s*(?:VARCHAR|STRING|TEXT)\b)?",
    re.I,
)
_ALONE = re.compile(rf":?(?P<name>{_NAME})")
_QUERY = re.compile(r"\bSELECT\b", re.I)
_BLANKS_IN_JSON = re.compile(r'("(?:[^"\\]|\\.)*")|\s+', re.S)
_OF_DUCKDB = {
    "JSON": "VARIANT",
    "VARCHAR": "VARCHAR",
    '"NULL"': "VARCHAR",
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ",
    "BLOB": "BINARY",
}
_WHOLE = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?")
_DECIMAL = re.compile(r"DECIMAL\(\d+,(?P<scale>\d+)\)")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A type and a value of it: as DuckDB gives it, semi-structured ones as JSON text."""

    type: Argument
    value: Any

    @property
    def is_json(self) -> bool:
        return self.type.kind in SEMI_STRUCTURED

    def literal(self) -> str:  # noqa: PLR0911  one kind a line
        """An expression of SQL for the value, which nothing in the value can break."""
        value = self.value
        if value is None:
            return "NULL"
        if self.is_json:
            return f"PARSE_JSON({_string(value)})"
        if isinstance(value, bool):
            return str(value).upper()
        if isinstance(value, int | Decimal):
            return f"({format(value, 'f') if isinstance(value, Decimal) else value})"
        if isinstance(value, float):
            return f"{_string(repr(value) if math.isfinite(value) else str(value))}::FLOAT"
        if isinstance(value, bytes):
            return f"X'{value.hex()}'"
        if isinstance(value, datetime.date | datetime.time):
            return f"{_string(value.isoformat())}::{self.type.kind}"
        return _string(str(value))

    def json(self) -> str:
        """An expression for what TO_JSON gives: compact, with every digit, where DuckDB would make doubles of them."""
        if not self.is_json:
            return f"TO_JSON({self.literal()})"
        return "NULL" if self.value is None else _string(_BLANKS_IN_JSON.sub(r"\1", self.value))

    def text(self) -> str:
        """An expression for the cast to VARCHAR, by which a string in a VARIANT loses its quotes."""
        if self.is_json and self.value is not None and self.value.startswith('"'):
            return _string(json.loads(self.value))
        return self.json() if self.is_json else f"{self.literal()}::VARCHAR"


def variable_alone(text: str, variables: Mapping[str, Variable]) -> Variable | None:
    """The variable that a whole expression is."""
    found = _ALONE.fullmatch(text.strip())
    return variables.get(found["name"].upper()) if found else None


def filled_in(sql: str, variables: Mapping[str, Variable], *, is_expression: bool) -> str:
    """The text with the values of variables, outside of its strings.

    In a statement they have a colon. In an expression of the script they need none, unless it has a query in it, where
    a name alone is a column.

    Raises:
        StatementFailed: there is no variable of a name with a colon.
    """
    mask = masked(sql)
    takes_bare = is_expression and _QUERY.search(mask) is None

    def value_of(found: re.Match[str]) -> str:
        name = found["json"] or found["bound"] or found["bare"]
        variable = variables.get(name.upper())
        if found["bare"] or (found["json"] and not found["colon"]):
            if variable is None or not takes_bare:
                return sql[found.start() : found.end()]
        elif variable is None:
            raise compilation_error(2049, "42601", f"Bind variable :{name} not set.")
        if found["json"]:
            return variable.json()
        return variable.text() if found["text"] else variable.literal()

    parts, start = [], 0
    for found in _REFERENCE.finditer(mask):
        parts += [sql[start : found.start()], value_of(found)]
        start = found.end()
    return "".join([*parts, sql[start:]])


def type_of(name: str, duckdb_type: str) -> Argument:
    """The type of a variable that takes that of its first value."""
    found = _DECIMAL.fullmatch(duckdb_type)
    if found:
        return Argument(name=name, kind="NUMBER", scale=int(found["scale"]))
    kind = "NUMBER" if _WHOLE.fullmatch(duckdb_type) else _OF_DUCKDB.get(duckdb_type)
    if kind is None:
        raise unsupported(f"variable {name} without a type, of DuckDB's {duckdb_type}")
    return Argument(name=name, kind=kind)


def unknown(name: str) -> StatementFailed:
    return compilation_error(904, "42000", f"error line 1: invalid identifier '{name}'")


def _string(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
