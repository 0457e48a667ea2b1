"""Ordered collections that a queue of 100,000 messages needs: nothing here walks through everything."""

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=int)
V = TypeVar("V")

#: Collections this small are never tidied up.
_SMALL = 64


class KeyedHeap(Generic[K]):
    """Keys by rank, lowest first; a key can be moved or taken out without a search.

    Moved and removed keys leave a stale entry behind, which is passed over later; when most entries are stale the heap
    is built anew, so every operation costs O(log n) on average.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[float, K]] = []
        self._ranks: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    def __contains__(self, key: K) -> bool:
        return key in self._ranks

    def put(self, key: K, rank: float) -> None:
        """Add the key, or move it to another rank."""
        self._ranks[key] = rank
        heapq.heappush(self._entries, (rank, key))
        self._tidy()

    def remove(self, key: K) -> bool:
        """Take the key out; False when it was not there."""
        found = self._ranks.pop(key, None) is not None
        self._tidy()
        return found

    def pop(self, up_to: float = float("inf")) -> K | None:
        """Take out the key of lowest rank; None when there is none up to this rank."""
        while self._entries:
            rank, key = self._entries[0]
            stale = self._ranks.get(key) != rank
            if not stale and rank > up_to:
                return None
            heapq.heappop(self._entries)
            if not stale:
                del self._ranks[key]
                return key
        return None

    def _tidy(self) -> None:
        if len(self._entries) > _SMALL + 2 * len(self._ranks):
            self._entries = [(rank, key) for key, rank in self._ranks.items()]
            heapq.heapify(self._entries)


class NumberedStore(Generic[V]):
    """Values by number that can be read in order from any number on; fastest when new numbers are the highest."""

    def __init__(self) -> None:
        self._values: dict[int, V] = {}
        #: Sorted; may still hold numbers that are gone.
        self._numbers: list[int] = []

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[V]:
        return self.since(0)

    def get(self, number: int) -> V | None:
        return self._values.get(number)

    def add(self, number: int, value: V) -> None:
        if number not in self._values:
            self._place(number)
        self._values[number] = value

    def remove(self, number: int) -> None:
        self._values.pop(number, None)
        if len(self._numbers) > _SMALL + 2 * len(self._values):
            self._numbers = sorted(self._values)

    def since(self, number: int) -> Iterator[V]:
        """Every value from this number on."""
        for index in range(bisect_left(self._numbers, number), len(self._numbers)):
            found = self._values.get(self._numbers[index])
            if found is not None:
                yield found

    def _place(self, number: int) -> None:
        if not self._numbers or number > self._numbers[-1]:
            self._numbers.append(number)
            return
        index = bisect_left(self._numbers, number)
        if self._numbers[index] != number:
            insort(self._numbers, number)
