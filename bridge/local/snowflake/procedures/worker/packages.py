"""What a handler may import: the standard library, Snowpark, and what PACKAGES brings with it."""

import builtins
import functools
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from types import ModuleType
from typing import Any

_ALWAYS = frozenset({"snowflake", "_snowflake"})
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def builtins_for(packages: tuple[str, ...]) -> dict[str, Any]:
    """Builtins whose `import` knows what the procedure declares; libraries import for themselves as always."""

    def guarded_import(name: str, *args: Any, **options: Any) -> ModuleType:
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in _ALWAYS and top not in _modules(packages):
            raise ModuleNotFoundError(f"No module named '{top}'", name=top)
        return builtins.__import__(name, *args, **options)

    return {**vars(builtins), "__import__": guarded_import}


@functools.lru_cache(maxsize=100)
def _modules(packages: tuple[str, ...]) -> frozenset[str]:
    """The top-level modules of these distributions and of all that they need."""
    found: dict[str, frozenset[str]] = {}
    waiting = [_distribution(package) for package in packages]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = frozenset()
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = frozenset(_top_level(name, distribution))
        waiting += [_distribution(need) for need in distribution.requires or () if "extra ==" not in need]
    return frozenset().union(*found.values())


def _top_level(name: str, distribution: metadata.Distribution) -> Iterable[str]:
    listed = distribution.read_text("top_level.txt")
    return listed.split() if listed else [name.replace("-", "_"), name.removeprefix("python-").replace("-", "_")]


def _distribution(requirement: str) -> str:
    found = _NAME.match(requirement.strip())
    return found[0].lower().replace("_", "-") if found else ""
