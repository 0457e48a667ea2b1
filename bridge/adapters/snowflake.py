"""The ledger through snowflake-connector-python: one connection a process, made again when it is lost."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.adapters.statements import read_statements
from bridge.domain.errors import RefusedData, RetryableError, ServiceUnavailable
from bridge.domain.records import TABLES, ActionStatus, AmlEvent, Records
from bridge.domain.signals import SILENT, Attributes, Span, SpanKind, Telemetry
from bridge.payloads import lossless
from bridge.payloads.commands import timestamp
from bridge.payloads.records import row_texts
from bridge.ports import DeadLetterFilter, DecisionFilter, RunFilter, RunSearch

log = logging.getLogger(__name__)
STATEMENTS = read_statements(Path(__file__).with_name("snowflake.sql"))
LOGIN_SECONDS = 20
REQUEST_SECONDS = 60
QUERY_SECONDS = 90
#: How long a statement waits for those before it.
TURN_SECONDS = 60
#: What is only asked to spare work waits for less, and not at all for a while after it got no answer.
HINT_SECONDS = 10
HINT_PAUSE_SECONDS = 30
#: Characters of one JSON bind; Snowflake parses up to 16 MB.
BIND_LIMIT = 4_000_000
#: Ids that are bound one by one in one statement.
IDS_LIMIT = 1000
#: Session is gone, session token expired, connection closed.
LOST_SESSION = frozenset({390111, 390112, 390114, 250002})
#: SQLSTATE classes of values that a column does not take.
DATA_CLASSES = ("22",)
#: Within that class only these numbers are about values; others are a suspended warehouse or a missing database.
DATA_ERRORS = range(100_000, 101_000)
SEMI_STRUCTURED = frozenset({"INPUTS", "OUTPUTS", "PAYLOAD", "DATA"})


class SnowflakeLedger:
    """Ledger over Snowflake; connects on first use."""

    def __init__(self, arguments: Mapping[str, Any], telemetry: Telemetry = SILENT) -> None:
        #: For `snowflake.connector.connect`: account, identity, database and schema.
        self._arguments = arguments
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._connection: Any = None
        #: By the process's own clock.
        self._hints_pause_until = 0.0

    def write(self, records: Records) -> None:
        self.write_rows(row_texts(records))

    def write_rows(self, rows: Mapping[str, Sequence[str]]) -> None:
        for table in TABLES:
            for bind in _binds(rows.get(table, ())):
                self._execute(f"insert_{table}", [bind])

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        rows = self._execute("one_run", [run_id])
        return rows[0] if rows else None

    def runs_by_id(self, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return self._runs("runs_by_id", run_ids)

    def batch(self, query_batch_id: str) -> Sequence[Mapping[str, Any]]:
        asked = self._execute("batch_rows", [query_batch_id])
        runs = self.runs_by_id(sorted({str(found["run_id"]) for found in asked}))
        return [{**runs[found["run_id"]], **found} for found in asked if found["run_id"] in runs]

    def dead_letters_by_id(self, dead_letter_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {str(found["dead_letter_id"]): found for found in self._by_ids("dead_letters_by_id", dead_letter_ids)}

    def dead_letters(self, wanted: DeadLetterFilter) -> Sequence[Mapping[str, Any]]:
        binds: list[Any] = []
        for value in (wanted.queue, wanted.run_id, timestamp(wanted.since)):
            binds += [value, value]
        return self._execute("list_dead_letters", [*binds, wanted.limit, wanted.offset])

    def events(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        return self._execute("run_history", [run_id])

    def runs(self, wanted: RunFilter) -> Sequence[Mapping[str, Any]]:
        since = timestamp(wanted.since)
        binds: list[Any] = []
        for value in (wanted.status, wanted.pipeline, wanted.query_batch_id, since):
            binds += [value, value]
        page = [str(found["run_id"]) for found in self._execute("list_runs", [*binds, wanted.limit, wanted.offset])]
        runs = self._runs("runs_on_page", page)
        return [runs[run_id] for run_id in page if run_id in runs]

    def ended(self, run_ids: Sequence[str]) -> frozenset[str]:
        return frozenset(str(found["run_id"]) for found in self._by_ids("ended_runs", run_ids))

    def fired(self, action_ids: Sequence[str]) -> Mapping[str, str]:
        if time.monotonic() < self._hints_pause_until:
            raise ServiceUnavailable("Snowflake did not answer a moment ago")
        try:
            rows = self._by_ids("fired", action_ids, wait=HINT_SECONDS)
        except RetryableError:
            self._hints_pause_until = time.monotonic() + HINT_PAUSE_SECONDS
            raise
        return {str(found["action_id"]): str(found["event_id"]) for found in rows}

    def aml_events(self, *, since: datetime, limit: int) -> Sequence[AmlEvent]:
        return [_event(found) for found in self._execute("aml_events_since", [timestamp(since), limit])]

    def search(self, wanted: RunSearch) -> Sequence[Mapping[str, Any]]:
        binds = [*_search_binds(wanted), wanted.status, wanted.status, wanted.status, wanted.limit, wanted.offset]
        return self._execute("search_runs", binds)

    def totals(self, wanted: RunSearch, every: timedelta) -> Sequence[Mapping[str, Any]]:
        since = timestamp(wanted.since)
        rows = self._execute("run_totals", [*_search_binds(wanted), int(every.total_seconds()), since, since])
        return [_total(found) for found in rows]

    def surroundings(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        return self._execute("run_surroundings", [run_id, run_id, run_id])

    def decisions(self, wanted: DecisionFilter) -> Sequence[Mapping[str, Any]]:
        left_out = None if wanted.not_fired else ActionStatus.NOT_FIRED.value
        binds = [timestamp(wanted.since), wanted.rule, wanted.rule, left_out, left_out]
        return self._execute("list_decisions", [*binds, wanted.limit, wanted.offset])

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _runs(self, name: str, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {str(found["run_id"]): found for found in self._by_ids(name, run_ids)}

    def _by_ids(self, name: str, ids: Sequence[str], wait: float = TURN_SECONDS) -> list[dict[str, Any]]:
        """What is known of these ids, each once and a bind of its own; none at all need no statement."""
        wanted = list(dict.fromkeys(ids))
        found: list[dict[str, Any]] = []
        for start in range(0, len(wanted), IDS_LIMIT):
            found += self._execute(name, wanted[start : start + IDS_LIMIT], wait)
        return found

    @contextmanager
    def _turn(self, name: str, seconds: float) -> Iterator[None]:
        """One statement at a time; who would wait for long behind one that hangs is told that there is no answer."""
        if not self._lock.acquire(timeout=seconds):
            raise ServiceUnavailable(f"Snowflake does not answer: {name} waited behind other statements")
        try:
            yield
        finally:
            self._lock.release()

    def _telling(self, name: str) -> AbstractContextManager[Span]:
        attributes: Attributes = {
            "db.system.name": "snowflake",
            "db.namespace": f"{self._arguments.get('database')}|{self._arguments.get('schema')}",
            "db.operation.name": STATEMENTS[name].partition(" ")[0].upper(),
            "db.query.summary": name,
            "server.address": str(self._arguments.get("host") or self._arguments.get("account")),
        }
        return self._telemetry.span(name, SpanKind.CLIENT, attributes=attributes)

    def _execute(self, name: str, binds: Sequence[Any], wait: float = TURN_SECONDS) -> list[dict[str, Any]]:
        """Run one statement, once more on a new connection when the old one turns out to be lost."""
        with self._turn(name, wait), self._telling(name), _translated(name):
            try:
                return self._once(name, binds)
            except Exception as error:
                connection = self._connection
                if connection is None or _is_about_data(error):
                    raise
                lost = _is_lost(error, connection)
                self._drop()  # whatever was wrong with it, the next statement begins anew
                if not lost:
                    raise
                log.info("the Snowflake session was lost; connecting again")
                return self._once(name, binds)

    def _once(self, name: str, binds: Sequence[Any]) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = _connect(self._arguments)
        with self._connection.cursor() as cursor:
            # A statement with such a list has no other binds.
            text = STATEMENTS[name].replace("IN (?)", f"IN ({', '.join('?' * len(binds))})")
            cursor.execute(text, tuple(binds), timeout=QUERY_SECONDS)
            if name.startswith("insert_"):
                return []
            names = [str(column[0]) for column in cursor.description]
            return [_plain(dict(zip(names, values, strict=True))) for values in cursor.fetchall()]

    def _drop(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except Exception:
                log.info("the lost connection could not be closed", exc_info=True)
            self._connection = None


def _connect(arguments: Mapping[str, Any]) -> Any:
    import snowflake.connector

    return snowflake.connector.connect(
        **arguments,
        paramstyle="qmark",
        login_timeout=LOGIN_SECONDS,
        request_timeout=REQUEST_SECONDS,
        query_timeout=QUERY_SECONDS,
        client_session_keep_alive=False,
        enable_server_session_keep_alive_auto_detection=False,
        session_parameters={"QUERY_TAG": "aml-bridge", "TIMEZONE": "UTC"},
    )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """The connector's errors by what has to be done next: only refused values are the records' own fault."""
    from snowflake.connector import errors

    try:
        yield
    except (errors.IntegrityError, errors.ProgrammingError) as error:
        if _is_about_data(error):
            raise RefusedData(
                f"Snowflake refused a value: {error.raw_msg or error.msg}", code=str(error.errno)
            ) from error
        # A missing table or grant: someone will mend it, and until then nothing may be lost.
        raise RetryableError(f"Snowflake refused {name}: {error.errno} {error.raw_msg or error.msg}") from error
    except errors.Error as error:
        raise ServiceUnavailable(f"Snowflake did not answer {name}: {type(error).__name__} {error.errno}") from error
    except OSError as error:
        raise ServiceUnavailable(f"Snowflake could not be reached for {name}: {type(error).__name__}") from error


def _is_about_data(error: Any) -> bool:
    """Whether other values would be taken. A NULL where none may be is an IntegrityError of the same class."""
    state, number = str(getattr(error, "sqlstate", None) or ""), getattr(error, "errno", None)
    return state.startswith(DATA_CLASSES) and number in DATA_ERRORS


def _is_lost(error: Exception, connection: Any) -> bool:
    return getattr(error, "errno", None) in LOST_SESSION or bool(connection.is_closed())


def _binds(rows: Iterable[str]) -> Iterator[str]:
    """JSON arrays that stay under the bind's limit; each text has one row or several."""
    texts: list[str] = []
    size = 0
    for text in rows:
        if texts and size + len(text) > BIND_LIMIT:
            yield f"[{','.join(texts)}]"
            texts, size = [], 0
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield f"[{','.join(texts)}]"


