"""The ledger through snowflake-connector-python: a session for the app's work, and one for what people look at."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.adapters.snowflake_session import TURN_SECONDS, Session
from bridge.adapters.statements import read_statements
from bridge.domain.errors import RetryableError, ServiceUnavailable
from bridge.domain.records import TABLES, ActionStatus, AmlEvent, Records
from bridge.domain.signals import SILENT, Telemetry
from bridge.payloads.commands import timestamp
from bridge.payloads.records import row_texts
from bridge.ports import DeadLetterFilter, DecisionFilter, RunFilter, RunSearch

STATEMENTS = read_statements(Path(__file__).with_name("snowflake.sql"))
#: What is only asked to spare work waits for less, and not at all for a while after it got no answer.
HINT_SECONDS = 10
HINT_PAUSE_SECONDS = 30
#: Characters of one JSON bind; Snowflake parses up to 16 MB.
BIND_LIMIT = 4_000_000
#: Ids that are bound one by one in one statement.
IDS_LIMIT = 1000
#: What people look at. They may wait for each other, but neither runs nor rows may wait for them.
OF_PEOPLE = frozenset(
    {
        "search_runs",
        "run_totals",
        "run_surroundings",
        "list_decisions",
        "list_runs",
        "runs_on_page",
        "list_dead_letters",
    }
)


class SnowflakeLedger:
    """Ledger over Snowflake; connects on first use."""

    def __init__(self, arguments: Mapping[str, Any], telemetry: Telemetry = SILENT) -> None:
        #: For `snowflake.connector.connect`: account, identity, database and schema.
        self._work, self._people = (Session(arguments, telemetry) for _ in range(2))
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
        self._work.close()
        self._people.close()

    def _runs(self, name: str, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {str(found["run_id"]): found for found in self._by_ids(name, run_ids)}

    def _by_ids(self, name: str, ids: Sequence[str], wait: float = TURN_SECONDS) -> list[dict[str, Any]]:
        """What is known of these ids, each once and a bind of its own; none at all need no statement."""
        wanted = list(dict.fromkeys(ids))
        found: list[dict[str, Any]] = []
        for start in range(0, len(wanted), IDS_LIMIT):
            found += self._execute(name, wanted[start : start + IDS_LIMIT], wait)
        return found

    def _execute(self, name: str, binds: Sequence[Any], wait: float = TURN_SECONDS) -> list[dict[str, Any]]:
        session = self._people if name in OF_PEOPLE else self._work
        return session.execute(name, STATEMENTS[name], binds, wait)


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
