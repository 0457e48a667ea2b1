"""One session with Snowflake, as the app logs in, for the doctor's few questions."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.adapters.snowflake_session import connect
from bridge.adapters.statements import read_statements
from bridge.domain.errors import BridgeError

STATEMENTS = read_statements(Path(__file__).with_name("snowflake.sql"))
LOGIN_SECONDS = 10
QUERY_SECONDS = 15
CLOSE_SECONDS = 2


class SnowflakeRefused(BridgeError):
    """Snowflake refused a login or a statement."""

    def __init__(self, message: str, *, number: int) -> None:
        #: Snowflake's own number of the error.
        self.number = number
        super().__init__(message)


class SnowflakeSession:
    """A connection that answers named statements; it is closed in the end, whatever comes between."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def opened(cls, arguments: Mapping[str, Any]) -> Iterator["SnowflakeSession"]:
        """Raises: SnowflakeRefused."""
        with _told():
            connection = connect(
                arguments,
                tag="aml-bridge doctor",
                login_seconds=LOGIN_SECONDS,
                request_seconds=QUERY_SECONDS,
                query_seconds=QUERY_SECONDS,
            )
        try:
            yield cls(connection)
        finally:
            # The server may be gone, and who asked has the answers.
            closing = threading.Thread(target=connection.close, daemon=True)
            closing.start()
            closing.join(CLOSE_SECONDS)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """By lower-case names. Raises: SnowflakeRefused."""
        with _told(), self._connection.cursor() as cursor:
            cursor.execute(STATEMENTS[name], timeout=QUERY_SECONDS)
            names = [str(column[0]).lower() for column in cursor.description]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


@contextmanager
def _told() -> Iterator[None]:
    from snowflake.connector import errors

    try:
        yield
    except errors.Error as error:
        text = str(error.raw_msg or error.msg or type(error).__name__).partition("\n")[0]
        raise SnowflakeRefused(text, number=int(error.errno or 0)) from error
    except (OSError, ValueError) as error:
        raise SnowflakeRefused(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}", number=0) from error
