"""Invocations: one call of one function, in the worker's manner, counted, logged and open to faults."""

import asyncio
import functools
import logging
import os
import re
import secrets
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bridge.local.faults import Fault, FaultPlan
from bridge.local.host.loading import Function

T = TypeVar("T")

log = logging.getLogger("bridge.local.host")

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class FunctionTimeoutError(Exception):
    """The function ran longer than functionTimeout."""


class ReturnedValueError(Exception):
    """A function without a return binding returned something: the platform fails it after its side effects."""


@dataclass
class Counts:
    """What became of one function's invocations so far."""

    succeeded: int = 0
    failed: int = 0
    running: int = 0
    #: Of synchronous ones: the CPU time of the function itself, without the host's.
    cpu_seconds: float = 0.0


class TraceContext:
    """What the worker passes as context.trace_context, under its old and its new names."""

    def __init__(self, traceparent: str) -> None:
        self.Traceparent = self.trace_parent = traceparent
        self.Tracestate = self.trace_state = ""
        self.attributes: dict[str, str] = {}
        self.Attributes = self.attributes


class Context:
    """What the worker passes as context. Named so because the worker checks the annotation's name."""

    retry_context = None
    thread_local_storage = None

    def __init__(self, function_name: str, invocation_id: str, traceparent: str) -> None:
        self.function_name = function_name
        self.invocation_id = invocation_id
        self.function_directory = str(Path.cwd())
        self.trace_context = TraceContext(traceparent)


def nothing_returned(function: Function, value: Any) -> None:
    """Fail a function that has no return binding and returned something."""
    if value is not None:
        raise ReturnedValueError(
            f"function {function.name!r} has no return binding and returned a {type(value).__name__}"
        )


@dataclass
class Invoker:
    """Runs functions: synchronous ones in the worker's thread pool, asynchronous ones on the event loop."""

    timeout_seconds: float | None
    faults: FaultPlan
    #: PYTHON_THREADPOOL_THREAD_COUNT; None for the interpreter's default, processors + 4.
    threads: int | None = None
    counts: dict[str, Counts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="function")
        self._pending: set[asyncio.Future[Any]] = set()

    @property
    def running(self) -> int:
        return sum(counts.running for counts in self.counts.values())

    @property
    def has_stuck_calls(self) -> bool:
        """Whether calls still run that were given up: their threads would keep the process from ending."""
        return any(not future.done() for future in self._pending)

    def expect(self, names: Iterable[str]) -> None:
        """Show these functions in the counts before their first invocation."""
        for name in names:
            self.counts.setdefault(name, Counts())

    def forget_counts(self) -> None:
        for counts in self.counts.values():
            counts.succeeded = counts.failed = 0
            counts.cpu_seconds = 0.0

    def to_json(self) -> dict[str, dict[str, int]]:
        return {
            name: {"succeeded": counts.succeeded, "failed": counts.failed, "running": counts.running}
            for name, counts in self.counts.items()
        }

    async def invoke(
        self,
        function: Function,
        decode: Callable[[], Any],
        encode: Callable[[Any], T],
        *,
        traceparent: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> T:
        """The encoded answer of `function` to the decoded trigger data.

        Whatever goes wrong, in decoding and encoding too, is a failed invocation: logged with its traceback, then
        raised. `facts` are what a fault can be made to match, besides the function's name.
        """
        counts = self.counts.setdefault(function.name, Counts())
        invocation_id = str(uuid.uuid4())
        started = time.monotonic()
        counts.running += 1
        try:
            self._crash(function, "before", facts)
            context = Context(function.name, invocation_id, _valid(traceparent))
            answer = encode(await self._call(function, decode(), context))
            self._crash(function, "after", facts)
        except Exception:
            counts.failed += 1
            log.exception(
                "Executed %r (Failed, Id=%s, %d ms)", function.name, invocation_id, (time.monotonic() - started) * 1000
            )
            raise
        else:
            counts.succeeded += 1
            log.info(
                "Executed %r (Succeeded, Id=%s, %d ms)",
                function.name,
                invocation_id,
                (time.monotonic() - started) * 1000,
            )
            return answer
        finally:
            counts.running -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call(self, function: Function, value: Any, context: Context) -> Any:
        arguments = {function.argument: value} | ({"context": context} if function.wants_context else {})
        future: asyncio.Future[Any]
        if function.is_async:
            future = asyncio.ensure_future(function.call(**arguments))
        else:
            call = functools.partial(_timed, self.counts[function.name], function.call, **arguments)
            future = asyncio.get_running_loop().run_in_executor(self._pool, call)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        done, _ = await asyncio.wait({future}, timeout=self.timeout_seconds)
        if not done:
            future.add_done_callback(_forget)
            if function.is_async:
                future.cancel()  # a thread cannot be stopped: its call runs on, unheard
            raise FunctionTimeoutError(f"function {function.name!r} ran longer than {self.timeout_seconds:g} s")
        return future.result()

    def _crash(self, function: Function, when: str, facts: Mapping[str, Any] | None) -> None:
        fault = self.faults.strike("crash", **{**(facts or {}), "function": function.name, "when": when})
        if fault is not None:
            crash(fault)


def _timed(counts: Counts, call: Callable[..., Any], **arguments: Any) -> Any:
    """In the function's thread."""
    begin = time.thread_time()
    try:
        return call(**arguments)
    finally:
        counts.cpu_seconds += time.thread_time() - begin


def crash(fault: Fault) -> None:
    """Kill this process as a crash would, after leaving the proof behind that it was this fault."""
    print(f"fault {fault.id} struck: crash", flush=True)
    if "marker" in fault.params:
        Path(fault.params["marker"]).write_text(fault.id, encoding="utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


def _valid(traceparent: str | None) -> str:
    if traceparent and _TRACEPARENT.fullmatch(traceparent):
        return traceparent
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _forget(future: asyncio.Future[Any]) -> None:
    """Take the result of a call that was given up, or asyncio complains that nobody did."""
    if not future.cancelled():
        future.exception()
