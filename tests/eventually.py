"""Waiting for a condition instead of for time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T | None], within: float = 30.0, *, what: Callable[[], str] | None = None) -> T:
    """The first truthy value of `check`; without one after `within` seconds the test fails and tells `what`."""
    deadline = time.monotonic() + within
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            told = what() if what else f"still {value!r}"
            raise AssertionError(f"{told} after {within:g} s")
        time.sleep(0.02)
