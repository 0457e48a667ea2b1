"""The ledger in memory: tables are lists, and the view RUNS is the domain's fold."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bridge.domain import events, statuses
from bridge.domain.errors import RefusedData
from bridge.domain.records import Records
from bridge.payloads import commands, records
from bridge.ports import RunFilter


class MemoryLedger:
    """Ledger whose tables are lists and whose RUNS view is the domain's fold."""

    def __init__(self) -> None:
        self.records = Records()
        self.writes: list[int] = []
        self._recorded: dict[str, datetime] = {}
        #: Raised by the next writes, one each.
        self.failures: list[Exception] = []
        #: A run whose rows are refused, as values that the table does not take.
        self.refused_runs: set[str] = set()
        self._lock = threading.Lock()

    def write(self, records: Records) -> None:
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            if any(event.run_id in self.refused_runs for event in records.run_events):
                raise RefusedData("a value is refused", code="100038")
            self.records = self.records + replace(records, try_=0)
            self._recorded |= {event.run_id: datetime.now(UTC) for event in records.run_events}
            self.writes.append(len(records))

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        folded = events.fold(event for event in self.records.run_events if event.run_id == run_id)
        return _plain(folded) if folded else None

    def events(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        mine = {event.event_id: event for event in self.records.run_events if event.run_id == run_id}
        return [records.row(event) for event in sorted(mine.values(), key=lambda event: event.occurred_at)]

    def runs(self, wanted: RunFilter) -> Sequence[Mapping[str, Any]]:
        ids = dict.fromkeys(event.run_id for event in reversed(self.records.run_events))
        rows = [row for run_id in ids if (row := self.run(run_id)) is not None]
        matching = [row for row in rows if _matches(row, wanted) and self._is_recent(row["run_id"], wanted.since)]
        return matching[wanted.offset : wanted.offset + wanted.limit]

    def _is_recent(self, run_id: str, since: datetime | None) -> bool:
        return since is None or self._recorded[run_id] >= since

    def ended(self, run_ids: Sequence[str]) -> frozenset[str]:
        rows = {run_id: self.run(run_id) for run_id in run_ids}
        return frozenset(
            run_id
            for run_id, row in rows.items()
            if row and row["is_job_fact"] and statuses.is_terminal(str(row["status"]))
        )


def _matches(row: Mapping[str, Any], wanted: RunFilter) -> bool:
    conditions = {
        "status": wanted.status,
        "pipeline": wanted.pipeline,
        "query_batch_id": wanted.query_batch_id,
    }
    return all(value is None or row.get(name) == value for name, value in conditions.items())


def _plain(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: commands.timestamp(value) if isinstance(value, datetime) else value for name, value in row.items()}
