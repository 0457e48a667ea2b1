"""Append-only streams on tables: what was inserted since the offset, which moves when DML has read the stream.

A row counts as inserted by DuckDB's row id, which grows with every commit. Offsets are rows of a DuckDB table in the
stream's own database, so a transaction that is rolled back takes its offset back as well.
"""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.external_functions import Path, full_path
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.no_ops import kind_of
from bridge.local.snowflake.procedures.reading import Reader
from bridge.local.snowflake.rewrites import parse_statement
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import verb_of, without_comments
from bridge.local.snowflake.statements import StatementRunner
from bridge.local.snowflake.task_definitions import options_of
from bridge.local.snowflake.transactions import all_or_nothing

_OF_STREAMS = re.compile(r"(?P<verb>CREATE|DROP)\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?STREAM\b", re.I)
#: fakesnow hides schemas of this prefix.
_OFFSETS = '"{}"._fs_laptop.stream_offsets'
#: DuckDB gives the rows of a transaction that is still open ids from here on.
_UNCOMMITTED = 36028797018960000
_CONSUMERS = frozenset({"INSERT", "CREATE", "MERGE", "UPDATE", "DELETE"})
_CONFLICT_TRIES = 6
#: Seconds to wait for another consumer, which may itself wait for somebody who consumes a stream.
_PATIENCE = 10.0


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream; with a reason, one that was accepted and cannot be read."""

    path: Path
    table: Path
    #: Which table it was made on: another one of the same name is none of this stream's.
    table_oid: int
    unreadable: str | None = None

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, kw_only=True)
class Window:
    """The rows of one reading: those after `start`, up to `end`."""

    start: int
    end: int


class Streams:
    """The feature for their DDL and for DML that reads them, and the rewriter for reading."""

    def __init__(self, runner: StatementRunner, connection: Any) -> None:
        self._runner = runner
        #: Outside of every session's transaction: what is created stays, as DDL does in Snowflake.
        self._connection = connection
        self._streams: dict[Path, Stream] = {}
        #: What the statement that runs in a session has read.
        self._read: dict[int, dict[Path, Window]] = {}
        self._lock = threading.RLock()
        self._turn = threading.Lock()

    def answer(self, session: Session, request: StatementRequest) -> JsonObject | None:
        found = _OF_STREAMS.match(without_comments(request.sql))
        if found is not None and not request.describe_only:
            with self._lock:
                if found["verb"].upper() == "CREATE":
                    self._create(session, Reader(request.sql))
                else:
                    self._drop(session, Reader(request.sql))
        if found is not None or request.describe_only or not self._consumes(session, request.sql):
            return None
        return self._consume(session, request)

    def rewritten(self, session: Session, statement: Any) -> Any:
        """The statement with a query in the place of each stream that it reads."""
        if not self._streams:
            return statement
        for table in list(statement.find_all(exp.Table)):
            stream = self._stream_of(session, table)
            if stream is None or _is_target(table):
                continue
            if isinstance(statement, exp.Create) and statement.kind == "VIEW":
                raise unsupported("a view on a stream")
            if session.query is not None:
                session.query.is_repeatable = False
            window = self._window(session, stream)
            self._read.setdefault(session.id, {})[stream.path] = window
            table.replace(_query(stream, window, table))
        return statement

    def has_data(self, session: Session, arguments: Sequence[str | None]) -> bool:
        """SYSTEM$STREAM_HAS_DATA. It is exact here; Snowflake's may say so of a stream without rows."""
        name = Reader(arguments[0] or "").path() if arguments else ()
        stream = self._streams.get(_path_in(session, name)) if name else None
        if stream is None:
            raise _missing("Stream", ".".join(name))
        window = self._window(session, stream)
        return window.end > window.start

    def _create(self, session: Session, reader: Reader) -> None:
        reader.expect("CREATE")
        replaces = reader.take("OR", "REPLACE") or reader.take("OR", "ALTER")
        reader.expect("STREAM")
        careful = reader.take("IF", "NOT", "EXISTS")
        path = _path_in(session, reader.path())
        reader.take("COPY", "GRANTS")
        if path in self._streams and not replaces:
            if careful:
                return
            raise compilation_error(2002, "42710", f"Object '{path[-1]}' already exists.")
        reader.expect("ON")
        kind = "TABLE" if reader.take("TABLE") else reader.word()
        while kind != "TABLE" and reader.sees("TABLE"):
            kind += f" {reader.word()}"
        table = _path_in(session, reader.path())
        travels = reader.sees("AT") or reader.sees("BEFORE")
        options = {} if travels else options_of(reader)
        unreadable = None
        if kind != "TABLE" or travels:
            unreadable = f"a stream on {kind.lower()}s" if kind != "TABLE" else "a stream from a point in the past"
        elif options.get("APPEND_ONLY", "").upper() != "TRUE":
            unreadable = "a stream without APPEND_ONLY = TRUE"
        oid = self._oid(self._connection, table) if unreadable is None else 0
        if oid is None:
            raise _missing("Table", ".".join(table))
        stream = Stream(path=path, table=table, table_oid=oid, unreadable=unreadable)
        if unreadable is None:
            self._begin(stream, with_initial_rows=options.get("SHOW_INITIAL_ROWS", "").upper() == "TRUE")
        self._streams[path] = stream

    def _begin(self, stream: Stream, *, with_initial_rows: bool) -> None:
        offsets = _OFFSETS.format(stream.path[0])
        connection = self._connection
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{stream.path[0]}"._fs_laptop')
        connection.execute(f"CREATE TABLE IF NOT EXISTS {offsets} (stream VARCHAR, position BIGINT)")
        connection.execute(f"DELETE FROM {offsets} WHERE stream = ?", [stream.name])
        start = -1 if with_initial_rows else _end(connection, stream, -1)
        connection.execute(f"INSERT INTO {offsets} VALUES (?, ?)", [stream.name, start])

    def _drop(self, session: Session, reader: Reader) -> None:
        reader.expect("DROP", "STREAM")
        careful = reader.take("IF", "EXISTS")
        path = _path_in(session, reader.path())
        if self._streams.pop(path, None) is None and not careful:
            raise _missing("Stream", ".".join(path))

    def _consumes(self, session: Session, sql: str) -> bool:
        """Whether this is DML that reads a stream; the text is looked at first, because parsing takes its time."""
        if not self._streams or verb_of(sql) not in _CONSUMERS or kind_of(sql) is not None:
            return False
        words = sql.upper()
        if not any(path[-1].upper() in words for path in list(self._streams)):
            return False
        tables = parse_statement(self._runner.inlined(session, sql)).find_all(exp.Table)
        return any(self._stream_of(session, table) is not None and not _is_target(table) for table in tables)

    def _consume(self, session: Session, request: StatementRequest) -> JsonObject:
        """Run DML and move the offsets of what it read, both or neither. Other consumers wait for their turn."""
        has_turn = self._turn.acquire(timeout=_PATIENCE)
        try:
            return self._consume_in_turn(session, request)
        finally:
            self._read.pop(session.id, None)
            if has_turn:
                self._turn.release()

    def _consume_in_turn(self, session: Session, request: StatementRequest) -> JsonObject:
        is_own, attempt = False, 0
        while True:
            self._read.pop(session.id, None)
            try:
                # fakesnow's MERGE cannot be in one; its offset moves in a step of its own.
                with all_or_nothing(session.connection, needed=verb_of(request.sql) != "MERGE") as is_own:
                    answer = self._runner.by_fakesnow(session, request)
                    self._advance(session)
            except duckdb.TransactionException as error:
                # With a consumer whose transaction is longer than one statement.
                attempt += 1
                if not is_own or "onflict" not in str(error) or attempt == _CONFLICT_TRIES:
                    raise
                time.sleep(0.02 * 2**attempt)
            else:
                return answer

    def _advance(self, session: Session) -> None:
        connection = session.connection._duck_conn
        for path, window in self._read.get(session.id, {}).items():
            update = f"UPDATE {_OFFSETS.format(path[0])} SET position = ? WHERE stream = ? AND position = ?"
            try:
                (moved,) = connection.execute(update, [window.end, ".".join(path), window.start]).fetchone()
            except duckdb.TransactionException as error:
                if "single attached database" in str(error):
                    raise unsupported("a stream consumed into a table of another database") from error
                raise
            if not moved:
                raise StatementFailed(625, "57014", f"Stream '{path[-1]}' was consumed by another statement meanwhile.")

    def _stream_of(self, session: Session, table: Any) -> Stream | None:
        if not isinstance(table.this, exp.Identifier):
            return None
        parts = [part for part in (table.args.get("catalog"), table.args.get("db"), table.this) if part is not None]
        names = tuple(str(part.this) if part.quoted else str(part.this).upper() for part in parts)
        stream = self._streams.get(_path_in(session, names))
        query = table.find_ancestor(exp.Query, exp.DML) if stream is not None and len(names) == 1 else None
        while query is not None:
            if any(cte.alias.upper() == names[0] for cte in getattr(query, "ctes", ())):
                return None
            query = query.find_ancestor(exp.Query, exp.DML)
        return stream

    def _window(self, session: Session, stream: Stream) -> Window:
        if stream.unreadable is not None:
            raise unsupported(f"{stream.unreadable}, as {stream.path[-1]} is,")
        connection = session.connection._duck_conn
        if self._oid(connection, stream.table) != stream.table_oid:
            table, name = ".".join(stream.table), stream.path[-1]
            raise compilation_error(2003, "02000", f"Base table '{table}' dropped, cannot read from stream '{name}'.")
        offsets = _OFFSETS.format(stream.path[0])
        query = f"SELECT position FROM {offsets} WHERE stream = ?"
        (start,) = connection.execute(query, [stream.name]).fetchone()
        return Window(start=start, end=_end(connection, stream, start))

    def _oid(self, connection: Any, table: Path) -> int | None:
        """DuckDB's number of a table, None if there is no such table."""
        found = connection.execute(
            "SELECT table_oid FROM duckdb_tables() "
            "WHERE upper(database_name) = upper(?) AND upper(schema_name) = upper(?) AND table_name = ?",
            list(table),
        ).fetchone()
        return int(found[0]) if found else None


