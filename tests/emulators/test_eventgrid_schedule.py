"""The retry schedule, without a server: when each attempt is due, and when there is none left."""

from dataclasses import replace

import pytest

from bridge.local.eventgrid.clock import Clock
from bridge.local.eventgrid.deliveries import Delivery, EventGridEmulator
from bridge.local.eventgrid.publishing import Event
from bridge.local.eventgrid.topics import Topic, topics_of

TOPIC = Topic("custom", door="custom", queue="inbound-events")
HOUR = 3600


def accepted(topic: Topic) -> tuple[EventGridEmulator, Delivery]:
    """An emulator whose time stands still until it is pushed, and the one event under way in it."""
    emulator = EventGridEmulator({topic.name: topic}, Clock(monotonic=lambda: 0.0))
    emulator.accept(topic, [Event({"id": "1", "subject": "s", "eventType": "t"}, is_cloud_event=False)])
    delivery = emulator.next_due(topic)
    assert delivery is not None
    return emulator, delivery


def waits(emulator: EventGridEmulator, delivery: Delivery, attempts: int) -> list[float]:
    """The seconds between failed attempts."""
    found = []
    for _ in range(attempts):
        emulator.failed(delivery, "Busy", is_final=False)
        found.append(delivery.due - emulator.clock.now())
        assert emulator.next_due(delivery.topic) is None
        emulator.advance(found[-1])
        assert emulator.next_due(delivery.topic) is delivery
    return found


def test_attempts_are_further_and_further_apart() -> None:
    emulator, delivery = accepted(replace(TOPIC, ttl_minutes=100_000))

    assert waits(emulator, delivery, 12) == [10, 30, 60, 300, 600, 1800, HOUR, 3 * HOUR, 6 * HOUR, *[12 * HOUR] * 3]


def test_an_event_that_expires_before_its_next_attempt_is_buried_then() -> None:
    emulator, delivery = accepted(replace(TOPIC, ttl_minutes=1))
    assert waits(emulator, delivery, 2) == [10, 30]
    emulator.failed(delivery, "Busy", is_final=False)
    assert delivery.due - emulator.clock.now() == 20
    emulator.advance(20)

    assert emulator.next_due(TOPIC) is None
    assert emulator.next_due(delivery.topic) is None
    assert [dead["deadLetterReason"] for dead in emulator.dead_letters] == ["TimeToLiveExceeded"]


def test_the_default_is_thirty_attempts_in_a_day() -> None:
    assert (TOPIC.max_attempts, TOPIC.ttl_minutes) == (30, 24 * 60)


@pytest.mark.parametrize(
    "given", [{"key": "k"}, {"queue": "q", "webhook": "http://127.0.0.1/"}, {"queue": "q", "dor": "custom"}]
)
def test_a_topic_that_makes_no_sense_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="topic custom"):
        topics_of({"topics": {"custom": given}})
