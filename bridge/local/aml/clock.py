"""The emulator's time: what waits uses a clock that can be pushed forward, what clients read is the real time.

Unless it is told to be wrong: no two services agree on what time it is.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Seconds that pass, plus those it was told to skip."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._monotonic = monotonic
        self._skipped = 0.0
        self._utc = utc
        #: How far the times that clients read are from the real ones.
        self.skew = timedelta()

    def utc(self) -> datetime:
        return self._utc() + self.skew

    def now(self) -> float:
        return self._monotonic() + self._skipped

    def advance(self, seconds: float) -> None:
        self._skipped += seconds


def service_time(moment: datetime) -> str:
    """The time as the service writes it: seven digits of a second, which not every parser takes."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}7+00:00"
