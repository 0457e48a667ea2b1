"""Which invocation the code that asks belongs to: many run at the same time, in one process."""

import threading
from contextvars import ContextVar, copy_context
from dataclasses import dataclass

from bridge.local.snowflake.procedures.messages import Invocation


@dataclass(frozen=True)
class Running:
    """One invocation while its handler runs."""

    invocation: Invocation
    thread: int


running: ContextVar[Running | None] = ContextVar("running", default=None)


def inherit_in_threads() -> None:
    """Let the threads that a handler starts belong to its invocation."""
    start = threading.Thread.start

    def start_in_context(thread: threading.Thread) -> None:
        context, run = copy_context(), thread.run
        thread.run = lambda: context.run(run)  # type: ignore[method-assign]  # one object, not the class
        start(thread)

    threading.Thread.start = start_in_context  # type: ignore[assignment,method-assign]  # there is no hook for it
