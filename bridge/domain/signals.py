"""What the bridge tells of itself besides its log: the names of spans and metrics; and `Silent`, where nobody asks.

Names follow OpenTelemetry's semantic conventions where there are any; docs/telemetry.md lists all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.domain.context import about
from bridge.domain.trace import Trace

Value = str | int | float | bool
Attributes = Mapping[str, Value]

RUN_ID = "bridge.run_id"
PIPELINE = "bridge.pipeline"
CORRELATION_ID = "bridge.correlation_id"
TRACE_ID = "bridge.trace_id"
QUEUE = "bridge.queue"
OPERATION = "bridge.operation"
REASON = "bridge.reason"
OUTCOME = "bridge.outcome"
CHANNEL = "bridge.channel"
QUERY_ID = "snowflake.query_id"
ERROR_TYPE = "error.type"


class SpanKind(StrEnum):
    """Which side of a call a span is."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


@dataclass(frozen=True)
class Metric:
    """A number that is added up, or measured again and again."""

    name: str
    unit: str
    description: str


RUNS_ACCEPTED = Metric("bridge.runs.accepted", "{run}", "Runs that were durably queued")
RUNS_REJECTED = Metric("bridge.runs.rejected", "{run}", "Requests that did not become a run")
RUNS_SUBMITTED = Metric("bridge.runs.submitted", "{run}", "Runs whose Azure ML job exists")
RUNS_COMPLETED = Metric("bridge.runs.completed", "{run}", "Runs that ended well")
RUNS_FAILED = Metric("bridge.runs.failed", "{run}", "Runs that ended badly, with a job or without")
RUNS_CANCELED = Metric("bridge.runs.canceled", "{run}", "Runs that were canceled")
RETRIES = Metric("bridge.retries", "{message}", "Messages that come back later because something did not answer")
DEAD_LETTERS = Metric("bridge.dead_letters", "{message}", "Messages that were put aside")
COUNTERS = (
    *(RUNS_ACCEPTED, RUNS_REJECTED, RUNS_SUBMITTED, RUNS_COMPLETED, RUNS_FAILED, RUNS_CANCELED),
    *(RETRIES, DEAD_LETTERS),
)

QUEUE_LAG = Metric("bridge.queue.lag", "s", "From when a message could be taken to when it is handled")
RECORD_LAG = Metric("bridge.record.lag", "s", "From when something happened to when the ledger has it")
BATCH_SIZE = Metric("bridge.record.batch_size", "{message}", "Messages that are recorded together")
AML_DURATION = Metric("bridge.aml.duration", "s", "How long Azure's management API took to answer")
HISTOGRAMS = (QUEUE_LAG, RECORD_LAG, BATCH_SIZE, AML_DURATION)


class Span(Protocol):
    """One piece of work, while it is done."""

    def tell(self, attributes: Attributes) -> None:
        """What is known of it by now: never inputs, never secrets."""

    def fail(self, error_type: str) -> None:
        """It went wrong, though nothing was raised."""


class Telemetry(Protocol):
    """What operators see of the app besides its log: traces and metrics."""

    #: Whether anybody listens: what takes work to find out is left out otherwise.
    @property
    def is_on(self) -> bool: ...

    def around(self) -> Trace | None:
        """Where the platform has begun to tell of the call at hand, if it has."""

    def span(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: Trace | None = None,
        links: Sequence[Trace] = (),
        attributes: Attributes | None = None,
    ) -> AbstractContextManager[Span]:
        """Work that belongs to `parent`, or to the work around it; inside, `context.current_trace` is the span's place.

        Whatever is raised passes, and is told by its kind alone.
        """

    def count(self, metric: Metric, amount: int, attributes: Attributes) -> None: ...

    def measure(self, metric: Metric, value: float, attributes: Attributes) -> None: ...


class SilentSpan:
    """A span that nobody records."""

    def tell(self, attributes: Attributes) -> None:
        """Nobody listens."""

    def fail(self, error_type: str) -> None:
        """Nobody listens."""


class Silent:
    """Telemetry that nobody asked for: work still knows which trace it belongs to."""

    is_on = False

    def around(self) -> Trace | None:
        """Nobody tells of the call."""
        return None

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - for those who record
        kind: SpanKind,  # noqa: ARG002
        *,
        parent: Trace | None = None,
        links: Sequence[Trace] = (),  # noqa: ARG002
        attributes: Attributes | None = None,  # noqa: ARG002
    ) -> Iterator[SilentSpan]:
        with about(trace=parent):
            yield _SPAN

    def count(self, metric: Metric, amount: int, attributes: Attributes) -> None:
        """Nobody listens."""

    def measure(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Nobody listens."""


_SPAN = SilentSpan()
SILENT = Silent()
