"""From messages to rows: the batches of `record`, how old a row is when it can be read, and what the warehouse costs.

A batch begins with its first message, and is written when it is full or when the window is over. A warehouse is paid by
the second from its start until AUTO_SUSPEND after its last statement, and a minute at least: so of few runs it is the
number of starts that costs, not the number of rows.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.simulation.costs import AUTO_SUSPEND_SECONDS, RESUME_SECONDS, STATEMENT_SECONDS
from benchmarks.simulation.limits import CREDITS_AN_HOUR, WAREHOUSE_LEAST_SECONDS


@dataclass(frozen=True)
class Batch:
    """What one call of `record` writes."""

    at: int
    #: When its messages were sent, and how many.
    messages: list[tuple[int, int]]
    #: One for RUN_EVENTS, another when there are events of Azure ML.
    statements: int


@dataclass
class Ledger:
    """A day of the warehouse."""

    statements: int = 0
    starts: int = 0
    #: Billed.
    seconds: float = 0.0
    #: Rows by how many whole seconds after their message they can be read.
    ages: Counter[int] = field(default_factory=Counter)
    #: Seconds of statements in each minute.
    busy: dict[int, float] = field(default_factory=dict)

    @property
    def credits(self) -> float:
        return self.seconds / 3600 * CREDITS_AN_HOUR

    @property
    def mean_age(self) -> float:
        return sum(age * count for age, count in self.ages.items()) / max(1, self.ages.total())


def batches(messages: Sequence[int], events: Sequence[int], *, window: int, size: int) -> Iterator[Batch]:
    """`messages`: sent to `record` in each second, among them `events` that bring a row of AML_EVENTS."""
    waiting: deque[tuple[int, int]] = deque()
    count = 0
    for second, new in enumerate(messages):
        if waiting and second - waiting[0][0] > window:
            yield _batch(waiting[0][0] + window, waiting, count, events)
            count = 0
        if new:
            waiting.append((second, new))
            count += new
        while count >= size:
            yield _batch(second, waiting, size, events)
            count -= size
    if waiting:
        yield _batch(waiting[0][0] + window, waiting, count, events)


def _batch(at: int, waiting: deque[tuple[int, int]], wanted: int, events: Sequence[int]) -> Batch:
    taken = []
    while wanted:
        second, count = waiting.popleft()
        if count > wanted:
            waiting.appendleft((second, count - wanted))
        taken.append((second, min(count, wanted)))
        wanted -= taken[-1][1]
    has_events = any(events[second] for second, _ in taken)
    return Batch(at=at, messages=taken, statements=2 if has_events else 1)


def ledger(written: Iterator[Batch], shards: int = 1) -> Ledger:
    """What these batches make of one warehouse. Several at once take no longer than one.

    Of many shards, alike but not in step, these are one shard's batches: between two of them the others write.
    """
    result = Ledger()
    started = last_end = -math.inf
    for batch in written:
        ready = float(batch.at)
        if ready > last_end + AUTO_SUSPEND_SECONDS * shards:
            result.seconds += _billed(started, last_end) if result.starts else 0.0
            result.starts += 1
            ready += RESUME_SECONDS
            started = ready
        took = batch.statements * STATEMENT_SECONDS
        last_end = max(last_end, ready + took)
        result.statements += batch.statements
        result.busy[batch.at // 60] = result.busy.get(batch.at // 60, 0.0) + took
        for second, count in batch.messages:
            result.ages[int(ready + took - second)] += count
    if result.starts:
        result.seconds += _billed(started, last_end)
    return result


def _billed(started: float, last_end: float) -> float:
    return max(float(WAREHOUSE_LEAST_SECONDS), last_end + AUTO_SUSPEND_SECONDS - started)
