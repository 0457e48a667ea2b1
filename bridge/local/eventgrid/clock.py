"""The emulator's time: deliveries wait by a clock that can be pushed forward, clients read the real time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Seconds that pass, plus those it was told to skip."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._skipped = 0.0

    def now(self) -> float:
        return self._monotonic() + self._skipped

    def advance(self, seconds: float) -> None:
        self._skipped += seconds


def utc_text() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
