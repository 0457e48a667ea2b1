"""The ledger in memory: tables are lists, and the view RUNS is the domain's fold."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.adapters import memory_reports
from bridge.domain import events, statuses
from bridge.domain.errors import RefusedData
from bridge.domain.events import RunEvent
from bridge.domain.records import ActionStatus, AmlEvent, DeadLetter, Records
from bridge.domain.statuses import BridgeStatus
from bridge.payloads import commands, records
from bridge.payloads.records import read_records
from bridge.ports import DeadLetterFilter, DecisionFilter, RunFilter, RunSearch

#: Characters of a body in a list.
BODY_SHOWN = 2_000


class MemoryLedger:
    """Ledger whose tables are lists and whose RUNS view is the domain's fold."""

    def __init__(self) -> None:
        self.records = Records()
        self.writes: list[int] = []
        self._recorded: dict[str, datetime] = {}
        #: When an event came first, by id and door.
        self._came: dict[tuple[str, str], datetime] = {}
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
            now = datetime.now(UTC)
            self._recorded |= {event.run_id: now for event in records.run_events}
            self._came = {(event.id, event.door): now for event in records.aml_events} | self._came
            self.writes.append(len(records))

    def write_rows(self, rows: Mapping[str, Sequence[str]]) -> None:
        bodies = [f'{{"schema_version":1,"{table}":[{text}]}}' for table, texts in rows.items() for text in texts]
        self.write(Records.together([read_records(body) for body in bodies]))

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        folded = events.fold(event for event in self.records.run_events if event.run_id == run_id)
        return _plain(folded) if folded else None

    def runs_by_id(self, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {run_id: row for run_id in run_ids if (row := self.run(run_id)) is not None}

    def batch(self, query_batch_id: str) -> Sequence[Mapping[str, Any]]:
        requests: dict[tuple[int, str], list[RunEvent]] = {}
        for event in self.records.run_events:
            is_request = not event.is_job_fact and event.status in {BridgeStatus.ACCEPTED, BridgeStatus.REJECTED}
            if is_request and event.query_batch_id == query_batch_id and event.row_number is not None:
                requests.setdefault((event.row_number, event.run_id), []).append(event)
        runs = self.runs_by_id([run_id for _, run_id in requests])
        return [{**runs[run_id], **_of_request(requests[number, run_id])} for number, run_id in sorted(requests)]

    def dead_letters_by_id(self, dead_letter_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        letters = self._letters()
        return {each: _letter_row(letters[each]) for each in dead_letter_ids if each in letters}

    def dead_letters(self, wanted: DeadLetterFilter) -> Sequence[Mapping[str, Any]]:
        found = [
            letter
            for letter in self._letters().values()
            if wanted.queue in {None, letter.queue}
            and wanted.run_id in {None, letter.run_id}
            and (wanted.since is None or letter.occurred_at >= wanted.since)
        ]
        found.sort(key=lambda letter: letter.dead_letter_id)
        found.sort(key=lambda letter: letter.occurred_at, reverse=True)
        page = found[wanted.offset : wanted.offset + wanted.limit]
        return [
            _letter_row(letter) | {"body": letter.body[:BODY_SHOWN], "body_characters": len(letter.body)}
            for letter in page
        ]

    def _letters(self) -> dict[str, DeadLetter]:
        return {letter.dead_letter_id: letter for letter in reversed(self.records.dead_letters)}

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

    def search(self, wanted: RunSearch) -> Sequence[Mapping[str, Any]]:
        return memory_reports.search(self.records, self._recorded, wanted)

    def totals(self, wanted: RunSearch, every: timedelta) -> Sequence[Mapping[str, Any]]:
        return memory_reports.totals(self.records, self._recorded, wanted, every)

    def surroundings(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        return memory_reports.surroundings(self.records, run_id)

    def decisions(self, wanted: DecisionFilter) -> Sequence[Mapping[str, Any]]:
        return memory_reports.decisions(self.records, wanted)

    def ended(self, run_ids: Sequence[str]) -> frozenset[str]:
        rows = {run_id: self.run(run_id) for run_id in run_ids}
        return frozenset(
            run_id
            for run_id, row in rows.items()
            if row and row["is_job_fact"] and statuses.is_terminal(str(row["status"]))
        )

    def fired(self, action_ids: Sequence[str]) -> Mapping[str, str]:
        rows = [row for row in self.records.rule_actions if row.status == ActionStatus.FIRED]
        rows.sort(key=lambda row: (row.occurred_at, row.event_id), reverse=True)
        first = {row.action_id: row.event_id for row in rows}
        return {action_id: first[action_id] for action_id in action_ids if action_id in first}

    def aml_events(self, *, since: datetime, limit: int) -> Sequence[AmlEvent]:
        first = {(event.id, event.door): event for event in reversed(self.records.aml_events)}
        placed = sorted((event.event_time or self._came[key], *key) for key, event in first.items())
        return [first[id_, door] for at, id_, door in placed if at >= since][:limit]


def _of_request(facts: Sequence[RunEvent]) -> Mapping[str, Any]:
    """What a batch said of one row, each time that it was sent."""
    facts = sorted(facts, key=lambda fact: fact.occurred_at)
    rejected = all(fact.status == BridgeStatus.REJECTED for fact in facts)
    return {
        "row_number": facts[0].row_number,
        "batch_rows": facts[0].batch_rows,
        "requested_at": commands.timestamp(facts[0].occurred_at),
        "request_status": str(BridgeStatus.REJECTED if rejected else BridgeStatus.ACCEPTED),
        "request_fingerprint": next((fact.fingerprint for fact in facts if fact.fingerprint), None),
        "request_error_code": facts[0].error_code if rejected else None,
        "request_error_message": facts[0].error_message if rejected else None,
    }


def _letter_row(letter: DeadLetter) -> dict[str, Any]:
    return {"run_id": None, "door": None, **records.row(letter)}


def _matches(row: Mapping[str, Any], wanted: RunFilter) -> bool:
    conditions = {
        "status": wanted.status,
        "pipeline": wanted.pipeline,
        "query_batch_id": wanted.query_batch_id,
    }
    return all(value is None or row.get(name) == value for name, value in conditions.items())


def _plain(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: commands.timestamp(value) if isinstance(value, datetime) else value for name, value in row.items()}
