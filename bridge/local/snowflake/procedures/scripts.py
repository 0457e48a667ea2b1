"""The part of Snowflake Scripting that procedures in SQL may use here, as steps that are carried out in their order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.procedures.definitions import Procedure, read_type
from bridge.local.snowflake.procedures.reading import Reader
from bridge.local.snowflake.sql_text import identifier, masked, without_comments
from bridge.local.snowflake.wire import Argument

_PART = re.compile(r"(?:DECLARE|BEGIN)\b|[^\s;][^;]*", re.I)
_WORD = re.compile(r"\w*")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)\s*:=(?P<expression>.+)", re.S)
_INTO_AT_THE_END = re.compile(r"\)\s*INTO\s*:\s*(?P<name>[A-Za-z_]\w*)\s*$", re.I)
_INTO_A_VARIABLE = re.compile(r"\bINTO\s*:", re.I)
_TABLE = re.compile(r"TABLE\s*\(", re.I)
_PLAIN = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"})
_NO_VARIABLES = ("CURSOR", "RESULTSET", "EXCEPTION", "PROCEDURE")
_BEFORE_THE_BLOCK, _DECLARATIONS, _BLOCK, _AFTER_THE_BLOCK = range(4)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """DECLARE and LET of one variable, or `name := expression`."""

    line: int
    name: str
    declares: bool
    #: None for one that has its type already, or takes that of its first value.
    type: Argument | None = None
    expression: str | None = None


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One statement of SQL, and for a CALL the variable that its value goes to."""

    line: int
    sql: str
    into: str | None = None


@dataclass(frozen=True, kw_only=True)
class Return:
    """The end, with a value or with NULL."""

    line: int
    expression: str | None


Step = Assignment | Execution | Return


def script_of(procedure: Procedure) -> tuple[Step, ...]:
    """The steps of a procedure in SQL.

    Raises:
        StatementFailed: the body is wrong, or (code 2) it has something that does not run here.
    """
    if procedure.returns.kind == "TABLE":
        raise _unsupported(procedure, "RETURNS TABLE", 1)
    return tuple(_steps(procedure))


def is_unsupported(failure: StatementFailed) -> bool:
    return failure.code == unsupported("").code


def _steps(procedure: Procedure) -> Iterator[Step]:
    place = _BEFORE_THE_BLOCK
    for line, text in _parts(procedure.body):
        if place == _BEFORE_THE_BLOCK and text.upper() == "DECLARE":
            place = _DECLARATIONS
        elif place < _BLOCK and text.upper() == "BEGIN":
            place = _BLOCK
        elif place == _DECLARATIONS:
            yield _declaration(procedure, text, line)
        elif place != _BLOCK:
            raise _unsupported(procedure, f"{_first_word(text) or text} outside of a block", line)
        elif text.upper() == "END":
            place = _AFTER_THE_BLOCK
        else:
            yield _statement(procedure, text, line)
    if place != _AFTER_THE_BLOCK:
        raise compilation_error(1003, "42000", f"syntax error in the body of {procedure.name}: END is missing.")


def _parts(body: str) -> Iterator[tuple[int, str]]:
    """What lies between the semicolons, and DECLARE and BEGIN by themselves; each with the line that it begins in."""
    mask = masked(body)
    for found in _PART.finditer(mask):
        text = without_comments(body[found.start() : found.end()])
        if text:
            yield body.count("\n", 0, found.start()) + 1, text


def _statement(procedure: Procedure, text: str, line: int) -> Step:
    word, rest = _first_word(text), _behind_first_word(text)
    assigned = _ASSIGNMENT.fullmatch(text)
    if assigned:
        name, expression = identifier(assigned["name"]), assigned["expression"].strip()
        return Assignment(line=line, name=name, declares=False, expression=expression)
    if word == "RETURN":
        if _TABLE.match(rest):
            raise _unsupported(procedure, "RETURN TABLE", line)
        return Return(line=line, expression=rest or None)
    if word == "LET":
        return _declaration(procedure, rest, line)
    if word == "CALL":
        into = _INTO_AT_THE_END.search(masked(text))
        if into is None:
            return Execution(line=line, sql=text)
        return Execution(line=line, sql=text[: into.start() + 1], into=identifier(into["name"]))
    if word in _PLAIN:
        if _INTO_A_VARIABLE.search(masked(text)):
            raise _unsupported(procedure, f"{word} … INTO a variable", line)
        return Execution(line=line, sql=text)
    named = f"EXECUTE {_first_word(rest)}" if word == "EXECUTE" else word
    raise _unsupported(procedure, named or text, line)


def _declaration(procedure: Procedure, text: str, line: int) -> Assignment:
    reader = Reader(text)
    name = reader.name()
    for kind in _NO_VARIABLES:
        if reader.sees(kind):
            raise _unsupported(procedure, kind, line)
    kind, scale = ("", 0) if reader.sees("DEFAULT") or reader.sees(":", "=") else read_type(reader)
    expression = reader.until() if reader.take("DEFAULT") or reader.take(":", "=") else None
    if not reader.is_done or expression == "":
        raise reader.unexpected()
    wanted = Argument(name=name, kind=kind, scale=scale) if kind else None
    return Assignment(line=line, name=name, declares=True, type=wanted, expression=expression)


def _unsupported(procedure: Procedure, what: str, line: int) -> StatementFailed:
    return unsupported(f"{what} in Snowflake Scripting, in line {line} of procedure {procedure.name}")


def _first_word(text: str) -> str:
    found = _WORD.match(text)
    return found[0].upper() if found else ""


def _behind_first_word(text: str) -> str:
    return text[len(_first_word(text)) :].strip()
