"""Which file format a COPY means: its own, else the stage's; only Parquet is carried out."""

from collections.abc import Mapping
from typing import Any

from fakesnow.transforms.file_format import lookup_file_format

from bridge.local.snowflake.errors import unsupported
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.stages.reading import Options


def format_of(options: Options, session: Session, connection: Any) -> Mapping[str, Any]:
    """The format that the options of a statement name or describe; nothing if they do neither.

    Raises:
        snowflake.connector.errors.ProgrammingError: the named format does not exist.
    """
    given = options.get("FILE_FORMAT", {})
    clauses = dict(given) if isinstance(given, Mapping) else {"FORMAT_NAME": given}
    name = clauses.pop("FORMAT_NAME", None)
    if name is None:
        return clauses
    database, schema = session.connection.database, session.connection.schema
    return {**lookup_file_format(connection, str(name), database, schema), **clauses}


def parquet_only(file_format: Mapping[str, Any], what: str) -> None:
    """Refuse what would be read or written as anything but Parquet.

    Raises:
        StatementFailed: it is another format; without a TYPE it is CSV.
    """
    kind = str(file_format.get("TYPE", "CSV")).upper()
    if kind != "PARQUET":
        raise unsupported(f"{what} of {kind} files")
