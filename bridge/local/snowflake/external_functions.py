"""External functions that really call: each is a DuckDB function which posts its rows in Snowflake's wire format."""

import inspect
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pyarrow as pa
from sqlglot import exp

from bridge.local.snowflake import remote_calls
from bridge.local.snowflake.definitions import Creation
from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.remote_calls import Destination
from bridge.local.snowflake.url_map import UnmappedUrl, UrlMap
from bridge.local.snowflake.wire import SEMI_STRUCTURED, Argument, Definition

#: The DuckDB session variable that tells a function which session it runs in; set once for each session.
SESSION_VARIABLE = "laptop_session"
_DUCKDB_TYPES = {
    "NUMBER": "DECIMAL(38,{scale})",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP_NTZ": "TIMESTAMP",
    "TIMESTAMP_LTZ": "TIMESTAMPTZ",
    "TIMESTAMP_TZ": "TIMESTAMPTZ",
    "BINARY": "BLOB",
}
_FIRST_CHARACTER = {"OBJECT": "{", "ARRAY": "["}

Path = tuple[str, str, str]


@dataclass(kw_only=True)
class QueryContext:
    """What a running query tells the functions it calls, and they it."""

    query_id: str
    #: Values for CONTEXT_HEADERS, by the function's name in capitals.
    values: dict[str, str]
    #: Why a function failed: DuckDB would hand on a traceback instead.
    failure: StatementFailed | None = None
    #: Whether the same text means the same the next time, so that its transformation may be kept.
    is_repeatable: bool = True
    _batches: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def new_batch_id(self) -> str:
        return f"{self.query_id}:{next(self._batches)}:1:0:0"


#: The query that the session with this id runs now.
FindQuery = Callable[[str], QueryContext]


@dataclass(kw_only=True)
class _Function:
    path: Path
    definition: Definition
    duckdb_name: str
    client: httpx.Client


class ExternalFunctions:
    """The external functions of all databases.

    DuckDB keeps functions for the whole process, under a name of our own; which one a call means is found by
    database and schema in the session that calls.
    """

    def __init__(self, connection: Any, find_query: FindQuery, url_map: UrlMap, timeout: float) -> None:
        self._connection = connection
        self._find_query = find_query
        self._url_map = url_map
        self._timeout = timeout
        self._by_path: dict[Path, _Function] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        #: Raised by every change, after which a call may mean another function.
        self.version = 0

    def create(self, creation: Creation, path: Path) -> None:
        with self._lock:
            existing = self._by_path.get(path)
            if existing is not None and creation.only_if_absent:
                return
            if existing is not None and not creation.replaces:
                raise compilation_error(2002, "42710", f"Object '{path[-1]}' already exists.")
            if existing is not None and _shape(existing.definition) == _shape(creation.definition):
                existing.definition = creation.definition  # views that call it follow
                return
            function = _Function(
                path=path,
                definition=creation.definition,
                duckdb_name=f"_external_{next(self._numbers)}",
                client=httpx.Client(trust_env=False),
            )
            self._register(function)
            self._by_path[path] = function
            self.version += 1

    def drop(self, path: Path) -> bool:
        with self._lock:  # its client stays open: a running query may still use it
            self.version += 1
            return self._by_path.pop(path, None) is not None

    def to_json(self) -> list[dict[str, Any]]:
        with self._lock:
            functions = list(self._by_path.values())
        return [
            {
                "name": ".".join(function.path),
                "signature": function.definition.signature,
                "returns": function.definition.returns_in_full,
                "url": function.definition.url,
            }
            for function in functions
        ]

    def call_of(self, path: Sequence[str], arguments: list[Any], *, database: str | None, schema: str | None) -> Any:
        """The DuckDB expression for a call, or None when no external function has this name."""
        function = self._resolve(path, database, schema)
        if function is None:
            return None
        definition = function.definition
        given = _in_order(definition, arguments)
        if len(given) != len(definition.arguments):
            raise compilation_error(1044, "42P13", f"Invalid argument types for function '{definition.name}'")
        typed = [converted(value, wanted) for value, wanted in zip(given, definition.arguments, strict=True)]
        session = exp.Anonymous(this="GETVARIABLE", expressions=[exp.Literal.string(SESSION_VARIABLE)])
        call = exp.Anonymous(this=function.duckdb_name, expressions=[session, *typed])
        if definition.returns == "VARCHAR":
            return call
        return exp.cast(call, definition.returns_in_full, dialect="snowflake")

    def _resolve(self, path: Sequence[str], database: str | None, schema: str | None) -> _Function | None:
        in_database, in_schema, name = full_path(path, database or "", schema or "")
        schemas = [in_schema, "PUBLIC"] if len(path) == 1 else [in_schema]  # Snowflake's default search path
        with self._lock:
            found = [self._by_path.get((in_database, candidate, name)) for candidate in schemas]
        return next((function for function in found if function is not None), None)

    def _register(self, function: _Function) -> None:
        definition = function.definition
        types = ["VARCHAR", *(duckdb_type(argument) for argument in definition.arguments)]

        def rows_to_values(*columns: Any) -> Any:
            return self._call(function, columns)

        # DuckDB counts the parameters by the signature.
        rows_to_values.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(f"column{n}", inspect.Parameter.POSITIONAL_ONLY) for n in range(len(types))]
        )
        self._connection.create_function(
            function.duckdb_name,
            rows_to_values,
            types,
            "VARCHAR",
            type="arrow",
            null_handling="special",
            side_effects=True,
        )

    def _call(self, function: _Function, columns: Sequence[Any]) -> Any:
        sessions, *given = [column.to_pylist() for column in columns]
        if not sessions:
            return pa.array([], type=pa.string())
        query = self._find_query(sessions[0])
        rows = list(zip(*given, strict=True)) if given else [()] * len(sessions)
        try:
            return pa.array(self._values(function, rows, query), type=pa.string())
        except StatementFailed as failure:
            query.failure = failure
            raise

    def _values(self, function: _Function, rows: list[tuple[Any, ...]], query: QueryContext) -> list[str | None]:
        definition = function.definition
        for row in rows:
            check_types(definition, row)
        called = [number for number, row in enumerate(rows) if not (definition.is_strict and None in row)]
        try:
            url, headers = self._url_map.resolve(definition.url)
        except UnmappedUrl as error:
            raise StatementFailed(
                100350, "P0000", f"Request failed for external function {definition.name}. Error: {error}"
            ) from error
        answers = remote_calls.call(
            definition,
            Destination(client=function.client, url=url, headers=headers, timeout=self._timeout),
            [rows[number] for number in called],
            query_id=query.query_id,
            new_batch_id=query.new_batch_id,
            context=query.values,
        )
        values: list[str | None] = [None] * len(rows)
        for number, answer in zip(called, answers, strict=True):
            values[number] = answer
        return values


