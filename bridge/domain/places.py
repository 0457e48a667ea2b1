"""How many more runs of a pipeline may begin: what one process knows of it between two questions to Azure ML."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bridge.domain.errors import Paced

#: How long an answer of Azure ML counts at most. Periods begin at the same moments in all processes: a process that
#: went by an older answer would not know what the others have started since.
PERIOD = timedelta(seconds=30)
#: A new job may take so long to show up in Azure ML's lists.
SHOWS_AFTER = timedelta(minutes=2)
#: Runs that wait come back one after the other, so that thousands of them do not keep the queue busy.
LOOKS_APART = timedelta(milliseconds=200)
#: How long a thread waits for the answer to another's question.
PATIENCE = timedelta(milliseconds=200)
#: Then a run that met an open question comes back. The answer is there by then, unless Azure ML is slow.
ANSWERED_AFTER = timedelta(seconds=2)


@dataclass
class _Known:
    """Of one pipeline."""

    asking: threading.Lock = field(default_factory=threading.Lock)
    asked_at: datetime | None = None
    #: What this process may still start until it asks again.
    left: int = 0
    #: Jobs that Azure ML has shown, active or not.
    listed: frozenset[str] = frozenset()
    #: Started by this process, and perhaps not in Azure ML's list yet.
    taken: dict[str, datetime] = field(default_factory=dict)
    last_return: datetime | None = None


class Places:
    """The places of all pipelines that have a limit; any number of threads."""

    def __init__(self, instances: int = 1) -> None:
        """`instances` share the free places: each process knows only of what it starts itself."""
        self._instances = instances
        self._lock = threading.Lock()
        self._pipelines: dict[str, _Known] = {}

    @contextmanager
    def asking(self, pipeline: str, now: datetime) -> Iterator[None]:
        """One thread asks Azure ML, the others wait a moment for its answer. Raises: Paced."""
        known = self._known(pipeline)
        if not known.asking.acquire(timeout=PATIENCE.total_seconds()):
            wait = self._turn(known, now + ANSWERED_AFTER) - now
            raise Paced(f"the active runs of {pipeline} are being counted", retry_after=wait)
        try:
            yield
        finally:
            known.asking.release()

    def is_known(self, pipeline: str, now: datetime) -> bool:
        """Whether the last answer still counts."""
        asked_at = self._known(pipeline).asked_at
        return asked_at is not None and _period(asked_at) == _period(now)

    def saw(self, pipeline: str, *, limit: int, active: int, listed: frozenset[str], now: datetime) -> None:
        """Azure ML has answered: so many are active, and these are in its list, active or not."""
        known = self._known(pipeline)
        with self._lock:
            known.taken = {
                run_id: at for run_id, at in known.taken.items() if run_id not in listed and now - at < SHOWS_AFTER
            }
            free = limit - active - len(known.taken)
            # Each process takes its share, and one where there is less: together they exceed the limit by no more
            # than one each.
            known.left = max(1, free // self._instances) if free > 0 else 0
            known.listed, known.asked_at = listed, now

    def take(self, pipeline: str, run_id: str, now: datetime) -> bool:
        """A place for this run; False when there is none. A run that has one, or has its job, needs no other."""
        known = self._known(pipeline)
        with self._lock:
            if run_id not in known.taken and run_id not in known.listed:
                if known.left <= 0:
                    return False
                known.left -= 1
                known.taken[run_id] = now
            return True

    def give_back(self, pipeline: str, run_id: str) -> None:
        """The run's job was not made."""
        known = self._known(pipeline)
        with self._lock:
            if known.taken.pop(run_id, None) is not None:
                known.left += 1

    def next_look(self, pipeline: str, now: datetime) -> timedelta:
        """How long a run that found no place is to wait: until Azure ML is asked again, and for its turn."""
        next_period = datetime.fromtimestamp((_period(now) + 1) * PERIOD.total_seconds(), UTC)
        return self._turn(self._known(pipeline), max(next_period, now + ANSWERED_AFTER)) - now

    def _turn(self, known: _Known, earliest: datetime) -> datetime:
        """When the next of those that wait comes back."""
        with self._lock:
            after_the_last = known.last_return + LOOKS_APART if known.last_return is not None else earliest
            known.last_return = max(earliest, after_the_last)
            return known.last_return

    def _known(self, pipeline: str) -> _Known:
        with self._lock:
            return self._pipelines.setdefault(pipeline, _Known())


def _period(moment: datetime) -> int:
    return int(moment.timestamp() // PERIOD.total_seconds())
