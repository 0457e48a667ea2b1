"""Executing one statement in its session: what DuckDB has is run by fakesnow, the rest is answered here."""

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
from fakesnow.converter import from_binding
from fakesnow.cursor import DESCRIBE_RESULT_SQL
from fakesnow.rowtype import describe_as_rowtype
from fakesnow.statement_type import statement_type_id
from sqlglot import exp

from bridge.local.snowflake import answers
from bridge.local.snowflake.definitions import InvalidDefinition, is_creation, parse_creation, parse_drop
from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.external_functions import ExternalFunctions, Path, QueryContext, full_path
from bridge.local.snowflake.features import Feature, Rewriter, StatementRequest
from bridge.local.snowflake.no_ops import ANSWER, NoOpLog, kind_of
from bridge.local.snowflake.plans import PlanCache
from bridge.local.snowflake.rewrites import parse_statement, rewrite
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import identifier, outside_strings, without_comments
from bridge.local.snowflake.transactions import all_or_nothing

_USE = re.compile(r"USE\s+(?P<what>ROLE|WAREHOUSE)\s+(?P<name>\"[^\"]+\"|[\w$]+)\s*;?\s*$", re.I)
_CONFLICT_TRIES = 6

Binds = list[Any] | dict[str, Any]


class StatementRunner:
    """Runs statements, one at a time in each session."""

    def __init__(self, functions: ExternalFunctions, no_ops: NoOpLog) -> None:
        self._functions = functions
        self._no_ops = no_ops
        self._plans = PlanCache()
        #: Asked in this order; the no-ops come after them.
        self.features: list[Feature] = []
        #: Each changes a statement's tree, in this order, before the rewrites that every statement gets.
        self.rewriters: list[Rewriter] = []

    def run(self, session: Session, request: StatementRequest) -> answers.JsonObject:
        """The answer of a statement that succeeds; any exception is one that failed."""
        session.query = QueryContext(query_id=request.query_id, values=_context_headers(session, request.sql))
        try:
            return self._without_duckdb(session, request) or self.by_fakesnow(session, request)
        except Exception:
            if session.query.failure is not None:
                raise session.query.failure from None  # DuckDB would hand on a traceback
            raise
        finally:
            session.query = None
            session.last_query_id = request.query_id

    def values(self, session: Session, request: StatementRequest, select: Any) -> list[Any]:
        """The one row of a SELECT that a feature made of the expressions of its statement, with that one's binds."""
        batches = _batches(request.bindings)
        if len(batches) > 1:
            raise unsupported("an array of binds for this statement")
        cursor = session.connection.cursor()
        cursor.check_db_and_schema(select)
        transformed = cursor._transform(self._rewritten(session, select), batches[0])
        cursor._execute(transformed, batches[0] if transformed.find(exp.Placeholder) else None)
        session.connection.results_cache.clear()
        return list(cursor._arrow_table.to_pylist()[0].values())

    def table_of(self, session: Session, request: StatementRequest) -> Any:
        """The rows of a query as an Arrow table, for a feature that goes on with them."""
        cursor = session.connection.cursor()
        sql = self.inlined(session, request.sql)
        statement = parse_statement(sql)
        if not isinstance(statement, exp.Query):
            raise compilation_error(1003, "42000", "syntax error: a query is wanted here")
        self._execute_with_patience(session, cursor, sql, statement, _batches(request.bindings)[0])
        session.connection.results_cache.clear()
        return cursor._arrow_table

    def inlined(self, session: Session, sql: str) -> str:
        """The statement with the values of session variables; fakesnow would look into strings as well."""
        return outside_strings(sql, session.connection.cursor()._inline_variables)

    def _without_duckdb(self, session: Session, request: StatementRequest) -> answers.JsonObject | None:
        sql, query_id = request.sql, request.query_id
        if is_creation(sql):
            return self._create_function(session, request)
        dropped = parse_drop(sql)
        if dropped is not None and self._functions.drop(_full_path(session, dropped)):
            return answers.status_row(session, query_id, f"{dropped[-1]} successfully dropped.")
        used = _USE.match(without_comments(sql))
        if used:
            setattr(session, used["what"].lower(), identifier(used["name"]))
            return answers.status_row(session, query_id, "Statement executed successfully.", 0x4300)
        for feature in self.features:
            answer = feature.answer(session, request)
            if answer is not None:
                return answer
        kind = kind_of(sql)
        if kind is None:
            return None
        self._no_ops.record(kind=kind, session_id=session.id, sql=sql)
        return answers.status_row(session, query_id, ANSWER)

    def _create_function(self, session: Session, request: StatementRequest) -> answers.JsonObject:
        try:
            creation = parse_creation(request.sql)
        except InvalidDefinition as error:
            raise compilation_error(1003, "42000", str(error)) from error
        self._functions.create(creation, _full_path(session, creation.path))
        return answers.status_row(session, request.query_id, f"Function {creation.path[-1]} successfully created.")

    def by_fakesnow(self, session: Session, request: StatementRequest) -> answers.JsonObject:
        """The answer of a statement that DuckDB has; features run by it what they have translated."""
        cursor = session.connection.cursor()
        sql = self.inlined(session, request.sql)
        statement = parse_statement(sql)
        type_id = statement_type_id(statement)
        if request.describe_only:
            return self._describe(session, cursor, statement, request)
        batches = _batches(request.bindings)
        count = 0
        with all_or_nothing(session.connection, needed=len(batches) > 1):
            for binds in batches:
                self._execute_with_patience(session, cursor, sql, statement, binds)
                count += cursor.rowcount or 0
        rowtype = describe_as_rowtype(cursor._describe_last_sql())
        table = cursor._arrow_table
        session.connection.results_cache.clear()  # fakesnow would keep every result for ever
        if len(batches) > 1:
            return answers.counted(session, request.query_id, type_id, rowtype, count)
        return answers.rows(session, request.query_id, type_id, rowtype, table)

    def _execute_with_patience(
        self, session: Session, cursor: Any, sql: str, statement: Any, binds: Binds | None
    ) -> None:
        """Two writers of one row: DuckDB refuses the second at once, Snowflake lets it wait."""
        for attempt in range(_CONFLICT_TRIES):
            try:
                self._execute(session, cursor, sql, statement, binds)
            except duckdb.TransactionException as error:
                if "onflict" not in str(error) or attempt == _CONFLICT_TRIES - 1:
                    raise
                time.sleep(0.02 * 2**attempt)
            else:
                return

    def _execute(self, session: Session, cursor: Any, sql: str, statement: Any, binds: Binds | None) -> None:
        key = (sql, session.names(), self._functions.version)
        known = self._plans.get(key)
        if known is not None:
            cursor._execute(known, binds if known.find(exp.Placeholder) else None)
            return
        cursor.check_db_and_schema(statement)
        given = len(binds or ())
        parts = cursor._transform_explode(self._rewritten(session, statement.copy()))
        for part in parts:
            transformed = cursor._transform(part, binds)
            # Of a statement that was split, only the part with the source rows has the binds.
            cursor._execute(transformed, binds if transformed.find(exp.Placeholder) else None)
            is_repeatable = session.query is None or session.query.is_repeatable
            if is_repeatable and len(parts) == 1 and len(binds or ()) == given:
                self._plans.keep(key, statement, transformed)

    def _rewritten(self, session: Session, statement: Any) -> Any:
        def resolve(path: tuple[Any, ...], arguments: list[Any]) -> Any:
            names = [part.this if part.quoted else part.this.upper() for part in path]
            database, schema = session.connection.database, session.connection.schema
            return self._functions.call_of(names, arguments, database=database, schema=schema)

        for rewriter in self.rewriters:
            statement = rewriter.rewritten(session, statement)
        return rewrite(statement, context=session.context(), resolve=resolve)

    def _describe(self, session: Session, cursor: Any, statement: Any, request: StatementRequest) -> answers.JsonObject:
        binds = len(list(statement.find_all(exp.Placeholder)))
        if isinstance(statement, exp.Select):
            unbound = statement.transform(lambda node: exp.Null() if isinstance(node, exp.Placeholder) else node)
            transformed = cursor._transform(self._rewritten(session, unbound), None)
            cursor._last_sql = transformed.sql(dialect="duckdb")
        else:
            cursor._last_sql = DESCRIBE_RESULT_SQL.get(type(statement), "SELECT '' AS status")
        rowtype = describe_as_rowtype(cursor._describe_last_sql())
        return answers.described(session, request.query_id, statement_type_id(statement), rowtype, binds)


