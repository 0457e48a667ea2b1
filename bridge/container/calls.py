"""Calls of the app's functions: in threads, logged, and no longer than host.json lets them run."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from bridge.container.functions import Function

log = logging.getLogger(__name__)


class FunctionTimeout(Exception):
    """The function ran longer than functionTimeout. Its thread cannot be stopped but with the process."""


class Calls:
    """Runs functions in threads of their own; as many at once as there are threads."""

    def __init__(self, threads: int, timeout: timedelta | None, on_stuck: Callable[[Exception], None]) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._seconds = timeout.total_seconds() if timeout else None
        self._on_stuck = on_stuck
        self.running = 0

    async def __call__(self, function: Function, value: Any) -> Any:
        """What the function returns. Raises: whatever it raises, which is logged; FunctionTimeout."""
        begun = time.monotonic()
        try:
            answer = await self._run(function, value)
        except Exception:
            log.exception("%s failed after %d ms", function.name, (time.monotonic() - begun) * 1000)
            raise
        log.info("%s took %d ms", function.name, (time.monotonic() - begun) * 1000)
        return answer

    async def _run(self, function: Function, value: Any) -> Any:
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: function.call(**{function.argument: value})
        )
        self.running += 1
        future.add_done_callback(self._ended)
        done, _ = await asyncio.wait({future}, timeout=self._seconds)
        if not done:
            error = FunctionTimeout(f"{function.name} ran longer than functionTimeout, {self._seconds:g} seconds")
            self._on_stuck(error)
            raise error
        return future.result()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ended(self, future: "asyncio.Future[Any]") -> None:
        self.running -= 1
        if not future.cancelled():
            future.exception()  # or asyncio complains of a call that was given up
