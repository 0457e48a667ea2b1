"""What a handler returns, as the database takes it: Snowflake's table of Python and SQL types.

Source: "SQL-Python Data Type Mappings" of Snowflake's documentation; decimals, dates and binary within a VARIANT are
text.
"""

import datetime
import json
from decimal import Decimal
from typing import Any

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {"OBJECT": (dict,), "ARRAY": (list, tuple)}
_SEMI_STRUCTURED = frozenset({"VARIANT", *_PYTHON_TYPES})


def for_database(value: Any, kind: str) -> Any:
    """The value, semi-structured ones as JSON.

    Raises:
        TypeError: SQL's type cannot hold it.
    """
    if value is None:
        return None
    if kind in _SEMI_STRUCTURED:
        wanted = _PYTHON_TYPES.get(kind)
        if wanted and not isinstance(value, wanted):
            raise TypeError(f"The handler must return {wanted[0].__name__} for {kind}, not {type(value).__name__}.")
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text)
    if kind == "VARCHAR":
        return value if isinstance(value, str) else str(value)
    if not isinstance(value, bool | int | float | Decimal | str | bytes | datetime.date | datetime.time):
        raise TypeError(f"The handler returned {type(value).__name__}, which is no {kind}.")
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex().upper()
    raise TypeError(f"{type(value).__name__} cannot be converted to VARIANT.")
