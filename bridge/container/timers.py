"""Timers: NCRONTAB in UTC. Every worker fires its own; the platform's lease, by which one of them would, is missing."""

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from azure.functions.timer import TimerRequest
from cronsim import CronSim, CronSimError

from bridge.container.calls import Calls
from bridge.container.functions import Function
from bridge.domain.errors import ConfigurationError

log = logging.getLogger(__name__)
#: Looked at again, because the system's clock may have been set meanwhile.
LONGEST_SLEEP = 60.0
#: Later than this after its time a timer is past due.
PAST_DUE = timedelta(minutes=1)
#: What NCRONTAB knows of a field.
_FIELD = re.compile(r"[0-9A-Za-z*,/-]+")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Timer:
    """One timer function."""

    def __init__(
        self, function: Function, schedule: str, calls: Calls, *, now: Callable[[], datetime] = _utc_now
    ) -> None:
        """Raises: ConfigurationError when the schedule is none."""
        self.function = function
        self._schedule = schedule
        self._calls = calls
        self._now = now
        self._stop = asyncio.Event()
        _check(schedule)

    def stop(self) -> None:
        """Fire no more. `run` returns when what runs has ended."""
        self._stop.set()

    async def run(self) -> None:
        """Fire at every due time, until stopped; a time that passes while the function runs is left out."""
        while not self._stop.is_set():
            due = self.next_after(self._now())
            log.info("%s is due at %s", self.function.name, due.isoformat())
            if await self._reached(due):
                with suppress(Exception):  # the calls log it, and the next time comes anyway
                    await self._calls(self.function, TimerRequest(past_due=self._now() - due > PAST_DUE))

    async def _reached(self, due: datetime) -> bool:
        """Waits for a time; false when a stop comes first."""
        while (left := (due - self._now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, LONGEST_SLEEP))
                return False
        return True

    def next_after(self, moment: datetime) -> datetime:
        found: datetime = next(CronSim(self._schedule, moment))
        return found


def _check(schedule: str) -> None:
    """cronsim knows more than the platform, and takes either of two restricted days where NCRONTAB wants both."""
    fields = schedule.split()
    if len(fields) != 6 or not all(_FIELD.fullmatch(field) for field in fields):
        example = "give six fields such as 0 0 3 * * *: second minute hour day month day-of-week"
        raise ConfigurationError([f'the schedule "{schedule[:100]}" cannot be used: {example}'])
    if fields[3] != "*" and fields[5] != "*":
        raise ConfigurationError(
            [f'the schedule "{schedule[:100]}" names a day of the month and of the week: give one']
        )
    try:
        next(CronSim(schedule, _utc_now()))
    except (CronSimError, StopIteration) as error:
        raise ConfigurationError([f'the schedule "{schedule[:100]}" cannot be used: {error}']) from error
