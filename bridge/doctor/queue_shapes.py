"""How the app's queues have to be; docs/queues.md has the reason of each number."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bridge.doctor.mends import command
from bridge.domain.queues import Queue

DELIVERIES = 10
LIFE, WINDOW = "P14D", "PT10M"
#: Of `record`, whose batches are not renewed.
LONG_LOCK, LOCK = "PT5M", "PT1M"
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_UNITS = ("days", "hours", "minutes", "seconds")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property that is not as it should be."""

    what: str
    why: str
    #: For `az servicebus queue update`; empty where only a new queue helps.
    options: tuple[str, ...]
    #: Whether messages may be lost or handled twice because of it.
    is_serious: bool


def lock_of(queue: Queue) -> str:
    return LONG_LOCK if queue is Queue.RUN_EVENTS else LOCK


def detects_duplicates(queue: Queue) -> bool:
    return queue is Queue.RUN_CONTROL


def creation(queue: Queue, name: str, group: str, namespace: str) -> str:
    """The command that makes it as it should be."""
    duplicates: tuple[str, ...] = ()
    if detects_duplicates(queue):
        duplicates = ("--enable-duplicate-detection", "true", "--duplicate-detection-history-time-window", WINDOW)
    return command(
        "az", "servicebus", "queue", "create", *place(group, namespace), "--name", name,
        "--lock-duration", lock_of(queue), "--max-delivery-count", str(DELIVERIES),
        "--default-message-time-to-live", LIFE, "--enable-dead-lettering-on-message-expiration", "true", *duplicates,
    )  # fmt: skip


def place(group: str, namespace: str) -> tuple[str, ...]:
    return ("--resource-group", group, "--namespace-name", namespace)


def differences(queue: Queue, properties: Mapping[str, Any]) -> Iterator[Difference]:
    """What Azure says of a queue, beside what it should be."""
    yield from _lock(queue, properties)
    yield from _life(properties)
    yield from _made_once(queue, properties)


def _lock(queue: Queue, properties: Mapping[str, Any]) -> Iterator[Difference]:
    wanted, found = lock_of(queue), str(properties.get("lockDuration") or "")
    if duration(found) != duration(wanted):
        is_short = duration(found) < duration(wanted)
        short = "a message that takes longer is handled twice"
        why = short if is_short else "after a crash messages wait longer than they have to"
        yield Difference(
            what=f"its lock is {found or 'unknown'}, not {wanted}",
            why=why,
            options=("--lock-duration", wanted),
            is_serious=is_short,
        )
    deliveries = properties.get("maxDeliveryCount")
    if deliveries != DELIVERIES:
        yield Difference(
            what=f"a message is delivered {deliveries} times, not {DELIVERIES}",
            why="so many failures are what the app's own retries reckon with",
            options=("--max-delivery-count", str(DELIVERIES)),
            is_serious=False,
        )


def _life(properties: Mapping[str, Any]) -> Iterator[Difference]:
    life = str(properties.get("defaultMessageTimeToLive") or "")
    if duration(life) < duration(LIFE):
        yield Difference(
            what=f"messages live {life or 'unknown'}, not {LIFE}",
            why="what waits through a longer outage would be dead-lettered",
            options=("--default-message-time-to-live", LIFE),
            is_serious=False,
        )
    if properties.get("deadLetteringOnMessageExpiration") is not True:
        yield Difference(
            what="messages that expire are dropped",
            why="they would disappear without a trace",
            options=("--enable-dead-lettering-on-message-expiration", "true"),
            is_serious=True,
        )
    status = str(properties.get("status") or "Active")
    if status != "Active":
        yield Difference(
            what=f"it is {status}",
            why="nothing, or only half, goes through it",
            options=("--status", "Active"),
            is_serious=True,
        )


def _made_once(queue: Queue, properties: Mapping[str, Any]) -> Iterator[Difference]:
    wanted, found = detects_duplicates(queue), properties.get("requiresDuplicateDetection") is True
    if found != wanted:
        yield Difference(
            what=f"duplicate detection is {'on' if found else 'off'}, not {'on' if wanted else 'off'}",
            why="copies that the app sends again on purpose may be dropped" if found else "checks may be made twice",
            options=(),
            is_serious=found,
        )
    elif wanted and duration(str(properties.get("duplicateDetectionHistoryTimeWindow") or "")) != duration(WINDOW):
        yield Difference(
            what=f"duplicates are known for {properties.get('duplicateDetectionHistoryTimeWindow')}, not {WINDOW}",
            why="checks may be made twice, or left out",
            options=("--duplicate-detection-history-time-window", WINDOW),
            is_serious=False,
        )
    if properties.get("requiresSession") is True:
        yield Difference(
            what="it requires sessions",
            why="the app's messages have none, so none can be sent or taken",
            options=(),
            is_serious=True,
        )


def duration(text: str) -> timedelta:
    """Of ISO 8601, as Azure writes it; no time at all for anything else."""
    found = _DURATION.fullmatch(text)
    if not found:
        return timedelta()
    return timedelta(**{unit: float(value) for unit, value in zip(_UNITS, found.groups(), strict=True) if value})
