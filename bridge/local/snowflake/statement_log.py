"""Every statement that arrived, so that tests can count them and people can see what an app really sends."""

import threading
from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any

from bridge.local.snowflake.sql_text import table_of, verb_of, without_secrets

_KEPT = 2000
_TEXT_KEPT = 500


class StatementLog:
    """The last statements, and how many there were of each verb and table since the last reset."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def record(self, *, session_id: int, sql: str, query_id: str, seconds: float, error: str | None) -> None:
        verb, table = verb_of(sql), table_of(sql)
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "session": session_id,
            "verb": verb,
            "table": table,
            "sql": without_secrets(sql)[:_TEXT_KEPT],
            "query_id": query_id,
            "seconds": round(seconds, 4),
            "error": error,
        }
        with self._lock:
            self._entries.append(entry)
            self._counts[f"{verb} {table}".strip()] += 1

    def to_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "total": sum(self._counts.values()),
                "counts": dict(self._counts),
                "statements": list(self._entries),
            }

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._counts.clear()
