"""Which files a table has had already, kept in the table's own database so that it shares the load's transaction."""

from dataclasses import dataclass
from typing import Any

from bridge.local.snowflake.errors import compilation_error
from bridge.local.snowflake.external_functions import full_path
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.stages.storage import StagedFile

_NAME = "_fs_loaded_files"
_TARGET = """
    SELECT database_name, schema_name, table_name, table_oid, temporary FROM duckdb_tables()
    WHERE lower(table_name) = lower(?)
      AND (temporary OR (lower(database_name) = lower(?) AND lower(schema_name) = lower(?)))
    ORDER BY temporary DESC LIMIT 1
"""
_COLUMNS = """
    SELECT column_name, data_type, NOT is_nullable FROM duckdb_columns()
    WHERE database_name = ? AND table_oid = ? ORDER BY column_index
"""


@dataclass(frozen=True)
class Column:
    """A column of the table that is loaded."""

    name: str
    #: As DuckDB calls it.
    kind: str
    is_required: bool


@dataclass(frozen=True, kw_only=True)
class Target:
    """The table that is loaded. Its number changes when it is replaced: a new table has had no files."""

    database: str
    schema: str
    name: str
    number: int
    columns: tuple[Column, ...]

    @property
    def in_sql(self) -> str:
        return ".".join(quoted(part) for part in (self.database, self.schema, self.name))

    @property
    def records(self) -> str:
        """The table of the files that tables of this database have had."""
        home = "temp.main" if self.database == "temp" else f"{quoted(self.database)}._fs_information_schema"
        return f"{home}.{_NAME}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def target_of(session: Session, path: tuple[str, ...]) -> Target:
    """The table of a name, as this session sees it.

    Raises:
        StatementFailed: there is no such table.
    """
    database, schema, name = full_path(path, session.connection.database or "", session.connection.schema or "")
    duck = session.connection._duck_conn
    found = duck.execute(_TARGET, [name, database, schema]).fetchone()
    if found is None:
        shown = ".".join(part for part in (database, schema, name) if part)
        raise compilation_error(2003, "42S02", f"Table '{shown}' does not exist or not authorized.")
    columns = duck.execute(_COLUMNS, [found[0], found[3]]).fetchall()
    return Target(
        database=found[0],
        schema=found[1],
        name=found[2],
        number=found[3],
        columns=tuple(Column(*column) for column in columns),
    )


def prepare(target: Target, session: Session, connection: Any) -> None:
    """See that there is a table of records; not in the session's transaction, where two would be in conflict."""
    is_temporary = target.database == "temp"
    duck = session.connection._duck_conn if is_temporary else connection
    kind = "TEMPORARY TABLE" if is_temporary else "TABLE"
    duck.execute(
        f"CREATE {kind} IF NOT EXISTS {target.records} (table_number BIGINT, file VARCHAR, etag VARCHAR, "
        "loaded_at TIMESTAMPTZ, PRIMARY KEY (table_number, file))"
    )


def not_loaded(target: Target, session: Session, files: list[StagedFile]) -> list[StagedFile]:
    """The files that the table has not had in the state in which they are now."""
    sql = f"SELECT file, etag FROM {target.records} WHERE table_number = ?"
    known = dict(session.connection._duck_conn.execute(sql, [target.number]).fetchall())
    return [file for file in files if known.get(str(file.local)) != file.etag]


def remember(target: Target, session: Session, file: StagedFile) -> None:
    session.connection._duck_conn.execute(
        f"INSERT INTO {target.records} VALUES (?, ?, ?, now()) "
        "ON CONFLICT DO UPDATE SET etag = excluded.etag, loaded_at = excluded.loaded_at",
        [target.number, str(file.local), file.etag],
    )


def forget(session: Session, path: tuple[str, ...]) -> None:
    """A table that is truncated may be loaded again.

    Raises:
        StatementFailed: there is no such table.
    """
    target = target_of(session, path)
    duck = session.connection._duck_conn
    if any(target.database == database for (database,) in duck.execute(_homes()).fetchall()):
        duck.execute(f"DELETE FROM {target.records} WHERE table_number = ?", [target.number])


def forget_all(connection: Any) -> None:
    for (database,) in connection.execute(_homes()).fetchall():
        connection.execute(f"DELETE FROM {quoted(database)}._fs_information_schema.{_NAME}")


def _homes() -> str:
    return f"SELECT database_name FROM duckdb_tables() WHERE table_name = '{_NAME}'"
