"""A day's load against a set-up: how near it comes to each limit, how long things wait, and what it takes to hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from benchmarks.simulation import limits
from benchmarks.simulation.costs import (
    BATCH_MESSAGES,
    JOB_MINUTES,
    MESSAGE_BYTES,
    MESSAGE_CPU_MS,
    STATEMENT_SECONDS,
    WINDOW_SECONDS,
    WRITES_PER_SECOND,
    Measured,
    costs,
    life,
)
from benchmarks.simulation.flow import UNLIMITED, Flow, busiest, flow, pace
from benchmarks.simulation.loads import DAY, Load, arrivals
from benchmarks.simulation.record import Ledger, batches, ledger


@dataclass(frozen=True)
class Setup:
    """What is turned to move a limit."""

    #: Function apps, each with an identity, queues and a workspace of its own.
    shards: int = 1
    window: int = WINDOW_SECONDS
    batch: int = BATCH_MESSAGES
    job_minutes: int = JOB_MINUTES


@dataclass(frozen=True)
class Pressure:
    """What the load asks for in its busiest time, as parts of each limit, if nothing held it up."""

    writes: float
    reads: float
    service_bus: float
    event_grid: float
    statements: float
    waiters: float

    def first(self) -> tuple[str, float]:
        """The limit that is nearest, or farthest exceeded."""
        return max(NAMES.items(), key=lambda item: getattr(self, item[0]))[1], max(vars(self).values())


NAMES = {
    "writes": "Azure Resource Manager: writes of an identity",
    "reads": "Azure Resource Manager: reads of an identity",
    "service_bus": "Service Bus Standard: credits of a namespace",
    "event_grid": "Event Grid: events of a topic",
    "statements": "Snowflake: statements at once on one cluster",
    "waiters": "Snowflake: INSERTs at once into one table",
}


@dataclass(frozen=True)
class Outcome:
    """What came of it. The flow is one shard's; everything else counts all."""

    load: Load
    setup: Setup
    pressure: Pressure
    flow: Flow
    ledger: Ledger
    instances: dict[str, int]

    @property
    def submitted(self) -> int:
        return self.setup.shards * sum(self.flow.submitted)


def simulate(load: Load, setup: Setup, measured: Measured) -> Outcome:
    """A day of all shards, of which one is simulated: they are alike."""
    happened = day_of(load.split(setup.shards), setup.job_minutes)
    written = ledger(
        batches(happened.record_messages, happened.events, window=setup.window, size=setup.batch), setup.shards
    )
    return Outcome(
        load=load,
        setup=setup,
        pressure=pressure(load, setup),
        flow=happened,
        ledger=replace(written, statements=written.statements * setup.shards),
        instances=_instances(happened, setup, measured),
    )


@cache
def day_of(part: Load, job_minutes: int = JOB_MINUTES) -> Flow:
    """One shard's day within the limits."""
    return flow(arrivals(part), life(job_minutes), writes=pace(WRITES_PER_SECOND), reads=limits.ARM_READS)


def holds(part: Load, job_minutes: int, within: int) -> bool:
    """Whether one shard does this day after day: each run submitted, each end seen, at most so late."""
    happened = day_of(part, job_minutes)
    is_done = not happened.unsubmitted and not happened.unread
    return is_done and max(happened.waits) <= within and max(happened.read_waits) <= within


@cache
def unhindered(load: Load, job_minutes: int = JOB_MINUTES) -> Flow:
    """What the load asks for by itself."""
    return flow(arrivals(load), life(job_minutes), writes=UNLIMITED, reads=UNLIMITED)


def pressure(load: Load, setup: Setup) -> Pressure:
    """By the runs a second of the busiest time, each with all that it costs."""
    needed, runs = costs(life(setup.job_minutes)), load.most_a_second
    each = runs / setup.shards
    # A batch is written when it is full, or when its window is over.
    writes = setup.shards * max(
        each * needed.record_messages / setup.batch, min(1 / setup.window, each * needed.record_messages)
    )
    return Pressure(
        writes=each * needed.writes / limits.ARM_WRITES.refill,
        reads=each * needed.reads / limits.ARM_READS.refill,
        service_bus=2 * each * needed.messages / limits.SERVICE_BUS_CREDITS,
        event_grid=each * needed.events / limits.EVENT_GRID_EVENTS,
        statements=2 * writes * STATEMENT_SECONDS / limits.STATEMENTS_AT_ONCE,
        waiters=writes * STATEMENT_SECONDS / limits.LOCK_WAITERS,
    )


