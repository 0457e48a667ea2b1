"""What Snowflake's notification integrations wrap around a message, taken off.

Source: docs.snowflake.com, SYSTEM$SEND_SNOWFLAKE_NOTIFICATION and "Task error notifications"; community notes on
behaviour change 1421. The exact JSON around a message is not documented, so any nesting that leaves no doubt is read.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from bridge.domain.aml_events import RUN_REQUEST, fold_keys
from bridge.payloads import lossless

#: The event type of everything that an integration publishes.
EVENT_TYPE = "eventgrid-notification"
_MESSAGE_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)
#: Keys under which a wrapper keeps the message.
_INSIDE = ("data", "message", "messages", "body", "content", "payload", "value", "text", "application/json")
_LEVELS = 5


class Inside(NamedTuple):
    """What a message says."""

    type: str
    data: Any
    #: Of an envelope: two messages with the same type and key are the same event.
    key: str | None = None


def unwrapped(data: Any) -> Inside | None:
    """What is inside; None when it is no message that says its type.

    Two kinds do: the bridge's own envelope {"type", "key"?, "data"}, and the messages that tasks send by themselves,
    whose `messageType` USER_TASK_FAILED becomes `Snowflake.UserTaskFailed`.
    """
    for _ in range(_LEVELS):
        data = _parsed(data)
        if isinstance(data, list) and len(data) == 1:
            data = _parsed(data[0])
        if not isinstance(data, Mapping):
            return None
        folded = fold_keys(data)
        found = _task_message(folded, data) or _envelope(folded)
        if found is not None:
            return found
        inside = [name for name in folded if name in _INSIDE or len(folded) == 1]
        if len(inside) != 1:
            return None
        data = folded[inside[0]]
    return None


def _task_message(folded: Mapping[str, Any], data: Any) -> Inside | None:
    kind = folded.get("messagetype")
    if not isinstance(kind, str) or not _MESSAGE_TYPE.fullmatch(kind):
        return None
    return Inside("Snowflake." + "".join(word.capitalize() for word in kind.split("_")), data)


def _envelope(folded: Mapping[str, Any]) -> Inside | None:
    kind = folded.get("type")
    if not isinstance(kind, str) or not kind:
        return None
    if kind.lower() == RUN_REQUEST:
        return Inside(kind, _run_request(folded))
    key = folded.get("key")
    is_key = isinstance(key, str) and bool(key)
    return Inside(kind, _parsed(folded["data"]), key if is_key else None) if "data" in folded else None


def _run_request(folded: Mapping[str, Any]) -> Any:
    """Its data, or what stands in the envelope itself; without a key of its own it has the envelope's."""
    data = _parsed(folded["data"]) if "data" in folded else folded
    if not isinstance(data, Mapping):
        return data
    own = {name: value for name, value in fold_keys(data).items() if data is not folded or name not in {"type", "key"}}
    if own.get("idempotency_key") is None and folded.get("key") is not None:
        own["idempotency_key"] = folded["key"]
    return own


def _parsed(value: Any) -> Any:
    """The value of a JSON text, also of one within one; anything else as it is."""
    while isinstance(value, str):
        try:
            value = lossless.loads(value)
        except ValueError:
            return value
    return value
