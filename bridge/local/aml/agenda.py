"""What is still to come, by the emulator's clock: everything here that takes time is an entry of one agenda."""

import heapq
from collections.abc import Callable
from typing import NoReturn

from bridge.local.alarm import Alarm


class Agenda:
    """Actions and when they are due; those of one moment run in the order in which they were planned."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._number = 0
        #: Rings when the next entry may be another one.
        self.alarm = Alarm()
        self.clear()

    def clear(self) -> None:
        self._entries: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, due: float, action: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._entries, (due, self._number, action))
        self.alarm.ring()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self._now() + seconds, action)

    def settle(self) -> None:
        """Do what is due, and what becomes due by that."""
        while self._entries and self._entries[0][0] <= self._now():
            heapq.heappop(self._entries)[2]()

    async def settle_always(self) -> NoReturn:
        """`settle` as things become due, whether or not anybody asks."""
        while True:
            self.settle()
            await self.alarm.sleep(max(0.0, self._entries[0][0] - self._now()) if self._entries else None)
