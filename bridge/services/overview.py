"""What people see first: a page of runs, all counts of a time, and how much waits; in two statements at most."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bridge.domain import identity
from bridge.domain.errors import PermanentError, RetryableError
from bridge.domain.queues import Queue, QueueDepth
from bridge.domain.totals import Totals, floor, totals
from bridge.ports import Bridge, RunSearch

Row = Mapping[str, Any]
Found = TypeVar("Found")
#: A warehouse bills by the minute, and people press reload: within this time they see the same.
READ_EVERY = timedelta(seconds=10)
ANSWERS_KEPT = 50


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far back people look, and in which steps."""

    back: timedelta
    every: timedelta

    def since(self, now: datetime) -> datetime:
        """A border of a step, so that questions of one step are the same."""
        return floor(now, self.every) - self.back


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All of it, and when it was read."""

    runs: Sequence[Row]
    totals: Totals
    runs_read_at: datetime
    totals_read_at: datetime
    #: None when the settings do not say where the queues are, or they cannot be asked.
    depths: Mapping[Queue, QueueDepth] | None
    #: Why they cannot be asked.
    depths_problem: str | None = None


class RecentAnswers:
    """What the ledger last said; only an optimisation, an instance without it reads anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: OrderedDict[Any, tuple[datetime, Any]] = OrderedDict()

    def of(self, question: Any, now: datetime, ask: Callable[[], Found]) -> tuple[datetime, Found]:
        """The answer and when it was read."""
        with self._lock:
            read_at, found = self._read.get(question, (None, None))
        if read_at is None or not now - READ_EVERY < read_at <= now:
            read_at, found = now, ask()
            with self._lock:
                self._read[question] = read_at, found
                self._read.move_to_end(question)
                while len(self._read) > ANSWERS_KEPT:
                    self._read.popitem(last=False)
        return read_at, found  # type: ignore[return-value]  # of this question


def find_overview(wanted: RunSearch, reach: Reach, recent: RecentAnswers, bridge: Bridge) -> Overview:
    """Raises: RetryableError when the ledger does not answer."""
    now = bridge.clock.now()
    wanted = replace(wanted, since=reach.since(now), run_ids=_meant(wanted.text, bridge))
    counted = replace(wanted, status=None, limit=0, offset=0)
    runs_read_at, runs = recent.of(("runs", wanted), now, lambda: bridge.ledger.search(wanted))
    totals_read_at, rows = recent.of(("totals", counted), now, lambda: bridge.ledger.totals(counted, reach.every))
    depths, depths_problem = _depths(bridge)
    return Overview(
        runs=runs,
        totals=totals(rows, since=wanted.since, until=now, every=reach.every),
        runs_read_at=runs_read_at,
        totals_read_at=totals_read_at,
        depths=depths,
        depths_problem=depths_problem,
    )


def _meant(text: str | None, bridge: Bridge) -> tuple[str, ...]:
    """The ledger keeps no idempotency keys, but a run's id is made of its pipeline and its key."""
    if text is None:
        return ()
    return tuple(identity.run_id(bridge.name, pipeline, text) for pipeline in bridge.catalogue.names())


def _depths(bridge: Bridge) -> tuple[Mapping[Queue, QueueDepth] | None, str | None]:
    """People can do without; the page must not fail because of them."""
    if bridge.queue_depths is None:
        return None, None
    try:
        return bridge.queue_depths.read(), None
    except (RetryableError, PermanentError) as error:
        return None, str(error)
