"""Statements as DuckDB gets them, kept for the next time: turning one of 30 columns into DuckDB's SQL takes 30 ms."""

import threading
from collections import OrderedDict
from typing import Any

from sqlglot import exp

_KEPT = 200
_KEPT_KINDS = (exp.Select, exp.Insert, exp.Update, exp.Delete)


class PlanCache:
    """The transformed parts of statements by all that their transformation depends on; safe to use from threads."""

    def __init__(self) -> None:
        self._parts: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...]) -> Any | None:
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
            return self._parts.get(key)

    def keep(self, key: tuple[Any, ...], statement: Any, part: Any) -> None:
        """Keep the only part of a statement, if the next time will be the same."""
        if not isinstance(statement, _KEPT_KINDS) or part.args.get("seed") is not None:
            return
        if any(call.name.upper() == "LAST_QUERY_ID" for call in statement.find_all(exp.Anonymous)):
            return
        with self._lock:
            self._parts[key] = part
            while len(self._parts) > _KEPT:
                self._parts.popitem(last=False)
