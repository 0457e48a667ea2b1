"""Triggers to commands and results to answers: translation only, the services decide.

The modules are loaded on first use: the platform waits for the functions' names, and only their calls need the rest.
"""

import importlib
import threading
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.handlers import (
        answers,
        dashboard,
        dead_letters,
        lifecycle,
        openapi,
        outbound,
        queues,
        run_and_wait,
        runs,
        snowflake,
        triggers,
    )

__all__ = [
    "answers",
    "dashboard",
    "dead_letters",
    "lifecycle",
    "openapi",
    "outbound",
    "queues",
    "run_and_wait",
    "runs",
    "snowflake",
    "triggers",
]
#: Loaded by one thread at a time: two that meet in one package from two sides would see half of it.
_loading = threading.RLock()


def load() -> None:
    """Load all of them."""
    for name in __all__:
        __getattr__(name)


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _loading:
        return importlib.import_module(f"{__name__}.{name}")
