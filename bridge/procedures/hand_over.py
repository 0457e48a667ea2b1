"""Handing data to a run as Parquet files, and loading what it wrote: a table is too large to be an input.

Files lie on a stage that Azure ML sees as a datastore: a run's data in `in/{run id}/`, its results in `out/{run id}/`.
The run id is computed before there is a run, so that the files are there first.
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

STAGE = "EXCHANGE"
ENDED = ("COMPLETED", "FAILED", "CANCELED", "REJECTED")
#: Files of this size are read well in parallel.
FILE_BYTES = 256 * 1024 * 1024
#: A file that does not fit is not loaded by trying for ever.
TRIES = 5
_RUN_ID = re.compile(r"r-[a-z2-7]{26}")
_QUERY = re.compile(r"\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_NAME_PART = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")'
_NAME = re.compile(_NAME_PART + r"(?:\." + _NAME_PART + "){0,2}")
#: A run that ended without results is marked by LOADED_AT alone; for a while a replay may still complete it.
_OPEN = """
SELECT RUN_ID, LOADED_AT IS NOT NULL FROM HAND_OVERS
WHERE TRIES < ? AND (
  LOADED_AT IS NULL OR (ROWS_LOADED IS NULL AND EXPORTED_AT > DATEADD('day', -62, CURRENT_TIMESTAMP()))
)
ORDER BY 2, EXPORTED_AT LIMIT 1000
"""
#: The ids are named, so that not the whole ledger is read.
_STATUSES = "SELECT RUN_ID, STATUS FROM RUNS_ALL WHERE RUN_ID IN ({})"
_FAILED = "UPDATE HAND_OVERS SET TRIES = TRIES + 1 WHERE RUN_ID = ?"
_DONE = "UPDATE HAND_OVERS SET LOADED_AT = CURRENT_TIMESTAMP(), ROWS_LOADED = ? WHERE RUN_ID = ?"


class Writer(Protocol):
    """What writes a frame's rows."""

    def copy_into_location(self, location: str, **options: Any) -> Sequence[Any]: ...


class Frame(Protocol):
    """What Snowpark makes of a query or a table."""

    @property
    def write(self) -> Writer: ...

    def collect(self) -> Sequence[Any]: ...


class Session(Protocol):
    """As much of a Snowpark session as is needed."""

    def sql(self, query: str, params: Sequence[Any] | None = None) -> Frame: ...

    def table(self, name: str) -> Frame: ...


def export_and_submit(
    session: Session,
    source: str,
    pipeline: str,
    inputs_json: str | None,
    idempotency_key: str | None = None,
    *,
    bridge_name: str,
    datastore_path: str,
    home: str | None = None,
    input_name: str = "data",
) -> dict[str, Any]:
    """Unload a table, a view or a query, and start a run on the files; `input_name` is the input that gets their path.

    With the caller's rights it also runs in the caller's schema: `home` is then the bridge's own, as DATABASE.SCHEMA.
    With a key that was used before, nothing is unloaded again: a run may be reading the files.
    TIMESTAMP_TZ and TIMESTAMP_LTZ cannot be unloaded to Parquet: cast them to TIMESTAMP_NTZ.
    """
    if not pipeline or not source:
        raise ValueError("say what to unload and which pipeline to run")
    if input_name in _object(inputs_json):
        raise ValueError(f"the input '{input_name}' becomes the path of the files: leave it out")
    frame = _frame(session, source)
    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    run = run_id(bridge_name, pipeline, key)
    place = f"{quoted(home)}." if home else ""
    folder, hand_overs = f"'@{place}{STAGE}/in/{run}/'", f"{place}HAND_OVERS"
    answer: dict[str, Any] = {"run_id": run, "pipeline": pipeline, "idempotency_key": key}
    is_new = not session.sql(f"SELECT 1 FROM {hand_overs} WHERE RUN_ID = ?", [run]).collect()  # noqa: S608 # nosec B608 # in quotes
    if is_new:
        answer["rows_exported"] = _export(session, frame, folder)
        if answer["rows_exported"] == 0:
            error = {"code": "NO_ROWS", "message": f"nothing to run on: no rows in {source[:200]}", "field": None}
            return {"status": "REJECTED", **answer, "error": error}
        # Only now: whoever finds the row may rely on the files.
        session.sql(f"INSERT INTO {hand_overs} (RUN_ID, PIPELINE) VALUES (?, ?)", [run, pipeline]).collect()  # noqa: S608 # nosec B608 # in quotes
    answer["path"] = f"{datastore_path.rstrip('/')}/in/{run}/"
    row = session.sql(
        f"CALL {place}START_RUN_JSON(?, ?, ?)", [pipeline, _with_path(inputs_json, input_name, answer["path"]), key]
    ).collect()[0]
    answer |= {name: value for name, value in json.loads(row[0]).items() if value is not None}
    if answer.get("run_id") != run and answer.get("status") != "REJECTED":
        raise RuntimeError(f"the app made run {answer.get('run_id')}, not {run}: is its BRIDGE_NAME '{bridge_name}'?")
    if answer.get("status") == "REJECTED" and is_new:
        session.sql(f"REMOVE {folder}").collect()
        session.sql(f"DELETE FROM {hand_overs} WHERE RUN_ID = ?", [run]).collect()  # noqa: S608 # nosec B608 # in quotes
    return answer


