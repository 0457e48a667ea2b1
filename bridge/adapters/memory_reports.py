"""What people look at, counted and listed over tables that are lists: for the ledger in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from statistics import quantiles
from typing import Any

from bridge.domain import events
from bridge.domain.events import RunEvent
from bridge.domain.records import ActionStatus, Records
from bridge.domain.statuses import TERMINAL, BridgeStatus, JobStatus
from bridge.payloads import commands
from bridge.payloads.records import row
from bridge.ports import ACTIVE, DecisionFilter, RunSearch

Row = Mapping[str, Any]
ENDS = frozenset({*TERMINAL, BridgeStatus.REJECTED})
_SEARCHED = (
    *("run_id", "pipeline", "error_code", "error_message", "source", "principal"),
    *("query_id", "query_batch_id", "correlation_id", "rerun_of"),
)
_LISTED = (
    *("run_id", "status", "pipeline", "attempt", "source", "principal", "rerun_of", "run_seconds"),
    *("started_at", "ended_at", "error_code", "began_at", "error_message"),
)
_NAMELESS = frozenset({"UNKNOWN_PIPELINE", "BAD_ROW", "BAD_KEY", "BAD_EVENT"})
_PROGRESS = {ActionStatus.NOT_FIRED: 0, ActionStatus.FIRED: 1}


def search(records: Records, recorded: Mapping[str, datetime], wanted: RunSearch) -> list[dict[str, Any]]:
    """A page of runs, the last begun first."""
    found = [run for run in _runs(records, recorded, wanted) if _has_status(run, wanted.status)]
    found.sort(key=lambda run: run["run_id"])
    found.sort(key=lambda run: run["began_at"], reverse=True)
    return [
        {name: _plain(run[name]) for name in _LISTED} for run in found[wanted.offset : wanted.offset + wanted.limit]
    ]


def totals(
    records: Records, recorded: Mapping[str, datetime], wanted: RunSearch, every: timedelta
) -> list[dict[str, Any]]:
    """Everything that is counted."""
    runs = _runs(records, recorded, wanted)
    letters = {each.dead_letter_id: each for each in records.dead_letters if each.occurred_at >= wanted.since}
    actions = {
        each.decision_id: each
        for each in records.rule_actions
        if each.occurred_at >= wanted.since and each.status != ActionStatus.NOT_FIRED
    }
    return [
        *_run_totals("time", runs, lambda run: str(int(run["began_at"].timestamp() // every.total_seconds()))),
        *_run_totals("pipeline", runs, lambda run: None if _is_unknown(run) else run["pipeline"]),
        *_run_totals("all", runs, lambda _: None),
        *_counts("dead_letter", [(each.queue, None, each.occurred_at) for each in letters.values()]),
        *_counts("rule", [(each.rule, each.status, each.occurred_at) for each in actions.values()]),
        _total("recorded", None, None, len(records.run_events), max(recorded.values(), default=None)),
    ]


def surroundings(records: Records, run_id: str) -> list[dict[str, Any]]:
    """Dead letters of the run, and rules about it or about what it belongs to."""
    matters = {event.correlation_id for event in records.run_events if event.run_id == run_id} - {None}
    found = {
        each.dead_letter_id: {
            "kind": "dead_letter",
            "id": each.dead_letter_id,
            "name": each.queue,
            "status": each.reason,
            "detail": each.description,
            "occurred_at": _plain(each.occurred_at),
        }
        for each in records.dead_letters
        if each.run_id == run_id
    }
    found |= {
        each.decision_id: {
            "kind": "rule",
            "id": each.decision_id,
            "name": each.rule,
            "status": each.status,
            "detail": f"{each.action}: {each.reason}" if each.reason else each.action,
            "occurred_at": _plain(each.occurred_at),
        }
        for each in reversed(records.rule_actions)
        if each.reason != "where" and (each.run_id == run_id or each.correlation_id in matters)
    }
    return sorted(found.values(), key=lambda line: (line["occurred_at"], line["id"]))[:200]


def decisions(records: Records, wanted: DecisionFilter) -> list[dict[str, Any]]:
    """The furthest that each rule got with each event."""
    rows = [
        each
        for each in records.rule_actions
        if each.occurred_at >= wanted.since
        and wanted.rule in {None, each.rule}
        and (wanted.not_fired or each.status != ActionStatus.NOT_FIRED)
    ]
    rows.sort(key=lambda each: each.decision_id, reverse=True)
    rows.sort(key=lambda each: (_PROGRESS.get(ActionStatus(each.status), 2), each.occurred_at))
    last = {(each.rule, each.event_id): each for each in rows}
    found = sorted(last.values(), key=lambda each: (each.rule, each.event_id))
    found.sort(key=lambda each: each.occurred_at, reverse=True)
    unknown = dict.fromkeys(("reason", "run_id", "correlation_id", "payload"))
    shown = ({**unknown, **row(each)} for each in found[wanted.offset : wanted.offset + wanted.limit])
    return [{name: value for name, value in each.items() if name != "decision_id"} for each in shown]


def _runs(records: Records, recorded: Mapping[str, datetime], wanted: RunSearch) -> list[dict[str, Any]]:
    """Those that are looked at, whatever their status."""
    histories: dict[str, list[RunEvent]] = {}
    for event in records.run_events:
        histories.setdefault(event.run_id, []).append(event)
    runs = [run for run_id, each in histories.items() if (run := _run(each, recorded[run_id])) is not None]
    return [run for run in runs if _is_looked_at(run, wanted)]


def _run(history: Sequence[RunEvent], recorded_at: datetime) -> dict[str, Any] | None:
    run = events.fold(history)
    if run is None:
        return None
    accepted, submitted = (
        min((event.occurred_at for event in history if event.status == status), default=None)
        for status in (BridgeStatus.ACCEPTED, JobStatus.SUBMITTED)
    )
    run["began_at"] = accepted or submitted or recorded_at
    started, ended = run["started_at"], run["ended_at"]
    run["run_seconds"] = None if started is None or ended is None else _second(ended) - _second(started)
    run["error_message"] = run["error_message"] and run["error_message"][:500]
    return run


def _second(at: datetime) -> int:
    """As DATEDIFF counts: the seconds' borders between two times."""
    return int(at.timestamp() // 1)


def _is_looked_at(run: Row, wanted: RunSearch) -> bool:
    if run["began_at"] < wanted.since and run["status"] in ENDS:
        return False
    if wanted.pipeline not in {None, run["pipeline"]}:
        return False
    if wanted.text is None or run["run_id"] in wanted.run_ids:
        return True
    return wanted.text.lower() in " ".join(run[name] or "" for name in _SEARCHED).lower()


def _has_status(run: Row, status: str | None) -> bool:
    if status == ACTIVE:
        return run["status"] not in ENDS
    return status in {None, run["status"]}


def _is_unknown(run: Row) -> bool:
    """Refused before its pipeline was found, so by any name."""
    return bool(run["status"] == BridgeStatus.REJECTED and run["error_code"] in _NAMELESS)


def _run_totals(kind: str, runs: Iterable[Row], name: Callable[[Row], str | None]) -> list[dict[str, Any]]:
    groups: dict[tuple[str | None, str], list[Row]] = {}
    for run in runs:
        groups.setdefault((name(run), run["status"]), []).append(run)
    found = []
    for (group, status), members in groups.items():
        total = _total(kind, group, status, len(members), max(run["began_at"] for run in members))
        seconds = sorted(run["run_seconds"] for run in members if run["run_seconds"] is not None)
        found.append({**total, "median_seconds": _share(seconds, 50), "slow_seconds": _share(seconds, 95)})
    return found


def _share(values: Sequence[int], percent: int) -> float | None:
    """The percentile between the values on both sides of it."""
    if len(values) < 2:
        return float(values[0]) if values else None
    return float(quantiles(values, n=100, method="inclusive")[percent - 1])


def _counts(kind: str, seen: list[tuple[str, str | None, datetime]]) -> list[dict[str, Any]]:
    seen.sort(key=lambda each: (each[0], each[1] or ""))
    found = []
    for (name, status), group in groupby(seen, key=lambda each: each[:2]):
        times = [at for _, _, at in group]
        found.append(_total(kind, name, status, len(times), max(times)))
    return found


def _total(kind: str, name: str | None, status: str | None, amount: int, latest: datetime | None) -> dict[str, Any]:
    unknown = {"median_seconds": None, "slow_seconds": None}
    return {
        "kind": kind, "name": name, "status": status, "amount": amount, **unknown, "latest_at": _plain(latest)
    }  # fmt: skip


def _plain(value: Any) -> Any:
    return commands.timestamp(value.astimezone(UTC)) if isinstance(value, datetime) else value