def _end(connection: Any, stream: Stream, start: int) -> int:
    """The last committed row that the session's transaction sees."""
    query = f"SELECT max(rowid) FROM {_quoted(stream.table)} WHERE rowid > ? AND rowid < ?"
    (end,) = connection.execute(query, [start, _UNCOMMITTED]).fetchone()
    return start if end is None else int(end)


def _query(stream: Stream, window: Window, table: Any) -> Any:
    """The rows of a window with the columns that a stream has besides those of its table."""
    select = (
        exp.Select()
        .select(
            exp.Star(),
            exp.alias_(exp.Literal.string("INSERT"), "METADATA$ACTION", quoted=True),
            exp.alias_(exp.false(), "METADATA$ISUPDATE", quoted=True),
            exp.alias_(
                exp.Anonymous(
                    this="MD5",
                    expressions=[exp.Concat(expressions=[exp.Literal.string(f"{stream.name}:"), exp.column("ROWID")])],
                ),
                "METADATA$ROW_ID",
                quoted=True,
            ),
        )
        .from_(exp.table_(*reversed(stream.table), quoted=True))
        .where(exp.column("ROWID") > window.start)
        .where(exp.column("ROWID") <= window.end)
    )
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(stream.path[-1], quoted=True))
    return exp.Subquery(this=select, alias=alias.copy(), joins=table.args.get("joins"))


def _is_target(table: Any) -> bool:
    """Whether the statement writes or defines this object instead of reading it."""
    holder = table.parent.parent if isinstance(table.parent, exp.Schema) else table.parent
    return isinstance(holder, exp.DML | exp.DDL) and holder.args.get("this") in (table, table.parent)


def _path_in(session: Session, name: tuple[str, ...]) -> Path:
    return full_path(name, session.connection.database or "", session.connection.schema or "")


def _quoted(path: Path) -> str:
    return ".".join(f'"{name}"' for name in path)


def _missing(kind: str, name: str) -> StatementFailed:
    return compilation_error(2003, "02000", f"{kind} '{name}' does not exist or not authorized.")
