"""One run from its request to its end, and what else happened because of it; in two statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.domain import events
from bridge.domain.events import COLUMNS, RunEvent
from bridge.domain.identity import is_run_id
from bridge.domain.statuses import BridgeStatus, JobStatus, Note
from bridge.domain.totals import ENDS
from bridge.ports import Bridge

Row = Mapping[str, Any]
_TIMES = ("occurred_at", "started_at", "ended_at")


@dataclass(frozen=True, kw_only=True)
class Story:
    """A run as the ledger tells it."""

    run_id: str
    #: The fold of its facts; None when only notes of it are known.
    run: Row | None
    #: Oldest first.
    history: Sequence[RunEvent]
    #: Its dead letters, and what rules did; rows of `Ledger.surroundings`.
    surroundings: Sequence[Row]
    accepted_at: datetime | None
    submitted_at: datetime | None
    conflicts: int

    @property
    def has_ended(self) -> bool:
        return self.run is not None and self.run["status"] in ENDS


def find_story(run_id: str, bridge: Bridge) -> Story | None:
    """None when the ledger has nothing of it (yet). Raises: RetryableError."""
    if not is_run_id(run_id):
        return None
    rows = bridge.ledger.events(run_id)
    if not rows:
        return None
    history = [_event(row) for row in rows]
    return Story(
        run_id=run_id,
        run=events.fold(history),
        history=history,
        surroundings=bridge.ledger.surroundings(run_id),
        accepted_at=_first(history, BridgeStatus.ACCEPTED),
        submitted_at=_first(history, JobStatus.SUBMITTED),
        conflicts=sum(event.status == Note.CONFLICT for event in history),
    )


def _event(row: Row) -> RunEvent:
    columns: dict[str, Any] = {name: row.get(name) for name in COLUMNS}
    for name in _TIMES:
        if columns[name] is not None:
            columns[name] = datetime.fromisoformat(columns[name]).astimezone(UTC)
    return RunEvent(**columns)


def _first(history: Sequence[RunEvent], status: str) -> datetime | None:
    return min((event.occurred_at for event in history if event.status == status), default=None)
