"""Statements about stages, carried out on folders."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from fakesnow.rowtype import describe_as_rowtype
from fakesnow.statement_type import COPY, DDL, UNKNOWN

from bridge.local.snowflake import answers
from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.errors import compilation_error
from bridge.local.snowflake.external_functions import full_path
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.stages import load, load_records, unload
from bridge.local.snowflake.stages.formats import format_of, parquet_only
from bridge.local.snowflake.stages.load import Loader, matching
from bridge.local.snowflake.stages.reading import CreateStage, Drop, ListFiles, Load, Unload, is_true, parse
from bridge.local.snowflake.stages.storage import Stage, StagePath, StageStorage, is_url
from bridge.local.snowflake.stages.text import NAME, masked, path_of

#: The rows of a query as an Arrow table, in a session that is already at work on a statement.
TableOf = Callable[[Session, StatementRequest], Any]

_TRUNCATE = re.compile(rf"\s*TRUNCATE\s+(?:TABLE\s+)?(?:IF\s+EXISTS\s+)?(?P<name>{NAME})", re.I)
_STAGE_OPTIONS = frozenset(
    {"URL", "STORAGE_INTEGRATION", "CREDENTIALS", "ENCRYPTION", "FILE_FORMAT", "DIRECTORY", "COMMENT", "ENDPOINT"}
)
_LISTED = {"name": pa.string(), "size": pa.int64(), "md5": pa.string(), "last_modified": pa.string()}
_REMOVED = {"name": pa.string(), "result": pa.string()}
_STATUS = {"status": pa.string()}
_NOTHING_LOADED = "Copy executed with 0 files processed."
_KINDS = {pa.string(): "VARCHAR", pa.int64(): "BIGINT"}


class StageFeature:
    """Everything that a statement can do with a named stage."""

    def __init__(self, connection: Any, table_of: TableOf) -> None:
        self._connection = connection
        self._table_of = table_of
        self.storage = StageStorage(connection.cursor())
        self._loader = Loader(self.storage, connection.cursor())

    def answer(self, session: Session, request: StatementRequest) -> JsonObject | None:
        statement = parse(request.sql)
        if isinstance(statement, CreateStage):
            return self._create(session, request, statement)
        if isinstance(statement, Drop):
            return self._drop(session, request, statement)
        if isinstance(statement, ListFiles):
            return self._list(session, request, statement)
        if isinstance(statement, Unload):
            return self._unload(session, request, statement)
        if isinstance(statement, Load):
            return self._load(session, request, statement)
        truncated = _TRUNCATE.match(masked(request.sql))
        if truncated and not request.describe_only:
            load_records.forget(session, path_of(request.sql[truncated.start("name") : truncated.end("name")]))
        return None

    def reset(self) -> None:
        """Empty every stage, and forget which files were loaded; stages and formats stay."""
        self.storage.reset()
        load_records.forget_all(self._connection.cursor())

    def close(self) -> None:
        self.storage.close()

    def _create(self, session: Session, request: StatementRequest, statement: CreateStage) -> JsonObject:
        if request.describe_only:
            return _described(session, request, DDL, _STATUS)
        options = statement.options
        for name in options.keys() - _STAGE_OPTIONS:
            raise compilation_error(1420, "22023", f"invalid property '{name}' for 'STAGE'")
        url = str(options.get("URL", ""))
        if url and (not is_url(url) or ".." in url.split("/")):
            raise compilation_error(1011, "42601", f"invalid URL prefix found in: '{url}'")
        path = _full_path(session, statement.path)
        self._check_schema(path)
        if self.storage.find(path) is not None and not statement.replaces:
            if statement.only_if_absent:
                return answers.status_row(session, request.query_id, f"{path[2]} already exists, statement succeeded.")
            raise compilation_error(2002, "42710", f"Object '{'.'.join(path)}' already exists.")
        file_format = format_of(options, session, self._connection.cursor())
        self.storage.create(path, url, file_format, integration=options.get("STORAGE_INTEGRATION"))
        return answers.status_row(session, request.query_id, f"Stage area {path[2]} successfully created.")

    def _drop(self, session: Session, request: StatementRequest, statement: Drop) -> JsonObject:
        if request.describe_only:
            return _described(session, request, DDL, _STATUS)
        path = _full_path(session, statement.path)
        if statement.what == "STAGE":
            found = self.storage.drop(path)
        else:
            found = bool(self._connection.cursor().execute(
                "DELETE FROM _fs_global._fs_information_schema._fs_file_formats "
                "WHERE database_name = ? AND schema_name = ? AND name = ? RETURNING name",
                list(path),
            ).fetchall())  # fmt: skip
        if found:
            return answers.status_row(session, request.query_id, f"{path[2]} successfully dropped.")
        if statement.only_if_present:
            text = f"Drop statement executed successfully ({path[2]} already dropped)."
            return answers.status_row(session, request.query_id, text)
        raise _absent(statement.what.capitalize(), path)

    def _list(self, session: Session, request: StatementRequest, statement: ListFiles) -> JsonObject:
        columns = _REMOVED if statement.removes else _LISTED
        if request.describe_only:
            return _described(session, request, UNKNOWN, columns)
        stage = self._stage(session, statement.location.stage)
        files = matching(self.storage.files(stage, statement.location.prefix), statement.options)
        rows: list[tuple[Any, ...]]
        if statement.removes:
            for file in files:
                self.storage.remove(file)
            rows = [(file.name, "removed") for file in files]
        else:
            rows = [(file.name, file.size, file.md5, f"{file.modified:%a, %d %b %Y %H:%M:%S} GMT") for file in files]
        return _rows(session, request, UNKNOWN, columns, rows)

    def _unload(self, session: Session, request: StatementRequest, statement: Unload) -> JsonObject:
        detailed = is_true(statement.options, "DETAILED_OUTPUT")
        columns = unload.DETAILED_COLUMNS if detailed else unload.COLUMNS
        if request.describe_only:
            return _described(session, request, COPY, columns)
        stage = self._stage(session, statement.location.stage)
        file_format = self._format(session, stage, statement.options, "COPY INTO a location")
        unload.check(statement)
        table = self._table_of(
            session, StatementRequest(query_id=request.query_id, sql=statement.query, bindings=request.bindings)
        )
        codec = str(file_format.get("COMPRESSION", "AUTO")).upper()
        rows = unload.unload(self.storage, stage, statement, table, codec=codec, query_id=request.query_id)
        return _rows(session, request, COPY, columns, rows)

    def _load(self, session: Session, request: StatementRequest, statement: Load) -> JsonObject:
        if request.describe_only:
            return _described(session, request, COPY, load.COLUMNS)
        stage = self._stage(session, statement.location.stage)
        if self.storage.files(stage, statement.location.prefix):
            self._format(session, stage, statement.options, "COPY INTO a table")
        rows = self._loader.load(session, stage, statement)
        if not rows:
            return answers.status_row(session, request.query_id, _NOTHING_LOADED, COPY)
        return _rows(session, request, COPY, load.COLUMNS, rows)

    def _format(self, session: Session, stage: Stage, options: Mapping[str, Any], what: str) -> Mapping[str, Any]:
        file_format = format_of(dict(options), session, self._connection.cursor()) or stage.file_format
        parquet_only(file_format, what)
        return file_format

    def _stage(self, session: Session, name: tuple[str, ...]) -> Stage:
        path = _full_path(session, name)
        stage = self.storage.find(path)
        if stage is None:
            raise _absent("Stage", path)
        return stage

    def _check_schema(self, path: StagePath) -> None:
        found = self._connection.cursor().execute(
            "SELECT 1 FROM duckdb_schemas() WHERE lower(database_name) = lower(?) AND lower(schema_name) = lower(?)",
            list(path[:2]),
        )
        if found.fetchone() is None:
            raise _absent("Schema", path[:2])


def _full_path(session: Session, path: tuple[str, ...]) -> StagePath:
    database, schema, name = full_path(path, session.connection.database or "", session.connection.schema or "")
    if not database or not schema:
        raise compilation_error(
            90105,
            "22000",
            "This session does not have a current database. Call 'USE DATABASE', or use a qualified name.",
        )
    return database, schema, name


def _absent(what: str, path: Sequence[str]) -> Exception:
    return compilation_error(2003, "02000", f"{what} '{'.'.join(path)}' does not exist or not authorized.")


def _rowtype(columns: Mapping[str, Any]) -> list[Any]:
    return list(describe_as_rowtype([(name, _KINDS[kind], None, None, None, None) for name, kind in columns.items()]))


def _described(session: Session, request: StatementRequest, type_id: int, columns: Mapping[str, Any]) -> JsonObject:
    return answers.described(session, request.query_id, type_id, _rowtype(columns), 0)


def _rows(
    session: Session,
    request: StatementRequest,
    type_id: int,
    columns: Mapping[str, Any],
    rows: Sequence[tuple[Any, ...]],
) -> JsonObject:
    values = [[row[place] for row in rows] for place in range(len(columns))]
    arrays = [pa.array(column, kind) for column, kind in zip(values, columns.values(), strict=True)]
    table = pa.Table.from_arrays(arrays, names=list(columns))
    return answers.rows(session, request.query_id, type_id, _rowtype(columns), table)
