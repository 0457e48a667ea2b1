"""Transactions of the emulator's own, around what a statement is made of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def all_or_nothing(session_connection: Any, *, needed: bool = True) -> Iterator[bool]:
    """One transaction around what is done within, unless there is one anyway: whether it is an own one."""
    connection = session_connection._duck_conn
    # Without autocommit fakesnow begins one. Within one every statement has its number; asking by BEGIN would end it.
    if not needed or not session_connection._autocommit or _number(connection) == _number(connection):
        yield False
        return
    connection.begin()
    try:
        yield True
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _number(connection: Any) -> int:
    return int(connection.execute("SELECT txid_current()").fetchone()[0])