def _context_headers(session: Session, sql: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return session.context() | {
        "CURRENT_DATE": now.date().isoformat(),
        "CURRENT_STATEMENT": sql,
        "CURRENT_TIMESTAMP": f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d} +0000",
    }


def _full_path(session: Session, path: tuple[str, ...]) -> Path:
    database, schema, name = full_path(path, session.connection.database or "", session.connection.schema or "")
    if not database or not schema:
        raise StatementFailed(
            90105,
            "22000",
            "Cannot perform CREATE FUNCTION. This session does not have a current database. "
            "Call 'USE DATABASE', or use a qualified name.",
        )
    return database, schema, name


def _batches(bindings: dict[str, dict[str, Any]]) -> list[Binds | None]:
    """The binds of each execution: one of them, or one for each row of an array of binds."""
    if not bindings:
        return [None]
    if not all(name.isdigit() for name in bindings):
        return [{name: _value(bind["type"], bind["value"]) for name, bind in bindings.items()}]
    in_order = [bindings[str(place)] for place in range(1, len(bindings) + 1)]
    if not any(isinstance(bind["value"], list) for bind in in_order):
        return [[_value(bind["type"], bind["value"]) for bind in in_order]]
    columns = [[_value(bind["type"], value) for value in bind["value"]] for bind in in_order]
    return [list(row) for row in zip(*columns, strict=True)]


def _value(kind: str, text: str | None) -> Any:
    if text is None:
        return None
    if kind == "FIXED":
        number = Decimal(text)
        return int(number) if number == number.to_integral_value() and "." not in text else number
    if kind == "REAL":
        return float(text)
    return from_binding({"type": kind, "value": text})
