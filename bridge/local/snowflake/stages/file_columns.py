"""How the columns of a Parquet file become those of a table, and which of its rows cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
from fakesnow.rowtype import describe_as_rowtype

from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.stages.load_records import Column, Target, quoted
from bridge.local.snowflake.stages.storage import StagedFile

_ROW_NUMBER = "file_row_number"
#: What Snowflake refuses to make a value of such a type from, where DuckDB would not mind.
_ONLY_FROM = {"DATE": ("DATE", "VARCHAR"), "BOOLEAN": ("BOOLEAN", "VARCHAR")}


class UnreadableFile(Exception):
    """The file is no Parquet file."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One column of the table as an expression over the file."""

    column: Column
    expression: str
    #: True in a row whose value has no place in the column.
    is_wrong: str
    #: The value as the file has it, for the error.
    given: str


@dataclass(frozen=True, kw_only=True)
class FirstError:
    failure: StatementFailed
    #: Counted from 1.
    row: int
    column: str


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is known of a file before it is loaded."""

    sources: tuple[Source, ...]
    rows: int
    wrong_rows: int
    first_error: FirstError | None

    def insert(self, target: Target, file: StagedFile) -> str:
        """The statement that loads the rows that fit."""
        names = ", ".join(quoted(source.column.name) for source in self.sources)
        values = ", ".join(source.expression for source in self.sources)
        return f"INSERT INTO {target.in_sql} ({names}) SELECT {values} FROM {_rows_of(file)} WHERE NOT {self.is_wrong}"

    @property
    def is_wrong(self) -> str:
        return "(" + " OR ".join(source.is_wrong for source in self.sources) + ")"


def inspect(
    target: Target, file: StagedFile, *, match: str, metadata: Mapping[str, str], connection: Any
) -> Inspection:
    """Look at every row of a file, before any of it is loaded.

    Raises:
        UnreadableFile: it is no Parquet file.
        StatementFailed: its columns cannot be matched at all.
    """
    kinds = _kinds(file, connection)
    sources = tuple(_sources(target, file, kinds, match, metadata))
    smallest = ", ".join(f"min(CASE WHEN {source.is_wrong} THEN {_ROW_NUMBER} END)" for source in sources)
    wrong = " OR ".join(source.is_wrong for source in sources)
    counted = connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {wrong}), {smallest} FROM {_rows_of(file)}"
    ).fetchone()
    rows, wrong_rows, *first_rows = counted
    return Inspection(
        sources=sources,
        rows=rows,
        wrong_rows=wrong_rows,
        first_error=_first_error(target, file, sources, first_rows, connection) if wrong_rows else None,
    )


def _kinds(file: StagedFile, connection: Any) -> dict[str, str]:
    """The file's columns with DuckDB's types."""
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({_text(str(file.local))})").fetchall()
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        reason = str(error).split("\n")[0].partition(": ")[2].replace(str(file.local), file.metadata_name)
        raise UnreadableFile(f"Error parsing the parquet file: {reason}") from error
    return {name: kind for name, kind, *_ in described}


def _sources(
    target: Target, file: StagedFile, kinds: Mapping[str, str], match: str, metadata: Mapping[str, str]
) -> list[Source]:
    if match == "NONE":
        return [_whole_row(target, kinds)]
    fold = str.upper if match == "CASE_INSENSITIVE" else str
    names = {fold(name): name for name in kinds}
    if len(names) < len(kinds):
        raise compilation_error(1002, "42601", f"duplicate column name in file '{file.metadata_name}'")
    told = {column.upper(): _metadata(file, what) for column, what in metadata.items()}
    unknown = told.keys() - {column.name.upper() for column in target.columns}
    if unknown:
        raise compilation_error(904, "42000", f"invalid identifier '{min(unknown)}'")
    sources = []
    for column in target.columns:
        name = names.get(fold(column.name))
        if column.name.upper() in told:
            sources.append(_source(column, told[column.name.upper()], ""))
        elif name is None:
            sources.append(_source(column, "NULL", ""))
        else:
            sources.append(_source(column, quoted(name), kinds[name]))
    return sources


def _whole_row(target: Target, kinds: Mapping[str, str]) -> Source:
    if [column.kind for column in target.columns] != ["JSON"]:
        raise compilation_error(
            2019,
            "0A000",
            "PARQUET file format can produce one and only one column of type variant, object, or array. Load data "
            "into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with transformation.",
        )
    pairs = ", ".join(f"{_text(name)}, {_in_json(quoted(name), kind)}" for name, kind in kinds.items())
    return _source(target.columns[0], f"json_object({pairs})", "JSON")


def _source(column: Column, value: str, kind: str) -> Source:
    """`kind` is the type within the file, or empty for a value that fits for certain."""
    if column.kind == "JSON" and kind:
        expression, fits = _in_json(value, kind), "true"
    elif not kind or kind == column.kind:
        expression, fits = f"CAST({value} AS {column.kind})", "true"
    elif kind not in _ONLY_FROM.get(column.kind, (kind,)):
        expression, fits = f"CAST(NULL AS {column.kind})", f"{value} IS NULL"
    else:
        expression = f"TRY_CAST({value} AS {column.kind})"
        fits = f"({value} IS NULL OR {expression} IS NOT NULL)"
    missing = f"{expression} IS NULL" if column.is_required else "false"
    return Source(
        column=column,
        expression=expression,
        is_wrong=f"(NOT {fits} OR {missing})",
        given=f"CAST({value} AS VARCHAR)",
    )


def _in_json(value: str, kind: str) -> str:
    """A text stays a text, even if it is JSON, also where the file says that it is."""
    return f"to_json(CAST({value} AS VARCHAR))" if kind == "JSON" and value.startswith('"') else f"to_json({value})"


def _metadata(file: StagedFile, what: str) -> str:
    expressions = {
        "METADATA$FILENAME": _text(file.metadata_name),
        "METADATA$FILE_ROW_NUMBER": f"({_ROW_NUMBER} + 1)",
        "METADATA$FILE_CONTENT_KEY": _text(file.md5),
        "METADATA$FILE_LAST_MODIFIED": f"TIMESTAMP {_text(file.modified.replace(tzinfo=None).isoformat(sep=' '))}",
        "METADATA$START_SCAN_TIME": "now()",
    }
    if what.upper() not in expressions:
        raise unsupported(f"INCLUDE_METADATA with {what}")
    return expressions[what.upper()]


def _first_error(
    target: Target, file: StagedFile, sources: tuple[Source, ...], first_rows: list[int | None], connection: Any
) -> FirstError:
    row, place = min((row, place) for place, row in enumerate(first_rows) if row is not None)
    source = sources[place]
    sql = f"SELECT {source.given} FROM {_rows_of(file)} WHERE {_ROW_NUMBER} = {row}"
    (given,) = connection.execute(sql).fetchone()
    return FirstError(
        failure=_failure(source.column, given),
        row=row + 1,
        column=f'"{target.name}"["{source.column.name}":{target.columns.index(source.column) + 1}]',
    )


def _failure(column: Column, given: str | None) -> StatementFailed:
    if given is None:
        return StatementFailed(100072, "22000", "NULL result in a non-nullable column")
    kind = describe_as_rowtype([(column.name, column.kind, None, None, None, None)])[0]["type"].upper()
    return StatementFailed(100071, "22000", f'Failed to cast variant value "{given}" to {kind}')


def _rows_of(file: StagedFile) -> str:
    return f"read_parquet({_text(str(file.local))}, {_ROW_NUMBER} = true)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
