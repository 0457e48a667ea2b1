"""SQL functions of one value: kept by CREATE FUNCTION, and put in the place of their calls before anything runs.

An argument takes the place of its name in the body, except where a table of the body has a column of that name: there
the column wins, as in Snowflake.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fakesnow.dialect import parse_one
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bridge.local.snowflake import answers
from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.definitions import InvalidDefinition, type_kind
from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.external_functions import Path, full_path
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.function_bodies import Parameter, filled_in
from bridge.local.snowflake.procedures.reading import Reader
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import without_comments
from bridge.local.snowflake.wire import SEMI_STRUCTURED

_CREATE = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:SECURE|TEMPORARY|TEMP)\s+)*FUNCTION\b(?P<rest>.*)", re.I | re.S
)
_DROP = re.compile(r"DROP\s+FUNCTION\b", re.I)
#: Functions that are none of SQL's single values are left to the no-ops.
_OTHERS = re.compile(r"\bLANGUAGE\s+(?!SQL\b)\w+|\bRETURNS\s+TABLE\b|\bSERVICE\s*=", re.I)
_DEEPEST = 16


@dataclass(frozen=True, kw_only=True)
class SqlFunction:
    """One function; functions of one name differ by the number of their parameters."""

    path: Path
    parameters: tuple[Parameter, ...]
    #: As it is written, for a cast; None for a semi-structured one, which the body must have by itself.
    returns: str | None
    body: Any
    #: STRICT: NULL for any argument that is NULL.
    is_strict: bool

    def takes(self, count: int) -> bool:
        needed = sum(parameter.default is None for parameter in self.parameters)
        return needed <= count <= len(self.parameters)


class SqlFunctions:
    """The feature for their DDL, and the rewriter for their calls; safe to use from several threads."""

    def __init__(self) -> None:
        self._functions: dict[Path, list[SqlFunction]] = {}
        self._lock = threading.Lock()

    def answer(self, session: Session, request: StatementRequest) -> JsonObject | None:
        text = without_comments(request.sql)
        created = _CREATE.match(text)
        if created and not _OTHERS.search(_before_body(created["rest"])):
            name = self._create(session, Reader(request.sql), is_only_described=request.describe_only)
            return answers.status_row(session, request.query_id, f"Function {name} successfully created.")
        if _DROP.match(text) and not request.describe_only:
            dropped = self._drop(session, Reader(request.sql))
            if dropped is not None:
                return answers.status_row(session, request.query_id, f"{dropped} successfully dropped.")
        return None

    def rewritten(self, session: Session, statement: Any) -> Any:
        if not self._functions:
            return statement
        database, schema = session.connection.database or "", session.connection.schema or ""
        return self._expanded(session, statement, (database, schema), _DEEPEST)

    def _expanded(self, session: Session, tree: Any, names: tuple[str, str], depth: int) -> Any:
        """The tree with each call replaced by a body, whose own calls were replaced before."""
        for node in reversed(list(tree.walk(bfs=False))):
            found = self._called(node, names)
            if found is None:
                continue
            if depth == 0:
                raise compilation_error(2, "0A000", f"Function {found[0].path[-1]} calls itself.")
            if session.query is not None:
                session.query.is_repeatable = False
            function, arguments = found
            body = self._expanded(session, function.body.copy(), function.path[:2], depth - 1)
            value = _value(session, function, body, arguments)
            if node is tree:
                return value
            node.replace(value)
        return tree

    def _called(self, node: Any, names: tuple[str, str]) -> tuple[SqlFunction, list[Any]] | None:
        path = _path_of(node)
        if not path:
            return None
        given = (node.expression if isinstance(node, exp.Dot) else node).expressions
        full = full_path(path, *names)
        with self._lock:
            known = list(self._functions.get(full, ()))
            if not known and len(path) == 1:
                known = list(self._functions.get((full[0], "PUBLIC", full[2]), ()))
        if not known:
            return None
        for function in known:
            arguments = _in_order(function, given)
            if arguments is not None:
                return function, arguments
        raise compilation_error(1044, "42P13", f"Invalid argument types for function '{path[-1]}'")

    def _create(self, session: Session, reader: Reader, *, is_only_described: bool) -> str:
        reader.expect("CREATE")
        replaces = reader.take("OR", "REPLACE")
        while not reader.take("FUNCTION"):
            reader.word()
        careful = reader.take("IF", "NOT", "EXISTS")
        path = _full_path(session, reader.path())
        function = _parsed(reader, path)
        with self._lock:
            known = self._functions.get(path, [])
            same = [other for other in known if len(other.parameters) == len(function.parameters)]
            if same and careful:
                return path[-1]
            if same and not replaces:
                raise compilation_error(2002, "42710", f"Object '{path[-1]}' already exists.")
            if not is_only_described:
                others = [other for other in known if other not in same]
                # A call takes the one with the fewest parameters that it fits.
                self._functions[path] = sorted([*others, function], key=lambda each: len(each.parameters))
        return path[-1]

    def _drop(self, session: Session, reader: Reader) -> str | None:
        reader.expect("DROP", "FUNCTION")
        reader.take("IF", "EXISTS")
        path = _full_path(session, reader.path())
        reader.expect("(")
        types = reader.until(")").strip()
        count = types.count(",") + 1 if types else 0
        with self._lock:
            kept = [known for known in self._functions.get(path, ()) if len(known.parameters) != count]
            if len(kept) == len(self._functions.get(path, ())):
                return None  # the no-ops have taken other kinds of functions
            self._functions[path] = kept
        return path[-1]


def _before_body(text: str) -> str:
    """The clauses of a definition, without strings."""
    return re.split(r"\bAS\s*(?:'|\$\$)", text, maxsplit=1, flags=re.I)[0]


def _parsed(reader: Reader, path: Path) -> SqlFunction:
    """The statement from the parameters on."""
    parameters = _parameters(reader)
    reader.take("COPY", "GRANTS")
    reader.expect("RETURNS")
    returns = _type(reader)
    clauses = " ".join(reader.until("AS").upper().split())
    reader.expect("AS")
    body = reader.string().strip().rstrip(";")
    if not reader.is_done:
        raise reader.unexpected()
    try:
        is_query = re.match(r"(?:SELECT|WITH)\b", without_comments(body), re.I) is not None
        tree = parse_one(body if is_query else f"SELECT {body}")
    except SqlglotError as error:
        raise compilation_error(1003, "42000", f"syntax error in the body of {path[-1]}: {error}") from error
    if not isinstance(tree, exp.Query) or len(tree.selects) != 1:
        raise compilation_error(2040, "42601", f"The body of {path[-1]} must be one expression or a query of one value")
    return SqlFunction(
        path=path,
        parameters=parameters,
        returns=returns,
        body=tree,
        is_strict="STRICT" in clauses or "RETURNS NULL ON NULL INPUT" in clauses,
    )


def _parameters(reader: Reader) -> tuple[Parameter, ...]:
    reader.expect("(")
    found: list[Parameter] = []
    while not reader.take(")"):
        if found:
            reader.expect(",")
        name, kind = reader.name(), _type(reader)
        default = reader.until(",", ")") if reader.take("DEFAULT") else None
        found.append(Parameter(name=name, type=kind, default=parse_one(default) if default else None))
    return tuple(found)


def _type(reader: Reader) -> str | None:
    """The type as it is written; None for a semi-structured one."""
    word = reader.word()
    if word == "DOUBLE":
        reader.take("PRECISION")
    try:
        kind = type_kind(word)
    except InvalidDefinition as error:
        raise compilation_error(2040, "42601", str(error)) from error
    size = ""
    if reader.take("("):
        size = f"({reader.until(')')})"
        reader.expect(")")
    return None if kind in SEMI_STRUCTURED else word + size


def _value(session: Session, function: SqlFunction, body: Any, arguments: list[Any]) -> Any:
    """The expression that one call stands for."""
    value = filled_in(session, body, function.parameters, arguments, function.path[:2])
    if function.returns is not None:
        value = exp.cast(value, function.returns, dialect="snowflake")
    if function.is_strict:
        nothing = [exp.Is(this=argument.copy(), expression=exp.Null()) for argument in arguments]
        value = exp.Case(ifs=[exp.If(this=exp.or_(*nothing), true=exp.Null())], default=value) if nothing else value
    return exp.Paren(this=value)


def _in_order(function: SqlFunction, given: Sequence[Any]) -> list[Any] | None:
    """The arguments by place, defaults for those left out; None when they do not fit."""
    named = {argument.this.name.upper(): argument.expression for argument in given if isinstance(argument, exp.Kwarg)}
    by_place = [argument for argument in given if not isinstance(argument, exp.Kwarg)]
    if len(named) + len(by_place) != len(given) or not function.takes(len(given)):
        return None
    rest = function.parameters[len(by_place) :]
    if not set(named) <= {parameter.name for parameter in rest}:
        return None
    values = [named.get(parameter.name, parameter.default) for parameter in rest]
    if any(value is None for value in values):
        return None
    return [*by_place, *values]


def _path_of(node: Any) -> tuple[str, ...]:
    """The names of database.schema.function(..); nothing for any other node, and for the last part of such a call."""
    if isinstance(node, exp.Anonymous):
        return () if isinstance(node.parent, exp.Dot) else (_name(node.this),)
    if not isinstance(node, exp.Dot) or not isinstance(node.expression, exp.Anonymous):
        return ()
    parts, left = [_name(node.expression.this)], node.this
    while isinstance(left, exp.Dot):
        parts.insert(0, _name(left.expression))
        left = left.this
    parts.insert(0, _name(left.this if isinstance(left, exp.Column) else left))
    return tuple(parts) if all(parts) and len(parts) <= 3 else ()


def _name(part: Any) -> str:
    if isinstance(part, exp.Identifier):
        return str(part.this) if part.quoted else str(part.this).upper()
    return str(part).upper() if isinstance(part, str) else ""


def _full_path(session: Session, name: tuple[str, ...]) -> Path:
    path = full_path(name, session.connection.database or "", session.connection.schema or "")
    if not all(path):
        raise StatementFailed(
            90105, "22000", "Cannot perform CREATE FUNCTION. This session does not have a current database."
        )
    return path