def load_outputs(session: Session, table: str) -> dict[str, Any]:
    """Load the results of all runs that have completed since, by the names of the columns; a file is loaded once.

    A run whose results could not be loaded is tried again with the next calls, a few times.

    Raises: RuntimeError when the results of some could not be loaded, after all others were.
    """
    target = quoted(table)
    loaded, rows, otherwise = 0, 0, 0
    failures: list[str] = []
    for run, is_marked, status in _ended(session):
        try:
            if status == "COMPLETED":
                count = _load(session, target, run)
                session.sql(_DONE, [count, run]).collect()
                loaded, rows = loaded + 1, rows + count
            elif not is_marked:
                session.sql(_DONE, [None, run]).collect()
                otherwise += 1
        except Exception as error:
            failures.append(f"{run}: {error}")
            session.sql(_FAILED, [run]).collect()
    if failures:
        raise RuntimeError(
            f"the results of {len(failures)} runs could not be loaded, those of {loaded} were. They stay for the "
            f"next calls until they have failed {TRIES} times; set HAND_OVERS.TRIES to 0 to try again. "
            f"The first: {failures[0][:2_000]}"
        )
    return {"runs_loaded": loaded, "rows_loaded": rows, "runs_without_results": otherwise}


def run_id(bridge_name: str, pipeline: str, idempotency_key: str) -> str:
    """The same id that the app computes."""
    digest = hashlib.sha256()
    for part in (bridge_name, pipeline, idempotency_key):
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return "r-" + base64.b32encode(digest.digest()).decode().lower()[:26]


def quoted(name: str) -> str:
    """A name of up to three parts, each in quotes, so that it can be nothing else than a name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not the name of a table or view: {name[:200]!r}")
    parts = re.findall(_NAME_PART, name)
    return ".".join(part if part.startswith('"') else f'"{part.upper()}"' for part in parts)


def _frame(session: Session, source: str) -> Frame:
    """A query is the caller's own and runs with the caller's rights; a name is never spliced into one as it is."""
    if _QUERY.match(source):
        return session.sql(source.strip().rstrip(";"))
    return session.table(quoted(source.strip()))


def _export(session: Session, frame: Frame, folder: str) -> int:
    # An unload that ended half-way may have left files that this one does not overwrite.
    session.sql(f"REMOVE {folder}").collect()
    # Without a header the columns would be named _COL_0, _COL_1, ...
    found = frame.write.copy_into_location(
        folder, file_format_type="parquet", header=True, overwrite=True, max_file_size=FILE_BYTES
    )
    return sum(_of(row, "rows_unloaded") for row in found)


def _ended(session: Session) -> list[tuple[str, bool, str]]:
    """The hand-overs to look at whose runs have ended: run id, whether it is marked already, and status."""
    marked = {str(run): bool(is_marked) for run, is_marked in session.sql(_OPEN, [TRIES]).collect()}
    if not marked:
        return []
    binds = ", ".join("?" * len(marked))
    found = session.sql(_STATUSES.format(binds), list(marked)).collect()
    return [(run, marked[run], status) for run, status in found if status in ENDED]


def _load(session: Session, target: str, run: str) -> int:
    if not _RUN_ID.fullmatch(run):
        raise ValueError(f"not a run id: {run[:100]!r}")
    found = session.sql(
        f"COPY INTO {target} FROM '@{STAGE}/out/{run}/' "
        # Not the marker files that some writers leave beside their data.
        "PATTERN = '.*[.]parquet' FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    ).collect()
    return sum(_of(row, "rows_loaded") for row in found)


def _of(row: Any, column: str) -> int:
    """A count of a COPY, whose only column is a status when there was nothing to copy."""
    values = {name.strip('"').lower(): value for name, value in row.as_dict().items()}
    return int(values.get(column) or 0)


def _object(inputs_json: str | None) -> dict[str, Any]:
    try:
        inputs = json.loads(inputs_json or "{}")
    except ValueError as error:
        raise ValueError(f"the inputs are no JSON: {error}") from None
    if not isinstance(inputs, dict):
        text = "the inputs are no JSON object: give one such as {'rows': 5}, or NULL for none"
        raise ValueError(text)  # noqa: TRY004 - the value of a caller, not a mistake in a program
    return inputs


def _with_path(inputs_json: str | None, name: str, path: str) -> str:
    """The inputs and one more; their own text stays as it is, so that no number loses a digit."""
    given = (inputs_json or "{}").strip()[1:-1].strip()
    return "{" + ", ".join(part for part in (given, json.dumps({name: path})[1:-1]) if part) + "}"