def _instances(happened: Flow, setup: Setup, measured: Measured) -> dict[str, int]:
    """Of each function, in the busiest five minutes: a core each, and one where there is anything to do.

    `record` also waits for its statements, one batch at a time.
    """
    message = MESSAGE_CPU_MS / 1000
    rows = [run + event for run, event in zip(happened.run_rows, happened.events, strict=True)]
    cores = {
        "http": busiest(happened.arrived) * message,
        "execute": busiest(happened.submitted) * measured.submit_cpu_ms / 1000,
        "control": busiest(happened.reads) * message,
        "ingest": busiest(happened.events) * message,
        "record": busiest(rows) / measured.record_rows_per_second
        + 2 * busiest(happened.record_messages) / setup.batch * STATEMENT_SECONDS,
    }
    cores["execute"] += busiest(happened.put_off) * message
    return {name: setup.shards * max(1, math.ceil(needed)) for name, needed in cores.items()}


def enough(load: Load, setup: Setup, measured: Measured, *, within: int) -> Outcome:
    """The fewest shards with which the load holds."""
    asked, needed = pressure(load, setup), costs(life(setup.job_minutes))
    # What a day brings has to be done within a day, or the next one would begin with a rest.
    a_day = load.runs / DAY * max(needed.writes / WRITES_PER_SECOND, needed.reads / limits.ARM_READS.refill)
    few, many = math.ceil(a_day) - 1, max(math.ceil(a_day), math.ceil(max(asked.writes, asked.reads)))
    while many - few > 1:
        middle = (few + many) // 2
        if holds(load.split(middle), setup.job_minutes, within):
            many = middle
        else:
            few = middle
    return simulate(load, replace(setup, shards=many), measured)


@dataclass(frozen=True)
class Needs:
    """What so many shards take besides themselves."""

    subscriptions: int
    standard_namespaces: int
    messaging_units: int
    #: Statements at once, in the mean of the busiest minute, and clusters of the warehouse for them.
    at_once: float
    clusters: int
    #: Of all its clusters, in a day.
    credits: float
    rows: int
    #: Until each shard's workspace has all the runs that it takes.
    days_until_full: float


def needs(outcome: Outcome) -> Needs:
    shards, happened = outcome.setup.shards, outcome.flow
    messages = busiest(happened.messages)
    in_a_namespace = max(1, math.floor(limits.SERVICE_BUS_CREDITS / (2 * messages)))
    clusters = [
        math.ceil(shards * busy / 60 / limits.STATEMENTS_AT_ONCE) for busy in outcome.ledger.busy.values() if busy
    ]
    further = sum(60 * (count - 1) for count in clusters)
    return Needs(
        subscriptions=math.ceil(shards / limits.ARM_SUBSCRIPTION_FACTOR),
        standard_namespaces=math.ceil(shards / in_a_namespace),
        messaging_units=math.ceil(shards * messages * MESSAGE_BYTES / limits.MESSAGING_UNIT_BYTES),
        at_once=shards * max(outcome.ledger.busy.values()) / 60,
        clusters=max(clusters),
        credits=outcome.ledger.credits + further / 3600 * limits.CREDITS_AN_HOUR,
        rows=shards * (sum(happened.run_rows) + sum(happened.events)),
        days_until_full=limits.RUNS_PER_WORKSPACE / outcome.load.split(shards).runs,
    )


@dataclass(frozen=True)
class Cell:
    """One load with one window."""

    load: Load
    window: int
    ledger: Ledger

    @property
    def seconds_per_1000(self) -> float:
        return self.ledger.seconds * 1000 / self.load.runs

    @property
    def credits_per_1000(self) -> float:
        return self.ledger.credits * 1000 / self.load.runs

    @property
    def credits_a_month(self) -> float:
        return self.ledger.credits * 30


def windows(loads: Sequence[Load], seconds: Sequence[int], setup: Setup) -> list[Cell]:
    """The batch window against the load, with as many identities as the load needs and one warehouse."""
    cells = []
    for load in loads:
        asked = unhindered(load, setup.job_minutes)
        for window in seconds:
            written = batches(asked.record_messages, asked.events, window=window, size=setup.batch)
            cells.append(Cell(load, window, ledger(written)))
    return cells
