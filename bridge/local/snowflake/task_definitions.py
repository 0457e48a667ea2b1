"""CREATE TASK and its kin, read from their text: the parser at hand takes them for one opaque command."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fakesnow.dialect import parse_one
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bridge.local.snowflake.errors import compilation_error, unsupported
from bridge.local.snowflake.procedures.reading import Path, Reader, text

#: Snowflake evaluates a condition without a warehouse, hence it allows these functions only.
_OF_CONDITIONS = frozenset({"SYSTEM$STREAM_HAS_DATA", "SYSTEM$GET_PREDECESSOR_RETURN_VALUE"})
_NOT_IN_CONDITIONS = (exp.Query, exp.Column, exp.Dot)
_OPERATORS = (exp.Connector, exp.Cast, exp.TryCast)


@dataclass(frozen=True, kw_only=True)
class TaskCreation:
    """One CREATE TASK statement, names as far as they are given."""

    path: Path
    #: By their names in capitals, their values without quotes.
    options: Mapping[str, str] = field(default_factory=dict)
    after: tuple[Path, ...] = ()
    finalizes: Path | None = None
    when: str | None = None
    body: str
    replaces: bool = False
    only_if_absent: bool = False


def parse_task(sql: str) -> TaskCreation:
    """Read a CREATE TASK statement.

    Raises:
        StatementFailed: a clause is not understood, or the condition has what Snowflake refuses in one.
    """
    reader = Reader(sql)
    reader.expect("CREATE")
    replaces = reader.take("OR", "REPLACE") or reader.take("OR", "ALTER")
    reader.expect("TASK")
    careful = reader.take("IF", "NOT", "EXISTS")
    path = reader.path()
    if reader.sees("CLONE"):
        raise unsupported("CREATE TASK … CLONE")
    options, after, finalizes = _clauses(reader)
    when = reader.until("AS") if reader.take("WHEN") else None
    reader.expect("AS")
    body = reader.until()
    if not body:
        raise reader.unexpected()
    if when is not None:
        check_condition(when)
    return TaskCreation(
        path=path,
        options=options,
        after=after,
        finalizes=finalizes,
        when=when,
        body=body,
        replaces=replaces,
        only_if_absent=careful,
    )


def options_of(reader: Reader) -> dict[str, str]:
    """All that is left of a statement as `NAME = value`, with or without commas."""
    options = {}
    while not reader.is_done:
        name = reader.word()
        reader.expect("=")
        options[name] = text(reader.value())
        reader.take(",")
    return options


def names_of(reader: Reader) -> tuple[Path, ...]:
    names = [reader.path()]
    while reader.take(","):
        names.append(reader.path())
    return tuple(names)


def check_condition(when: str) -> None:
    """Refuse in a WHEN what Snowflake refuses: columns, queries and all but a few functions."""
    try:
        condition = parse_one(f"SELECT {when}").expressions[0]
    except SqlglotError as error:
        raise compilation_error(1003, "42000", f"syntax error in the WHEN of a task: {when}") from error
    for node in condition.walk():
        foreign = isinstance(node, _NOT_IN_CONDITIONS) or (
            isinstance(node, exp.Func) and not isinstance(node, _OPERATORS) and not _is_allowed(node)
        )
        if foreign:
            shown = node.sql(dialect="snowflake")
            raise compilation_error(2115, "0A000", f"Invalid expression for task condition expression: {shown}")


def _is_allowed(node: exp.Func) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).upper() in _OF_CONDITIONS


def _clauses(reader: Reader) -> tuple[dict[str, str], tuple[Path, ...], Path | None]:
    options: dict[str, str] = {}
    after: tuple[Path, ...] = ()
    finalizes: Path | None = None
    while not (reader.is_done or reader.sees("WHEN") or reader.sees("AS")):
        if reader.take("AFTER"):
            after = names_of(reader)
        elif reader.take("FINALIZE", "="):
            finalizes = reader.path()
        elif reader.take("EXECUTE", "AS"):
            reader.until("WHEN", "AS", "AFTER")
        elif reader.take("WITH", "TAG") or reader.take("TAG"):
            reader.value()
        else:
            name = reader.word()
            reader.expect("=")
            options[name] = text(reader.value())
        reader.take(",")
    return options, after, finalizes