def _plain(columns: dict[str, Any]) -> dict[str, Any]:
    """Lower-case names and JSON-able values; VARIANT comes from the connector as JSON text."""
    return {name.lower(): _value(name, value) for name, value in columns.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, str) and name.upper() in SEMI_STRUCTURED:
        return lossless.loads(value)
    if isinstance(value, datetime):
        return timestamp(value)
    return value.isoformat() if isinstance(value, date) else value


def _search_binds(wanted: RunSearch) -> list[Any]:
    ids = " ".join(wanted.run_ids)
    return [timestamp(wanted.since), wanted.pipeline, wanted.pipeline, wanted.text, ids, wanted.text]


def _total(found: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as numbers, whatever types the database counts in."""
    seconds = {name: None if found[name] is None else float(found[name]) for name in ("median_seconds", "slow_seconds")}
    return {**found, **seconds, "amount": int(found["amount"])}


def _event(found: Mapping[str, Any]) -> AmlEvent:
    """The event as it was written; what a row lacks was empty."""
    texts = {name: str(found[name] or "") for name in ("id", "event_type", "subject", "topic", "door")}
    at = found["event_time"]
    return AmlEvent(
        **texts,
        event_time=datetime.fromisoformat(at) if at else None,
        data=found["data"] or {},
        correlation_id=found["correlation_id"],
    )
