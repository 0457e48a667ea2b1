"""What is under way to the subscribers: when each attempt is due, and how a delivery ends."""

import heapq
import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.local.alarm import Alarm
from bridge.local.eventgrid.clock import Clock, utc_text
from bridge.local.eventgrid.publishing import Event
from bridge.local.eventgrid.topics import Topic
from bridge.local.faults import FaultPlan

#: Seconds to wait after the first, second, … failed attempt; the last goes on.
RETRY_SECONDS = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200)
#: A delivery that is held back until another has arrived waits no longer than this: there may be no other.
LONGEST_HOLD_SECONDS = 60.0
_COUNTS = ("accepted", "delivered", "dropped", "failed", "dead")


@dataclass
class Delivery:
    """One event on its way to the subscriber of its topic."""

    topic: Topic
    event: Event
    number: int
    due: float
    expires: float
    published_at: str = field(default_factory=utc_text)
    #: The same in every attempt, and for a duplicate: Service Bus could find it by duplicate detection.
    system_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0
    last_attempt_at: str | None = None


class EventGridEmulator:
    """All state of the emulator; used from one event loop only."""

    def __init__(self, topics: dict[str, Topic], clock: Clock) -> None:
        self.topics = topics
        self.clock = clock
        self.faults = FaultPlan()
        #: Of each topic's courier: what is due next has changed.
        self._alarms = {name: Alarm() for name in topics}
        self._numbers = itertools.count()
        self.reset()

    def reset(self) -> None:
        """Forget what is under way and what was counted; keep the topics."""
        self._pending: dict[int, Delivery] = {}
        #: By topic: due time and number of those that wait for their turn, and those held back.
        self._waiting: dict[str, list[tuple[float, int]]] = {name: [] for name in self.topics}
        self._held: dict[str, list[Delivery]] = {name: [] for name in self.topics}
        self.dead_letters: list[dict[str, Any]] = []
        self._counts = {topic.door: dict.fromkeys(_COUNTS, 0) for topic in self.topics.values()}

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for alarm in self._alarms.values():
            alarm.ring()

    def counts(self) -> dict[str, dict[str, int]]:
        """By door. Accepted are events; delivered and failed are sends, so a duplicate counts there twice."""
        pending = [delivery.topic.door for delivery in self._pending.values()]
        return {door: {**counts, "pending": pending.count(door)} for door, counts in self._counts.items()}

    def accept(self, topic: Topic, events: Sequence[Event]) -> None:
        """Take the responsibility for these events; faults strike here, one at most for each event."""
        for event in events:
            self._counts[topic.door]["accepted"] += 1
            fault = self.faults.strike(
                "drop", "duplicate", "reorder", "delay", event_type=event.type, subject=event.subject, door=topic.door
            )
            kind = fault.kind if fault else None
            if kind == "drop":
                self._counts[topic.door]["dropped"] += 1
                continue
            wait = float(fault.params["seconds"]) if fault and kind == "delay" else 0.0
            delivery = self._begin(topic, event, wait, is_held=kind == "reorder")
            if kind == "duplicate":
                self._begin(topic, event, 0.0, is_held=False).system_id = delivery.system_id

    def _begin(self, topic: Topic, event: Event, wait: float, *, is_held: bool) -> Delivery:
        now = self.clock.now()
        expires = now + topic.ttl_minutes * 60
        delivery = Delivery(topic, event, next(self._numbers), due=now + wait, expires=expires)
        self._pending[delivery.number] = delivery
        if is_held:
            self._held[topic.name].append(delivery)
            self._alarms[topic.name].ring()
        else:
            self._wait(delivery)
        return delivery

    def _wait(self, delivery: Delivery) -> None:
        heapq.heappush(self._waiting[delivery.topic.name], (delivery.due, delivery.number))
        self._alarms[delivery.topic.name].ring()

    def next_due(self, topic: Topic) -> Delivery | None:
        """The delivery of this topic whose turn it is now, to be attempted; one that has expired is a dead letter."""
        now, waiting = self.clock.now(), self._waiting[topic.name]
        if any(delivery.due + LONGEST_HOLD_SECONDS <= now for delivery in self._held[topic.name]):
            self._let_go(topic)
        while waiting and waiting[0][0] <= now:
            delivery = self._pending[heapq.heappop(waiting)[1]]
            if delivery.expires > now:
                return delivery
            self._bury(delivery, "TimeToLiveExceeded", "TimedOut")
        return None

    async def until_due(self, topic: Topic) -> None:
        """Wait for the moment in which `next_due` may know one."""
        moments = [due for due, _ in self._waiting[topic.name][:1]]
        moments += [delivery.due + LONGEST_HOLD_SECONDS for delivery in self._held[topic.name]]
        await self._alarms[topic.name].sleep(max(0.0, min(moments) - self.clock.now()) if moments else None)

    def delivered(self, delivery: Delivery) -> None:
        if self._pending.pop(delivery.number, None) is None:
            return  # forgotten by a reset meanwhile
        self._counts[delivery.topic.door]["delivered"] += 1
        self._let_go(delivery.topic)

    def _let_go(self, topic: Topic) -> None:
        held, self._held[topic.name] = self._held[topic.name], []
        for delivery in held:
            self._wait(delivery)

    def failed(self, delivery: Delivery, outcome: str, *, is_final: bool) -> None:
        """Plan the next attempt, unless there is none."""
        if delivery.number not in self._pending:
            return
        delivery.attempts += 1
        self._counts[delivery.topic.door]["failed"] += 1
        delivery.last_attempt_at = utc_text()
        if is_final:
            self._bury(delivery, "NotRetried", outcome)
        elif delivery.attempts >= delivery.topic.max_attempts:
            self._bury(delivery, "MaxDeliveryAttemptsExceeded", outcome)
        else:
            wait = RETRY_SECONDS[min(delivery.attempts, len(RETRY_SECONDS)) - 1]
            delivery.due = min(self.clock.now() + wait, delivery.expires)
            self._wait(delivery)

    def _bury(self, delivery: Delivery, reason: str, outcome: str) -> None:
        """Turn it into a dead letter, with the fields that the service adds to one."""
        del self._pending[delivery.number]
        self._counts[delivery.topic.door]["dead"] += 1
        self.dead_letters.append(
            {
                "door": delivery.topic.door,
                "event": delivery.event.body,
                "deadLetterReason": reason,
                "deliveryAttempts": delivery.attempts,
                "lastDeliveryOutcome": outcome,
                "publishTime": delivery.published_at,
                "lastDeliveryAttemptTime": delivery.last_attempt_at,
            }
        )
