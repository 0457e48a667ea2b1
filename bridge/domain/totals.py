"""What a time was like: how many runs, how they ended and how long they took; over the rows that a ledger counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain.records import ActionStatus
from bridge.domain.statuses import TERMINAL, BridgeStatus, JobStatus

ENDS = frozenset({*TERMINAL, BridgeStatus.REJECTED})


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """Runs by status, and how long the completed ones took."""

    by_status: Mapping[str, int] = field(default_factory=dict)
    median_seconds: float | None = None
    #: The 95th percentile.
    slow_seconds: float | None = None
    latest_at: datetime | None = None

    @property
    def all(self) -> int:
        return sum(self.by_status.values())

    @property
    def completed(self) -> int:
        return self.by_status.get(JobStatus.COMPLETED, 0)

    @property
    def failed(self) -> int:
        return self.by_status.get(JobStatus.FAILED, 0)

    @property
    def active(self) -> int:
        return sum(amount for status, amount in self.by_status.items() if status not in ENDS)

    @property
    def success_rate(self) -> float | None:
        """Of those that completed or failed; None while there are none."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of the time."""

    begins_at: datetime
    amounts: Amounts


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Dead letters of a queue, or what a rule did."""

    name: str
    amount: int
    latest_at: datetime | None
    failed: int = 0


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All that is counted."""

    together: Amounts
    #: Every one from the first to the last, also those without a run.
    spans: Sequence[Span]
    #: Those that need a look first.
    pipelines: Mapping[str, Amounts]
    dead_letters: Sequence[Kept]
    rules: Sequence[Kept]
    #: Up to when the ledger is written.
    recorded_until: datetime | None


def totals(rows: Iterable[Mapping[str, Any]], *, since: datetime, until: datetime, every: timedelta) -> Totals:
    """The rows of `Ledger.totals`, in order."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row)
    recorded = kinds.get("recorded", [])
    pipelines = {name: _amounts(found) for name, found in _by_name(kinds.get("pipeline", [])).items()}
    return Totals(
        together=_amounts(kinds.get("all", [])),
        spans=_spans(_by_name(kinds.get("time", [])), since, until, every),
        pipelines=dict(sorted(pipelines.items(), key=lambda each: (-each[1].failed, -each[1].all, each[0]))),
        dead_letters=[_kept(name, found) for name, found in sorted(_by_name(kinds.get("dead_letter", [])).items())],
        rules=[_kept(name, found) for name, found in sorted(_by_name(kinds.get("rule", [])).items())],
        recorded_until=_moment(recorded[0]["latest_at"]) if recorded else None,
    )


def floor(at: datetime, every: timedelta) -> datetime:
    """The beginning of the span that has this time."""
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _spans(
    by_number: Mapping[str, Sequence[Mapping[str, Any]]], since: datetime, until: datetime, every: timedelta
) -> list[Span]:
    found = []
    begins_at = floor(since, every)
    while begins_at <= until:
        number = str(int(begins_at.timestamp() // every.total_seconds()))
        found.append(Span(begins_at=begins_at, amounts=_amounts(by_number.get(number, []))))
        begins_at += every
    return found


def _by_name(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["name"] or "", []).append(row)
    return found


def _amounts(rows: Sequence[Mapping[str, Any]]) -> Amounts:
    completed = next((row for row in rows if row["status"] == JobStatus.COMPLETED), None)
    return Amounts(
        by_status={row["status"]: row["amount"] for row in rows},
        median_seconds=completed["median_seconds"] if completed else None,
        slow_seconds=completed["slow_seconds"] if completed else None,
        latest_at=_latest(rows),
    )


def _kept(name: str, rows: Sequence[Mapping[str, Any]]) -> Kept:
    """Each action has a row FIRED, and one more once it is settled."""
    failed = sum(row["amount"] for row in rows if row["status"] == ActionStatus.FAILED)
    asked = sum(row["amount"] for row in rows if row["status"] in {None, ActionStatus.FIRED})
    return Kept(name=name, amount=max(asked, failed), failed=failed, latest_at=_latest(rows))


def _latest(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    return max((at for row in rows if (at := _moment(row["latest_at"]))), default=None)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
