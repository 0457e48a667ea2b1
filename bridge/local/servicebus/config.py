"""The configuration file: the layout of Microsoft's emulator, so that either of the two can read it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.local.servicebus.queue import QueueOptions

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
#: Properties that must stay empty or false, because nothing here implements them.
_NOT_OFFERED = ("RequiresSession", "ForwardTo", "ForwardDeadLetteredMessagesTo")


class ConfigurationError(ValueError):
    """The configuration file asks for something that this emulator does not understand."""


def read_config(file: Path) -> list[QueueOptions]:
    """The queues of the first and only namespace."""
    try:
        namespaces = json.loads(file.read_text())["UserConfig"]["Namespaces"]
        return [option for namespace in namespaces for option in _queues(namespace)]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ConfigurationError(f"{file}: {error!r}; UserConfig.Namespaces[].Queues[] is expected") from error


def _queues(namespace: Mapping[str, Any]) -> list[QueueOptions]:
    if namespace.get("Topics"):
        raise ConfigurationError("topics are not implemented by this emulator")
    return [_queue(queue["Name"], queue.get("Properties") or {}) for queue in namespace.get("Queues") or []]


def _queue(name: str, properties: Mapping[str, Any]) -> QueueOptions:
    for unsupported in _NOT_OFFERED:
        if properties.get(unsupported):
            raise ConfigurationError(f"queue {name}: {unsupported} is not implemented by this emulator")
    detection = properties.get("RequiresDuplicateDetection", False)
    window = seconds(properties.get("DuplicateDetectionHistoryTimeWindow", "PT10M"))
    time_to_live = properties.get("DefaultMessageTimeToLive")
    return QueueOptions(
        name=name,
        lock_seconds=seconds(properties.get("LockDuration", "PT1M")),
        max_delivery_count=int(properties.get("MaxDeliveryCount", 10)),
        duplicate_detection_seconds=window if detection else 0.0,
        ttl_seconds=None if time_to_live is None else seconds(time_to_live),
        dead_letter_expired=bool(properties.get("DeadLetteringOnMessageExpiration", False)),
    )


def seconds(duration: str) -> float:
    """Seconds of an ISO 8601 duration of days, hours, minutes and seconds."""
    found = _DURATION.fullmatch(duration)
    if not found or duration in ("P", "PT"):
        raise ConfigurationError(f"{duration!r} is no duration such as PT1M or P14D")
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60 + rest
