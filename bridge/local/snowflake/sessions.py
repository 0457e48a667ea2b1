"""Logins and what a session keeps between its statements."""

import asyncio
import itertools
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
from fakesnow.instance import FakeSnow

from bridge.local.snowflake.errors import StatementFailed
from bridge.local.snowflake.external_functions import SESSION_VARIABLE, QueryContext
from bridge.local.snowflake.sql_text import identifier
from bridge.local.snowflake.task_context import TaskContext

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
    #: The session that opened the connection: the handler of a procedure works on its caller's.
    connection_id: int = 0
    #: How many procedures lie between this session and its connection's first one.
    depth: int = 0
    #: The task within which the session's statements run.
    task: TaskContext | None = None

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
        number = next(self._ids)
        session = Session(
            id=number,
            connection_id=number,
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

    def open_within(self, caller: Session) -> Session:
        """The session of a procedure's handler: on the caller's connection, in its transaction, with turns of its own.

        The caller waits for the handler, so only one of them uses the connection at a time.
        """
        session = replace(
            caller,
            id=next(self._ids),
            depth=caller.depth + 1,
            token=secrets.token_urlsafe(32),
            turn=asyncio.Lock(),
            query=None,
        )
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

    def query_of(self, connection_id: str) -> QueryContext:
        """What runs on the connection that the session with this id opened; of nested ones the innermost."""
        with self._lock:
            found = [session for session in self._by_token.values() if str(session.connection_id) == connection_id]
        running = [(session.depth, session.query) for session in found if session.query is not None]
        if not running:
            raise StatementFailed(603, "XX000", f"session {connection_id} runs no query")
        return max(running, key=lambda pair: pair[0])[1]

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


@contextmanager
def in_schema(connection: Any, database: str, schema: str) -> Iterator[None]:
    """Make this schema the current one for a while, whatever is made the current one within."""
    before = _current(connection)
    _make_current(connection, (database, schema, True, True))
    try:
        yield
    finally:
        _make_current(connection, before)


def _current(connection: Any) -> tuple[Any, ...]:
    return connection.database, connection._schema, connection.database_set, connection.schema_set


def _make_current(connection: Any, wanted: tuple[Any, ...]) -> None:
    if _current(connection) == wanted:
        return
    database, schema, database_set, schema_set = wanted
    if database and database_set:
        command = f"SET schema = '{database}.{schema if schema_set else 'main'}'"
        try:
            connection._duck_conn.execute(command)
        except duckdb.TransactionException:  # a statement failed in an open transaction: it is lost in any case
            connection._duck_conn.rollback()
            connection._in_transaction = False
            connection._duck_conn.execute(command)
    connection.database, connection._schema, connection.database_set, connection.schema_set = wanted
