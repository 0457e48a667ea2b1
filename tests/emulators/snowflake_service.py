"""The emulated Snowflake and the real connector on it, as the tests of the Snowflake emulator use them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx
import pytest
import snowflake.connector
from snowflake.connector import errors

from bridge.local.processes import emulator, free_port

DATABASE, SCHEMA = "LAPTOP", "ML_BRIDGE"


class SnowflakeService:
    """A running emulator with its control surface; connections are closed with it."""

    def __init__(self, *arguments: str) -> None:
        self.port, control = free_port(), free_port()
        self._process = emulator("snowflake", self.port, control, *arguments)
        self.control = httpx.Client(base_url=f"http://127.0.0.1:{control}", trust_env=False, timeout=30)
        self._connections: list[Any] = []

    def __enter__(self) -> Self:
        # The connector's core would look for the metadata service of each cloud.
        os.environ["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] = "true"
        self._process.start()
        self._process.wait_until_healthy()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()
        self.control.close()
        self._process.stop()

    def connect(self, **options: Any) -> Any:
        """A connection as the app opens one, in the schema of the tests."""
        arguments: dict[str, Any] = {
            "user": "laptop",
            "password": "laptop",
            "account": "laptop",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "database": DATABASE,
            "schema": SCHEMA,
            "paramstyle": "qmark",
            "login_timeout": 5,
            "enable_server_session_keep_alive_auto_detection": False,
            "session_parameters": {"QUERY_TAG": "aml-bridge"},
            **options,
        }
        connection = snowflake.connector.connect(**arguments)
        self._connections.append(connection)
        return connection

    def tell(self, path: str, body: object | None = None) -> Any:
        answer = self.control.post(path, json=body if body is not None else {})
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ask(self, path: str) -> Any:
        answer = self.control.get(path)
        answer.raise_for_status()
        return answer.json()

    def plan(self, kind: str, *, times: int | None = 1, match: object = None, **params: Any) -> str:
        """Plan a fault; its id."""
        fault = {"kind": kind, "times": times, "match": match or {}, "params": params}
        return str(self.tell("/faults", fault)["id"])

    def struck(self, fault: str) -> int:
        return int(self.ask(f"/faults/{fault}")["struck"])


def rows(connection: Any, sql: str, binds: Sequence[Any] | None = None) -> list[Any]:
    """The rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, binds)
        return list(cursor.fetchall())


def value(connection: Any, sql: str, binds: Sequence[Any] | None = None) -> Any:
    """The first column of the only row of one statement."""
    found = rows(connection, sql, binds)
    assert len(found) == 1
    return found[0][0]


@contextmanager
def refused(code: int) -> Iterator[None]:
    """The statement within is refused with this error number, as an error of the statement and not of the service."""
    with pytest.raises(errors.DatabaseError) as error:
        yield
    assert error.value.errno == code
    assert not isinstance(error.value, errors.OperationalError)
