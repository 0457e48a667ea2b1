"""A session of snowflake-connector-python: one connection, made again when it is lost, and its errors translated."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from typing import Any

from bridge.domain.errors import RefusedData, RetryableError, ServiceUnavailable
from bridge.domain.signals import SILENT, Attributes, Span, SpanKind, Telemetry
from bridge.payloads import lossless
from bridge.payloads.commands import timestamp

log = logging.getLogger(__name__)
LOGIN_SECONDS = 20
REQUEST_SECONDS = 60
QUERY_SECONDS = 90
#: How long a statement waits for those before it.
TURN_SECONDS = 60
#: Session is gone, session token expired, connection closed.
LOST_SESSION = frozenset({390111, 390112, 390114, 250002})
#: SQLSTATE classes of values that a column does not take.
DATA_CLASSES = ("22",)
#: Within that class only these numbers are about values; others are a suspended warehouse or a missing database.
DATA_ERRORS = range(100_000, 101_000)
SEMI_STRUCTURED = frozenset({"INPUTS", "OUTPUTS", "PAYLOAD", "DATA"})


class Session:
    """One statement after the other, on a connection that is made on first use."""

    def __init__(self, arguments: Mapping[str, Any], telemetry: Telemetry = SILENT) -> None:
        #: For `snowflake.connector.connect`: account, identity, database and schema.
        self._arguments = arguments
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._connection: Any = None

    def close(self) -> None:
        with self._lock:
            self._drop()

    def execute(self, name: str, text: str, binds: Sequence[Any], wait: float = TURN_SECONDS) -> list[dict[str, Any]]:
        """Run one statement, once more on a new connection when the old one turns out to be lost.

        Raises: RetryableError; RefusedData.
        """
        with self._turn(name, wait), self._telling(name, text), _translated(name):
            try:
                return self._once(name, text, binds)
            except Exception as error:
                connection = self._connection
                if connection is None or _is_about_data(error):
                    raise
                lost = _is_lost(error, connection)
                self._drop()  # whatever was wrong with it, the next statement begins anew
                if not lost:
                    raise
                log.info("the Snowflake session was lost; connecting again")
                return self._once(name, text, binds)

    def _once(self, name: str, text: str, binds: Sequence[Any]) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = connect(self._arguments)
        with self._connection.cursor() as cursor:
            # A statement with such a list has no other binds.
            listed = text.replace("IN (?)", f"IN ({', '.join('?' * len(binds))})")
            cursor.execute(listed, tuple(binds), timeout=QUERY_SECONDS)
            if name.startswith("insert_"):
                return []
            names = [str(column[0]) for column in cursor.description]
            return [_plain(dict(zip(names, values, strict=True))) for values in cursor.fetchall()]

    def _drop(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except Exception:
                log.info("the lost connection could not be closed", exc_info=True)
            self._connection = None

    @contextmanager
    def _turn(self, name: str, seconds: float) -> Iterator[None]:
        """One statement at a time; who would wait for long behind one that hangs is told that there is no answer."""
        if not self._lock.acquire(timeout=seconds):
            raise ServiceUnavailable(f"Snowflake does not answer: {name} waited behind other statements")
        try:
            yield
        finally:
            self._lock.release()

    def _telling(self, name: str, text: str) -> AbstractContextManager[Span]:
        attributes: Attributes = {
            "db.system.name": "snowflake",
            "db.namespace": f"{self._arguments.get('database')}|{self._arguments.get('schema')}",
            "db.operation.name": text.partition(" ")[0].upper(),
            "db.query.summary": name,
            "server.address": str(self._arguments.get("host") or self._arguments.get("account")),
        }
        return self._telemetry.span(name, SpanKind.CLIENT, attributes=attributes)


def connect(
    arguments: Mapping[str, Any],
    *,
    tag: str = "aml-bridge",
    login_seconds: int = LOGIN_SECONDS,
    request_seconds: int = REQUEST_SECONDS,
    query_seconds: int = QUERY_SECONDS,
) -> Any:
    """The connector's connection, as everything of the bridge opens one. Raises: the connector's own errors."""
    import snowflake.connector

    return snowflake.connector.connect(
        **arguments,
        paramstyle="qmark",
        login_timeout=login_seconds,
        request_timeout=request_seconds,
        query_timeout=query_seconds,
        client_session_keep_alive=False,
        enable_server_session_keep_alive_auto_detection=False,
        session_parameters={"QUERY_TAG": tag, "TIMEZONE": "UTC"},
    )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """The connector's errors by what has to be done next: only refused values are the records' own fault."""
    from snowflake.connector import errors

    try:
        yield
    except (errors.IntegrityError, errors.ProgrammingError) as error:
        if _is_about_data(error):
            raise RefusedData(
                f"Snowflake refused a value: {error.raw_msg or error.msg}", code=str(error.errno)
            ) from error
        # A missing table or grant: someone will mend it, and until then nothing may be lost.
        raise RetryableError(f"Snowflake refused {name}: {error.errno} {error.raw_msg or error.msg}") from error
    except errors.Error as error:
        raise ServiceUnavailable(f"Snowflake did not answer {name}: {type(error).__name__} {error.errno}") from error
    except OSError as error:
        raise ServiceUnavailable(f"Snowflake could not be reached for {name}: {type(error).__name__}") from error


def _is_about_data(error: Any) -> bool:
    """Whether other values would be taken. A NULL where none may be is an IntegrityError of the same class."""
    state, number = str(getattr(error, "sqlstate", None) or ""), getattr(error, "errno", None)
    return state.startswith(DATA_CLASSES) and number in DATA_ERRORS


def _is_lost(error: Exception, connection: Any) -> bool:
    return getattr(error, "errno", None) in LOST_SESSION or bool(connection.is_closed())


def _plain(columns: dict[str, Any]) -> dict[str, Any]:
    """Lower-case names and JSON-able values; VARIANT comes from the connector as JSON text."""
    return {name.lower(): _value(name, value) for name, value in columns.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, str) and name.upper() in SEMI_STRUCTURED:
        return lossless.loads(value)
    if isinstance(value, datetime):
        return timestamp(value)
    return value.isoformat() if isinstance(value, date) else value
