"""The body of a SQL function with its arguments filled in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from bridge.local.snowflake.sessions import Session

#: What FLATTEN has besides its own table's columns.
_OF_LATERALS = frozenset({"SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS"})
_COLUMNS = """
    SELECT upper(column_name) FROM duckdb_columns()
    WHERE upper(database_name) = upper(?) AND upper(schema_name) = upper(?) AND upper(table_name) = upper(?)
"""
#: Arguments of these kinds may be written down twice; all others are computed once.
_CHEAP = (exp.Column, exp.Literal, exp.Null, exp.Boolean)
_WRAPPERS = (exp.Cast, exp.Paren, exp.JSONExtract, exp.Identifier, exp.DataType, exp.JSONPath, exp.JSONPathPart)
_ARGUMENTS = "_ARGUMENTS"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a SQL function."""

    name: str
    #: As it is written, for a cast; None for a semi-structured one.
    type: str | None
    default: Any | None = None


def filled_in(
    session: Session, body: Any, parameters: Sequence[Parameter], arguments: Sequence[Any], names: tuple[str, str]
) -> Any:
    """One expression: the body's own, or the body as a query of one value.

    Tables of the body are looked for in the schema of the function.
    """
    _qualify(body, names)
    values = {
        parameter.name: argument if parameter.type is None else exp.cast(argument, parameter.type, dialect="snowflake")
        for parameter, argument in zip(parameters, arguments, strict=True)
    }
    places = [column for column in body.find_all(exp.Column) if _is_argument(session, column, values)]
    if all(_may_be_repeated(argument) for argument in arguments) or _is_aggregate(arguments):
        for column in places:
            column.replace(exp.Paren(this=values[_name(column)].copy()))
        return _expression(body)
    for column in places:
        column.replace(exp.column(_name(column), table=_ARGUMENTS, quoted=True))
    once = exp.Subquery(
        this=exp.Select(expressions=[exp.alias_(value, name, quoted=True) for name, value in values.items()]),
        alias=exp.TableAlias(this=exp.to_identifier(_ARGUMENTS, quoted=True)),
    )
    whole = exp.Select(expressions=[exp.alias_(_expression(body), "VALUE")], from_=exp.From(this=once))
    return exp.Subquery(this=whole)


def _expression(body: Any) -> Any:
    """SELECT of an expression and nothing else is the expression; any other query is one in brackets."""
    if isinstance(body, exp.Select) and not any(value for key, value in body.args.items() if key != "expressions"):
        return exp.Paren(this=body.selects[0].unalias())
    return exp.Subquery(this=body)


def _is_argument(session: Session, column: Any, values: Mapping[str, Any]) -> bool:
    """Whether a name in the body means an argument: it has no table, and no table around it has such a column."""
    if column.args.get("table") is not None or _name(column) not in values:
        return False
    select = column.find_ancestor(exp.Select)
    while select is not None:
        columns = {name for source in _sources(select) for name in _columns(session, source)}
        if _name(column) in columns:
            return False
        select = select.find_ancestor(exp.Select)
    return True


def _sources(select: Any) -> Iterator[Any]:
    start = select.args.get("from_") or select.args.get("from")
    if start is not None:
        yield start.this
    for join in select.args.get("joins") or ():
        yield join.this
    yield from select.args.get("laterals") or ()


def _columns(session: Session, source: Any) -> set[str]:
    """The names of a source's columns, in capitals."""
    if isinstance(source, exp.Subquery):
        return _selected(session, source.this)
    if not isinstance(source, exp.Table):
        return set(_OF_LATERALS)
    if not isinstance(source.this, exp.Identifier):
        return set(_OF_LATERALS)  # TABLE(FLATTEN(..)) and the like
    for statement in _ancestors(source):
        for expression in statement.ctes:
            if expression.alias.upper() == source.name.upper() and not source.args.get("db"):
                return _selected(session, expression.this)
    connection = session.connection._duck_conn
    found = connection.execute(_COLUMNS, [source.catalog, source.db, source.name]).fetchall()
    return {name for (name,) in found}


def _selected(session: Session, query: Any) -> set[str]:
    names = {name.upper() for name in query.named_selects if name != "*"}
    if "*" in query.named_selects:
        for source in _sources(query):
            names |= _columns(session, source)
    return names


def _qualify(body: Any, names: tuple[str, str]) -> None:
    """Give the body's tables the database and the schema of the function; names of WITH have none."""
    for table in body.find_all(exp.Table):
        known = {cte.alias.upper() for query in _ancestors(table) for cte in query.ctes}
        if not isinstance(table.this, exp.Identifier) or (not table.args.get("db") and table.name.upper() in known):
            continue
        if not table.args.get("db"):
            table.set("db", exp.to_identifier(names[1], quoted=True))
        if not table.args.get("catalog"):
            table.set("catalog", exp.to_identifier(names[0], quoted=True))


def _ancestors(node: Any) -> Iterator[Any]:
    query = node.find_ancestor(exp.Query)
    while query is not None:
        yield query
        query = query.find_ancestor(exp.Query)


def _may_be_repeated(argument: Any) -> bool:
    """Whether it is as good as nothing to compute; a bind may stand in one place only."""
    return all(isinstance(node, (*_CHEAP, *_WRAPPERS)) for node in argument.walk())


def _is_aggregate(arguments: Sequence[Any]) -> bool:
    return any(argument.find(exp.AggFunc, exp.Window) is not None for argument in arguments)


def _name(column: Any) -> str:
    identifier = column.this
    return str(identifier.this) if identifier.quoted else str(identifier.this).upper()
