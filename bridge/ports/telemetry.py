"""Who is told of what the app does."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bridge.domain.signals import Attributes, Metric, SpanKind
from bridge.domain.trace import Trace


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
