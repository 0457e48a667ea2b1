"""COPY INTO a table: the Parquet files of a stage that the table has not had yet."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.stages import load_records
from bridge.local.snowflake.stages.file_columns import FirstError, Inspection, UnreadableFile, inspect
from bridge.local.snowflake.stages.load_records import Target
from bridge.local.snowflake.stages.reading import Load, is_true
from bridge.local.snowflake.stages.storage import Stage, StagedFile, StageStorage

COLUMNS = {
    "file": pa.string(),
    "status": pa.string(),
    "rows_parsed": pa.int64(),
    "rows_loaded": pa.int64(),
    "error_limit": pa.int64(),
    "errors_seen": pa.int64(),
    "first_error": pa.string(),
    "first_error_line": pa.int64(),
    "first_error_character": pa.int64(),
    "first_error_column_name": pa.string(),
}
_OPTIONS = frozenset(
    {"FILE_FORMAT", "MATCH_BY_COLUMN_NAME", "INCLUDE_METADATA", "PATTERN", "FILES", "ON_ERROR", "FORCE", "PURGE"}
)
#: Of what is not emulated: text lengths, the 64 days, and how Snowpipe is fed.
_WITHOUT_EFFECT = frozenset({"ENFORCE_LENGTH", "TRUNCATECOLUMNS", "LOAD_UNCERTAIN_FILES", "LOAD_MODE"})
_MATCHES = ("CASE_INSENSITIVE", "CASE_SENSITIVE", "NONE")
_ON_ERROR = re.compile(r"(ABORT_STATEMENT|CONTINUE|SKIP_FILE)|SKIP_FILE_(?P<count>\d+)(?P<percent>%)?", re.I)
_HOW_TO_GO_ON = (
    "If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or "
    "'CONTINUE' for the ON_ERROR option. For more information on loading options, please run 'info loading_data' in "
    "a SQL client."
)


@dataclass(frozen=True)
class _OnError:
    """What happens to a file with rows that do not fit."""

    text: str

    @property
    def aborts(self) -> bool:
        return self.text == "ABORT_STATEMENT"

    def limit(self, rows: int) -> int:
        """So many errors are too many for a file of so many rows."""
        found = _ON_ERROR.fullmatch(self.text)
        if self.text == "CONTINUE" or found is None:
            return rows + 1
        count = int(found["count"] or 1)
        return max(rows * count // 100, 1) if found["percent"] else max(count, 1)


class Loader:
    """Loads files, one statement at a time: two that load the same files would otherwise both load them."""

    def __init__(self, storage: StageStorage, connection: Any) -> None:
        self._storage = storage
        #: For looks at files that must not touch the session's transaction.
        self._connection = connection
        self._one_at_a_time = threading.Lock()

    def load(self, session: Session, stage: Stage, statement: Load) -> list[tuple[Any, ...]]:
        """Load what is new; a row of the answer for each file.

        Raises:
            StatementFailed: an option, the table or a file is not as it must be.
        """
        options = statement.options
        on_error = _check(options)
        target = load_records.target_of(session, statement.table)
        files = self._files(stage, statement)
        with self._one_at_a_time:
            load_records.prepare(target, session, self._connection)
            with _transaction(session.connection):
                if not is_true(options, "FORCE"):
                    files = load_records.not_loaded(target, session, files)
                answer = [self._load_file(session, target, file, options, on_error) for file in files]
        if is_true(options, "PURGE"):
            for file, row in zip(files, answer, strict=True):
                if row[1] == "LOADED":
                    self._storage.remove(file)
        return answer

    def _files(self, stage: Stage, statement: Load) -> list[StagedFile]:
        found = self._storage.files(stage, statement.location.prefix)
        wanted = statement.options.get("FILES")
        if wanted:
            by_path = {file.path: file for file in found}
            paths = [statement.location.prefix + name for name in wanted]
            for path in paths:
                if path not in by_path:
                    raise StatementFailed(91016, "22000", f"Remote file '{stage.url}{path}' was not found.")
            return [by_path[path] for path in paths]
        return matching(found, statement.options)

    def _load_file(
        self, session: Session, target: Target, file: StagedFile, options: Mapping[str, Any], on_error: _OnError
    ) -> tuple[Any, ...]:
        try:
            found = inspect(
                target,
                file,
                match=str(options.get("MATCH_BY_COLUMN_NAME", "NONE")).upper(),
                metadata=options.get("INCLUDE_METADATA", {}),
                connection=self._connection,
            )
        except UnreadableFile as unreadable:
            failure = StatementFailed(100152, "22000", str(unreadable))
            error = FirstError(failure=failure, row=0, column="")
            if on_error.aborts:
                raise _aborted(error, file) from unreadable
            return (file.name, "LOAD_FAILED", 0, 0, 1, 1, failure.message, None, None, None)
        if found.first_error is not None and on_error.aborts:
            raise _aborted(found.first_error, file)
        limit = on_error.limit(found.rows)
        loaded = 0 if found.wrong_rows >= limit else found.rows - found.wrong_rows
        if loaded or not found.wrong_rows:
            session.connection._duck_conn.execute(found.insert(target, file))
            load_records.remember(target, session, file)
        return _row(file, found, loaded, limit)


def matching(files: list[StagedFile], options: Mapping[str, Any]) -> list[StagedFile]:
    """The files whose whole path is what PATTERN says.

    Raises:
        StatementFailed: it is no regular expression.
    """
    if "PATTERN" not in options:
        return files
    try:
        pattern = re.compile(str(options["PATTERN"]))
    except re.error as error:
        raise compilation_error(100048, "2201B", f"Invalid regular expression: {error}") from error
    return [file for file in files if pattern.fullmatch(file.metadata_name)]


def _check(options: Mapping[str, Any]) -> _OnError:
    for name in options.keys() - _OPTIONS - _WITHOUT_EFFECT:
        raise unsupported(f"COPY INTO a table with {name}")
    match = str(options.get("MATCH_BY_COLUMN_NAME", "NONE"))
    if match.upper() not in _MATCHES:
        raise compilation_error(1008, "22023", f"Invalid value '{match}' for parameter MATCH_BY_COLUMN_NAME")
    for name, kind in (("FILES", list), ("INCLUDE_METADATA", dict)):
        if not isinstance(options.get(name, kind()), kind):
            raise compilation_error(1003, "42000", f"invalid value for parameter '{name}'")
    on_error = str(options.get("ON_ERROR", "ABORT_STATEMENT")).upper()
    if not _ON_ERROR.fullmatch(on_error):
        raise compilation_error(1003, "42000", f"invalid value [{on_error}] for parameter 'ON_ERROR'")
    return _OnError(on_error)


def _aborted(error: FirstError, file: StagedFile) -> StatementFailed:
    place = f"  File '{file.metadata_name}', line {error.row}, character 0"
    column = f"\n  Row {error.row}, column {error.column}" if error.column else ""
    failure = error.failure
    return StatementFailed(failure.code, failure.sql_state, f"{failure.message}\n{place}{column}\n  {_HOW_TO_GO_ON}")


def _row(file: StagedFile, found: Inspection, loaded: int, limit: int) -> tuple[Any, ...]:
    error = found.first_error
    status = "LOADED" if error is None else "PARTIALLY_LOADED" if loaded else "LOAD_FAILED"
    first = (error.failure.message, error.row, 0, error.column) if error else (None, None, None, None)
    return (file.name, status, found.rows, loaded, min(limit, max(found.rows, 1)), found.wrong_rows, *first)


@contextmanager
def _transaction(connection: Any) -> Iterator[None]:
    """The session's open transaction, or one of its own; without autocommit one is begun that stays open."""
    duck = connection._duck_conn
    own = connection._autocommit and not _is_open(duck)
    if own:
        duck.begin()
    elif not connection._autocommit and not connection._in_transaction:
        duck.begin()
        connection._in_transaction = True
    try:
        yield
    except BaseException:
        if own:
            duck.rollback()
        raise
    if own:
        duck.commit()


def _is_open(duck: Any) -> bool:
    """Whether the client has begun a transaction; DuckDB aborts it when it is asked to begin another."""
    first, second = (duck.execute("SELECT txid_current()").fetchone() for _ in range(2))
    return bool(first == second)
