"""JSON without loss: NUMBER(38,0) and decimals are more than a double holds, and a bad document is a plain error."""

from typing import Any

import simplejson


def dumps(value: Any) -> str:
    """Compact JSON; Decimal as a number with all its digits. Sorted, so that the same value is the same text."""
    return simplejson.dumps(value, use_decimal=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(text: str | bytes) -> Any:
    """The value, with fractions as Decimal.

    Raises: ValueError with a text for the sender, whatever is wrong with the document.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        return simplejson.loads(decoded, use_decimal=True, allow_nan=False)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text: byte {error.start} cannot be read") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except simplejson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:  # an integer of more than 4,300 digits
        raise ValueError(f"not usable JSON: {error}") from error
