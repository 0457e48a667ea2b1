"""Waiting for a condition instead of for time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], within: float = 10.0) -> T:
    """The first truthy value of `check`; after `within` seconds its last value fails the test."""
    deadline = time.monotonic() + within
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {within:g} s: {getattr(check, '__doc__', None) or check}")
        time.sleep(0.02)
