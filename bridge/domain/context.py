"""What the work at hand is about: for every line of the log, and for whatever is sent on meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from bridge.domain.trace import Trace

_names: ContextVar[Mapping[str, str]] = ContextVar("names", default={})  # noqa: B039 - never changed
_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)


@contextmanager
def about(
    *, run_id: str | None = None, correlation_id: str | None = None, trace: Trace | None = None
) -> Iterator[None]:
    """Inside, the work is about these; what is None stays as it was."""
    given = {"run_id": run_id, "correlation_id": correlation_id}
    names = _names.set({**_names.get(), **{name: value for name, value in given.items() if value}})
    place = _trace.set(trace or _trace.get())
    try:
        yield
    finally:
        _trace.reset(place)
        _names.reset(names)


def current_trace() -> Trace | None:
    """Where the work belongs; None outside of any."""
    return _trace.get()


def current_traceparent() -> str | None:
    """For what is asked for now, so that it goes on in the same trace."""
    trace = _trace.get()
    return trace.traceparent if trace is not None else None


def known() -> dict[str, str]:
    """`run_id`, `correlation_id` and `trace_id`, as far as they are known."""
    trace = _trace.get()
    return {**_names.get(), **({"trace_id": trace.trace_id} if trace else {})}
