"""Statements that DuckDB cannot have: accepted and recorded, so that a test can assert that they were sent."""

import re
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

from bridge.local.snowflake.sql_text import without_comments, without_secrets

ANSWER = "Statement accepted, not executed by the laptop's Snowflake."
_KEPT = 2000
_OBJECTS = "|".join(
    name.replace(" ", r"\s+")
    for name in (
        "API INTEGRATION",
        "NOTIFICATION INTEGRATION",
        "STORAGE INTEGRATION",
        "SECURITY INTEGRATION",
        "EXTERNAL ACCESS INTEGRATION",
        "INTEGRATION",
        "NETWORK RULE",
        "NETWORK POLICY",
        "AUTHENTICATION POLICY",
        "PASSWORD POLICY",
        "SESSION POLICY",
        "MASKING POLICY",
        "ROW ACCESS POLICY",
        "SECRET",
        "TASK",
        "STREAM",
        "ALERT",
        "PROCEDURE",
        "EXTERNAL FUNCTION",
        "FUNCTION",
        "WAREHOUSE",
        "DATABASE ROLE",
        "ROLE",
        "USER",
        "SERVICE",
        "COMPUTE POOL",
        "IMAGE REPOSITORY",
        "RESOURCE MONITOR",
        "EMAIL INTEGRATION",
    )
)
_KINDS = (
    ("ALTER SESSION", re.compile(r"ALTER\s+SESSION\s+(?:SET|UNSET)\b(?!\s+AUTOCOMMIT\b)", re.I)),
    ("ALTER ACCOUNT", re.compile(r"ALTER\s+ACCOUNT\b", re.I)),
    ("GRANT", re.compile(r"(?:GRANT|REVOKE)\b", re.I)),
    ("USE SECONDARY ROLES", re.compile(r"USE\s+SECONDARY\s+ROLES\b", re.I)),
    ("EXECUTE", re.compile(r"EXECUTE\s+(?:TASK|ALERT|JOB\s+SERVICE)\b", re.I)),
    ("COMMENT", re.compile(rf"COMMENT\s+(?:IF\s+EXISTS\s+)?ON\s+(?:{_OBJECTS}|SCHEMA|DATABASE|COLUMN|VIEW)\b", re.I)),
    ("DESCRIBE", re.compile(rf"DESC(?:RIBE)?\s+(?:{_OBJECTS})\b", re.I)),
    (
        "ALTER PARAMETER",
        re.compile(
            r"ALTER\s+(?:TABLE|SCHEMA|DATABASE)\s+(?:IF\s+EXISTS\s+)?[\w.$\"]+\s+(?:UN)?SET\s+"
            r"(?:DATA_RETENTION_TIME_IN_DAYS|MAX_DATA_EXTENSION_TIME_IN_DAYS|CHANGE_TRACKING|DEFAULT_DDL_COLLATION)\b",
            re.I,
        ),
    ),
    (
        "",
        re.compile(
            r"(?P<verb>CREATE|ALTER|DROP|UNDROP)\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?"
            rf"(?:(?:SECURE|TEMPORARY|TEMP|TRANSIENT|AGGREGATE)\s+)*(?P<object>{_OBJECTS})\b",
            re.I,
        ),
    ),
)


def kind_of(sql: str) -> str | None:
    """What kind of no-op this is, such as CREATE TASK; None for a statement that must be executed."""
    text = without_comments(sql)
    for kind, pattern in _KINDS:
        found = pattern.match(text)
        if found:
            return kind or f"{found['verb']} {' '.join(found['object'].split())}".upper()
    return None


class NoOpLog:
    """What was accepted and not executed; safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def record(self, *, kind: str, session_id: int, sql: str) -> None:
        shown = without_secrets(sql.strip())
        entry = {"at": datetime.now(UTC).isoformat(), "kind": kind, "session": session_id, "sql": shown}
        with self._lock:
            self._entries.append(entry)

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
