"""Logins and what a session keeps between its statements."""

import asyncio
import itertools
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fakesnow.instance import FakeSnow

from bridge.local.snowflake.errors import StatementFailed
from bridge.local.snowflake.external_functions import SESSION_VARIABLE, QueryContext
from bridge.local.snowflake.sql_text import identifier

WRONG_PASSWORD = StatementFailed(390100, "08001", "Incorrect username or password was specified.")
NO_SESSION = StatementFailed(390104, "08001", "User must login again to access the service.")
_WITH_PASSWORD = frozenset({"", "SNOWFLAKE", "USERNAME_PASSWORD_MFA"})


@dataclass(kw_only=True)
class Session:
    """One login."""

    id: int
    token: str
    connection: Any
    user: str
    account: str
    role: str
    warehouse: str
    #: DuckDB refuses two calls at once on one connection. A lock for each session, never one for all: an external
    #: function may write back on its own session while the query that called it still waits.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    query: QueryContext | None = None
    last_query_id: str = ""

    def names(self) -> tuple[str | None, ...]:
        """All of a session that the meaning of a statement depends on."""
        return (
            self.connection.database,
            self.connection.schema,
            self.user,
            self.account,
            self.role,
            self.warehouse,
        )

    def context(self) -> dict[str, str]:
        """What the context functions answer."""
        return {
            "CURRENT_ACCOUNT": self.account,
            "CURRENT_DATABASE": self.connection.database or "",
            "CURRENT_ROLE": self.role,
            "CURRENT_SCHEMA": self.connection.schema or "",
            "CURRENT_SESSION": str(self.id),
            "CURRENT_USER": self.user,
            "CURRENT_WAREHOUSE": self.warehouse,
            "LAST_QUERY_ID": self.last_query_id,
        }


class Sessions:
    """The sessions that are logged in."""

    def __init__(self, databases: FakeSnow) -> None:
        self._databases = databases
        self._by_token: dict[str, Session] = {}
        self._ended: dict[str, StatementFailed] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def log_in(self, credentials: Mapping[str, Any], query: Mapping[str, str]) -> Session:
        """Open a session; nothing is verified, but who logs in must have a name and a secret.

        Raises:
            StatementFailed: one of the two is missing.
        """
        user = str(credentials.get("LOGIN_NAME") or "")
        authenticator = str(credentials.get("AUTHENTICATOR") or "").upper()
        secret = credentials.get("PASSWORD") if authenticator in _WITH_PASSWORD else credentials.get("TOKEN")
        if not secret or (not user and authenticator in _WITH_PASSWORD):
            raise WRONG_PASSWORD
        parameters = credentials.get("SESSION_PARAMETERS") or {}
        connection = self._databases.connect(
            _name(query.get("databaseName")),
            _name(query.get("schemaName")),
            autocommit=str(parameters.get("AUTOCOMMIT", True)).lower() != "false",
        )
        session = Session(
            id=next(self._ids),
            token=secrets.token_urlsafe(32),
            connection=connection,
            user=identifier(user) or "SERVICE",
            account=str(credentials.get("ACCOUNT_NAME") or "laptop").upper(),
            role=_name(query.get("roleName")) or "PUBLIC",
            warehouse=_name(query.get("warehouse")) or "",
        )
        connection._duck_conn.execute(f"SET VARIABLE {SESSION_VARIABLE} = '{session.id}'")
        with self._lock:
            self._by_token[session.token] = session
        return session

    def find(self, authorization: str) -> Session:
        """The session of an Authorization header.

        Raises:
            StatementFailed: it never was, or it has ended.
        """
        token = _token(authorization)
        with self._lock:
            session = self._by_token.get(token)
            if session is None:
                raise self._ended.get(token, NO_SESSION)
        return session

    def query_of(self, session_id: str) -> QueryContext:
        """What the session with this id runs now."""
        with self._lock:
            found = [session.query for session in self._by_token.values() if str(session.id) == session_id]
        query = found[0] if found else None
        if query is None:
            raise StatementFailed(603, "XX000", f"session {session_id} runs no query")
        return query

    def end(self, session: Session, reason: StatementFailed = NO_SESSION) -> None:
        """Forget the session; later requests of it get `reason`."""
        with self._lock:
            if self._by_token.pop(session.token, None) is not None:
                self._ended[session.token] = reason

    def __len__(self) -> int:
        with self._lock:
            return len(self._by_token)


def _token(authorization: str) -> str:
    """The token of `Snowflake Token="..."`."""
    return authorization.partition('"')[2].rstrip('"')


def _name(text: str | None) -> str | None:
    return identifier(text) if text else None
