"""A sleep until something is due, which ends sooner when what is due has changed."""

import asyncio
from contextlib import suppress


class Alarm:
    """For one sleeper in one event loop: to look fifty times a second instead would cost a processor for nothing."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake who sleeps; who is awake will not sleep the next time."""
        self._rung.set()

    async def sleep(self, seconds: float | None) -> None:
        """Until it rings, or for so long; None: until it rings."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
        self._rung.clear()