def full_path(path: Sequence[str], database: str, schema: str) -> Path:
    """database, schema and name, of which a path may leave out the first or the first two."""
    named = [*(database, schema)[: max(3 - len(path), 0)], *path]
    return named[0], named[1], named[2]


def _shape(definition: Definition) -> tuple[Any, ...]:
    """What DuckDB knows of a function and of the calls in its views."""
    types = tuple(duckdb_type(argument) for argument in definition.arguments)
    return types, [argument.kind for argument in definition.arguments], definition.returns_in_full


def duckdb_type(argument: Argument) -> str:
    """The type that DuckDB takes such an argument as; semi-structured ones travel as text."""
    return _DUCKDB_TYPES.get(argument.kind, "VARCHAR").format(scale=argument.scale)


def converted(value: Any, wanted: Argument) -> Any:
    """The argument as the DuckDB function takes it; semi-structured ones as JSON text."""
    as_json = exp.Anonymous(this="TO_JSON", expressions=[value])
    if wanted.kind == "VARCHAR":  # a VARIANT that holds a string must lose its quotes
        return exp.Anonymous(this="JSON_EXTRACT_STRING", expressions=[as_json, exp.Literal.string("$")])
    # A type that fakesnow does not know: it would make a BIGINT of DECIMAL(38,0).
    kind = exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=duckdb_type(wanted))
    return exp.Cast(this=as_json if wanted.kind in SEMI_STRUCTURED else value, to=kind)


def _in_order(definition: Definition, arguments: list[Any]) -> list[Any]:
    """The arguments by place, also when they were given by name (`pipeline => 'p'`)."""
    if not any(isinstance(argument, exp.Kwarg) for argument in arguments):
        return arguments
    named = {
        argument.this.name.upper(): argument.expression for argument in arguments if isinstance(argument, exp.Kwarg)
    }
    names = [argument.name for argument in definition.arguments]
    if len(named) != len(arguments) or set(named) != set(names):
        raise compilation_error(1044, "42P13", f"Invalid argument names for function '{definition.name}'")
    return [named[name] for name in names]


def check_types(definition: Definition, row: tuple[Any, ...]) -> None:
    """A string where an OBJECT is wanted is refused by Snowflake, not parsed."""
    for value, argument in zip(row, definition.arguments, strict=True):
        wanted = _FIRST_CHARACTER.get(argument.kind)
        if wanted and value is not None and value != "null" and not value.lstrip().startswith(wanted):
            raise compilation_error(
                1044,
                "42P13",
                f"Invalid argument types for function '{definition.name}': {argument.name} must be {argument.kind}",
            )
