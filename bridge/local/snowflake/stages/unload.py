"""COPY INTO a location: the rows of a query as Parquet files in a stage."""

import io
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.stages.reading import Unload, is_true, whole_number
from bridge.local.snowflake.stages.storage import NoSuchFile, Stage, StageStorage

COLUMNS = {"rows_unloaded": pa.int64(), "input_bytes": pa.int64(), "output_bytes": pa.int64()}
DETAILED_COLUMNS = {"FILE_NAME": pa.string(), "FILE_SIZE": pa.int64(), "ROW_COUNT": pa.int64()}
_OPTIONS = frozenset(
    {"FILE_FORMAT", "HEADER", "OVERWRITE", "SINGLE", "MAX_FILE_SIZE", "INCLUDE_QUERY_ID", "DETAILED_OUTPUT"}
)
_MAX_FILE_SIZE = 16 * 1024 * 1024
_LARGEST_FILE = 5 * 1024 * 1024 * 1024
#: Codec and file name extension.
_CODECS = {
    "AUTO": ("snappy", ".snappy.parquet"),
    "SNAPPY": ("snappy", ".snappy.parquet"),
    "NONE": ("none", ".parquet"),
}


@dataclass(frozen=True, kw_only=True)
class _Part:
    name: str
    content: bytes
    rows: int
    bytes_before: int


def check(statement: Unload) -> None:
    """Refuse options that are not known, or that exclude each other.

    Raises:
        StatementFailed: there is such an option.
    """
    options = statement.options
    for name in options.keys() - _OPTIONS:
        raise unsupported(f"COPY INTO a location with {name}")
    if is_true(options, "INCLUDE_QUERY_ID"):
        for name in ("OVERWRITE", "SINGLE"):
            if is_true(options, name):
                raise compilation_error(1005, "42601", f"copy options INCLUDE_QUERY_ID and {name} cannot both be TRUE")
    if whole_number(options, "MAX_FILE_SIZE", _MAX_FILE_SIZE) > _LARGEST_FILE:
        raise compilation_error(1003, "42000", "MAX_FILE_SIZE is at most 5 GB")


def unload(
    storage: StageStorage, stage: Stage, statement: Unload, table: Any, *, codec: str, query_id: str
) -> list[tuple[Any, ...]]:
    """Write the rows, and tell the rows of the answer.

    Raises:
        StatementFailed: a column has no Parquet type, files are there already, or one file is too large.
    """
    if codec not in _CODECS:
        raise unsupported(f"COPY INTO a location with COMPRESSION = {codec}")
    compression, extension = _CODECS[codec]
    options = statement.options
    table = _named(_unloadable(table), keep_names=is_true(options, "HEADER"))
    if is_true(options, "SINGLE"):
        names = [_single_name(statement.location.prefix)]
    else:
        names = _names(statement, table, extension, query_id)
    parts = _parts(table, names, compression) if table.num_rows else []
    if is_true(options, "SINGLE"):
        _check_size(parts, whole_number(options, "MAX_FILE_SIZE", _MAX_FILE_SIZE))
    if not is_true(options, "OVERWRITE"):
        _check_absent(storage, stage, statement, single=names[0] if is_true(options, "SINGLE") else None)
    for part in parts:
        try:
            storage.write(stage, part.name, part.content)
        except (NoSuchFile, OSError) as error:
            raise compilation_error(1011, "42601", f"cannot write '{part.name}' in this stage: {error}") from error
    return _answer(statement, parts)


def _unloadable(table: Any) -> Any:
    for column in table.schema:
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            raise StatementFailed(
                100171,
                "22000",
                "Error encountered when unloading to PARQUET: TIMESTAMP_TZ and LTZ types are not supported for "
                "unloading to Parquet. value get: TIMESTAMP_TZ",
            )
    plain = [pa.string() if pa.types.is_null(column.type) else column.type for column in table.schema]
    return table.cast(pa.schema([column.with_type(kind) for column, kind in zip(table.schema, plain, strict=True)]))


def _named(table: Any, *, keep_names: bool) -> Any:
    names = table.column_names if keep_names else [f"_COL_{place}" for place in range(table.num_columns)]
    return table.rename_columns(names).replace_schema_metadata(None)


def _names(statement: Unload, table: Any, extension: str, query_id: str) -> list[str]:
    """As many names as files of MAX_FILE_SIZE are needed for the rows before compression."""
    size = whole_number(statement.options, "MAX_FILE_SIZE", _MAX_FILE_SIZE)
    count = min(max(-(-table.nbytes // size), 1), max(table.num_rows, 1))
    prefix = statement.location.prefix
    start = prefix + ("data_" if not prefix or prefix.endswith("/") else "" if prefix.endswith("_") else "_")
    if is_true(statement.options, "INCLUDE_QUERY_ID"):
        start += f"{query_id}_"
    return [f"{start}0_{number}_0{extension}" for number in range(count)]


def _single_name(prefix: str) -> str:
    return f"{prefix}data" if not prefix or prefix.endswith("/") else prefix


def _parts(table: Any, names: list[str], codec: str) -> list[_Part]:
    parts = []
    for number, name in enumerate(names):
        start, end = (table.num_rows * place // len(names) for place in (number, number + 1))
        rows = table.slice(start, end - start)
        sink = io.BytesIO()
        pq.write_table(rows, sink, compression=codec)
        parts.append(_Part(name=name, content=sink.getvalue(), rows=end - start, bytes_before=rows.nbytes))
    return parts


def _check_size(parts: list[_Part], size: int) -> None:
    if any(len(part.content) > size for part in parts):
        raise StatementFailed(100080, "22000", f"Max file size ({size}) exceeded for unload single file mode.")


def _check_absent(storage: StageStorage, stage: Stage, statement: Unload, *, single: str | None) -> None:
    """One file minds its own name, several mind every name that begins as theirs would."""
    found = [file.path for file in storage.files(stage, statement.location.prefix)]
    if (single in found) if single is not None else found:
        raise StatementFailed(
            1030,
            "22000",
            f"Files already existing at the unload destination: {statement.location.text}. "
            "Use overwrite option to force unloading.",
        )


def _answer(statement: Unload, parts: list[_Part]) -> list[tuple[Any, ...]]:
    if is_true(statement.options, "DETAILED_OUTPUT"):
        folder = statement.location.prefix.rpartition("/")[0]
        return [(part.name.removeprefix(f"{folder}/"), len(part.content), part.rows) for part in parts]
    return [
        (
            sum(part.rows for part in parts),
            sum(part.bytes_before for part in parts),
            sum(len(part.content) for part in parts),
        )
    ]
