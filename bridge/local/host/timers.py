"""Timer functions: NCRONTAB in UTC, one invocation at a time, on a clock that tests can move."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from azure.functions.meta import Datum
from azure.functions.timer import TimerRequestConverter

from bridge.local.host.invocation import Invoker, nothing_returned
from bridge.local.host.loading import Function
from bridge.local.host.schedules import Schedule, parse_schedule

#: Fired later than this after its time, a timer is past due: the machine slept, or the clock was moved.
PAST_DUE = timedelta(seconds=1)
#: The longest sleep; the system's clock may be set meanwhile.
LONGEST_SLEEP = 60.0


class Timer:
    """One timer function."""

    def __init__(self, function: Function, invoker: Invoker) -> None:
        self.function = function
        self._invoker = invoker
        self._schedule: Schedule = parse_schedule(str(function.trigger["schedule"]))
        self._skew = timedelta()
        self._moved = asyncio.Event()
        self._turn = asyncio.Lock()
        self._last: datetime | None = None

    async def run(self) -> None:
        """Fire at every due time until cancelled."""
        if self.function.trigger.get("runOnStartup"):
            await self.fire()
        while True:
            due = self._schedule.after(self._now())
            while self._now() < due:
                self._moved.clear()
                seconds = min((due - self._now()).total_seconds(), LONGEST_SLEEP)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), seconds)
            await self.fire(past_due=self._now() - due > PAST_DUE)

    def advance(self, seconds: float) -> None:
        """Make what is due within `seconds` due now, once; the next times follow from the moved clock."""
        self._skew += timedelta(seconds=seconds)
        self._moved.set()

    async def fire(self, *, past_due: bool = False) -> None:
        """Invoke now; after an invocation that still runs, for a timer is a singleton."""
        async with self._turn:
            with contextlib.suppress(Exception):  # the invoker has logged it; the next time comes anyway
                await self._invoker.invoke(
                    self.function,
                    partial(self._request, past_due=past_due),
                    partial(nothing_returned, self.function),
                )
            self._last = self._now()

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._skew

    def _request(self, *, past_due: bool) -> Any:
        info = {
            "IsPastDue": past_due,
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": {
                "Last": self._last.isoformat() if self._last else "0001-01-01T00:00:00+00:00",
                "Next": self._schedule.after(self._now()).isoformat(),
                "LastUpdated": self._now().isoformat(),
            },
        }
        return TimerRequestConverter.decode(Datum(json.dumps(info), "json"), trigger_metadata=None)
