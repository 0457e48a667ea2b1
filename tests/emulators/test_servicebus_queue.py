"""The Service Bus emulator's queue by itself, on a clock that the test turns."""

import uuid
from typing import Any

import pytest

from bridge.local.servicebus import amqp, codec
from bridge.local.servicebus.codec import Content
from bridge.local.servicebus.errors import LockLostError, MessageNotFoundError, TooLargeError
from bridge.local.servicebus.queue import Message, MessageQueue, QueueOptions, State


class Clock:
    """Unix time, as the test says."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue_with(clock: Clock, **options: Any) -> MessageQueue:
    return MessageQueue(QueueOptions(name="orders", **options), clock)


def content(text: str = "body", *, message_id: str | None = None, ttl_ms: int | None = None, at: float = 0) -> Content:
    parts = []
    if ttl_ms is not None:
        time_to_live = b"\x70" + ttl_ms.to_bytes(4, "big")
        parts.append(codec.section(codec.HEADER, amqp.encode_list([b"\x40", b"\x40", time_to_live])))
    if at:
        due = {amqp.Symbol(codec.SCHEDULED_ENQUEUE_TIME): amqp.Timestamp(at * 1000)}
        parts.append(codec.section(codec.ANNOTATIONS, amqp.encode(due)))
    parts.append(codec.section(codec.PROPERTIES, amqp.encode([message_id])))
    parts.append(codec.data_section(text.encode()))
    return codec.parse(b"".join(parts))


def taken(queue: MessageQueue) -> Message:
    message = queue.take()
    assert message is not None
    return message


def token(message: Message) -> uuid.UUID:
    assert message.lock_token is not None
    return message.lock_token


def dead(queue: MessageQueue) -> list[tuple[str, str | None]]:
    assert queue.dead_letters is not None
    return [(message.content.body_text(), message.dead_letter_reason) for message in queue.dead_letters.peek(0, 100)]


def test_messages_are_taken_in_the_order_they_were_sent(clock: Clock) -> None:
    queue = queue_with(clock)

    numbers = queue.send([content("a"), content("b"), content("c")])

    assert numbers == [1, 2, 3]
    assert [taken(queue).content.body_text() for _ in numbers] == ["a", "b", "c"]
    assert queue.take() is None


def test_an_abandoned_message_comes_first_again_with_its_count_raised(clock: Clock) -> None:
    queue = queue_with(clock)
    queue.send([content("a"), content("b")])
    first = taken(queue)
    old = token(first)

    queue.abandon(old)

    again = taken(queue)
    assert (again.content.body_text(), again.delivery_count) == ("a", 1)
    assert token(again) != old


def test_a_released_message_keeps_its_delivery_count(clock: Clock) -> None:
    queue = queue_with(clock)
    queue.send([content()])

    queue.release(token(taken(queue)))

    assert taken(queue).delivery_count == 0


def test_a_lock_ends_on_its_own_and_then_settles_nothing(clock: Clock) -> None:
    queue = queue_with(clock, lock_seconds=30)
    queue.send([content()])
    old = token(taken(queue))

    clock.now += 29.9
    assert queue.take() is None
    clock.now += 0.1

    with pytest.raises(LockLostError):
        queue.complete(old)
    assert taken(queue).delivery_count == 1


def test_a_renewed_lock_holds_for_another_whole_duration(clock: Clock) -> None:
    queue = queue_with(clock, lock_seconds=30)
    queue.send([content()])
    held = token(taken(queue))
    clock.now += 20

    until = queue.renew(held)
    clock.now += 29

    assert until == clock.now + 1
    queue.complete(held)
    assert queue.size == 0


def test_a_message_is_dead_lettered_when_it_was_delivered_as_often_as_allowed(clock: Clock) -> None:
    queue = queue_with(clock, max_delivery_count=3, lock_seconds=30)
    queue.send([content("poison")])

    queue.abandon(token(taken(queue)))
    taken(queue)
    clock.now += 30
    queue.abandon(token(taken(queue)))

    assert queue.take() is None
    assert dead(queue) == [("poison", "MaxDeliveryCountExceeded")]


def test_dead_letters_have_no_delivery_limit_and_stay_where_they_are(clock: Clock) -> None:
    queue = queue_with(clock, max_delivery_count=1, ttl_seconds=5)
    queue.send([content("kept")])
    queue.abandon(token(taken(queue)))
    dead_letters = queue.dead_letters
    assert dead_letters is not None

    for _ in range(20):
        dead_letters.abandon(token(taken(dead_letters)))
    dead_letters.dead_letter(token(taken(dead_letters)), "again", None)
    queue.advance(1000)

    assert dead(queue) == [("kept", "again")]


def test_a_dead_letter_says_why_in_its_application_properties(clock: Clock) -> None:
    queue = queue_with(clock)
    queue.send([content()])

    queue.dead_letter(token(taken(queue)), "BadPayload", "no field x")

    assert queue.dead_letters is not None
    assert taken(queue.dead_letters).content.application_properties() == {
        "DeadLetterReason": "BadPayload",
        "DeadLetterErrorDescription": "no field x",
    }


def test_a_scheduled_message_waits_for_its_time(clock: Clock) -> None:
    queue = queue_with(clock)
    queue.send([content("later", at=clock.now + 60), content("now")])

    assert taken(queue).content.body_text() == "now"
    assert queue.take() is None
    clock.now += 60

    message = taken(queue)
    assert message.content.body_text() == "later"
    assert message.enqueued_at == clock.now


def test_advancing_the_clock_makes_what_waits_now_due_sooner_but_not_what_comes_later(clock: Clock) -> None:
    queue = queue_with(clock)
    queue.send([content("before", at=clock.now + 60)])

    queue.advance(60)
    queue.send([content("after", at=clock.now + 60)])

    assert taken(queue).content.body_text() == "before"
    assert queue.take() is None


def test_advancing_the_clock_does_not_end_locks(clock: Clock) -> None:
    queue = queue_with(clock, lock_seconds=30)
    queue.send([content()])
    held = token(taken(queue))

    queue.advance(3600)

    queue.complete(held)


def test_cancelling_removes_all_scheduled_messages_or_none(clock: Clock) -> None:
    queue = queue_with(clock)
    first, second = queue.send([content("a", at=clock.now + 5), content("b", at=clock.now + 5)])

    with pytest.raises(MessageNotFoundError):
        queue.cancel([first, 99])
    queue.cancel([second])
    queue.advance(10)

    assert taken(queue).content.body_text() == "a"
    assert queue.take() is None
    with pytest.raises(MessageNotFoundError):
        queue.cancel([first])


def test_an_expired_message_is_dropped_or_dead_lettered_as_configured(clock: Clock) -> None:
    dropping, keeping = queue_with(clock, ttl_seconds=10), queue_with(clock, ttl_seconds=10, dead_letter_expired=True)
    for queue in (dropping, keeping):
        queue.send([content("old")])
        queue.advance(10)

    assert dropping.take() is None
    assert keeping.take() is None
    assert dead(dropping) == []
    assert dead(keeping) == [("old", "TTLExpiredException")]


def test_the_shorter_of_two_times_to_live_counts(clock: Clock) -> None:
    queue = queue_with(clock, ttl_seconds=10)
    queue.send([content("short", ttl_ms=5_000), content("capped", ttl_ms=50_000)])

    queue.advance(5)
    assert [message.content.body_text() for message in queue.messages(State.ACTIVE)] == ["capped"]
    queue.advance(5)
    assert list(queue.messages(State.ACTIVE)) == []


def test_a_locked_message_that_outlives_its_time_can_be_completed_but_does_not_come_back(clock: Clock) -> None:
    queue = queue_with(clock, ttl_seconds=10, dead_letter_expired=True)
    queue.send([content("done"), content("failed")])
    done, failed = token(taken(queue)), token(taken(queue))

    clock.now += 11
    queue.complete(done)
    queue.abandon(failed)

    assert queue.take() is None
    assert dead(queue) == [("failed", "TTLExpiredException")]


def test_a_duplicate_is_accepted_and_dropped_while_its_id_is_remembered(clock: Clock) -> None:
    queue = queue_with(clock, duplicate_detection_seconds=600)

    assert queue.send([content("1", message_id="k"), content("2", message_id="k")]) == [1, 0]
    queue.complete(token(taken(queue)))
    assert queue.send([content("3", message_id="k")]) == [0]
    queue.advance(600)
    assert queue.send([content("4", message_id="k")]) == [2]
    assert queue.counts()["total_received"] == 2


def test_messages_without_an_id_are_never_duplicates(clock: Clock) -> None:
    queue = queue_with(clock, duplicate_detection_seconds=600)

    assert queue.send([content(), content()]) == [1, 2]


def test_duplicate_detection_can_be_turned_on_and_off_while_running(clock: Clock) -> None:
    queue = queue_with(clock)
    twice = [content(message_id="k"), content(message_id="k")]

    assert queue.send(twice) == [1, 2]
    queue.configure(QueueOptions(name="orders", duplicate_detection_seconds=600))
    assert queue.send(twice) == [3, 0]
    queue.configure(QueueOptions(name="orders"))
    assert queue.send(twice) == [4, 5]


def test_a_send_that_is_too_large_stores_nothing(clock: Clock) -> None:
    queue = queue_with(clock, max_send_bytes=1000)

    with pytest.raises(TooLargeError):
        queue.send([content("x" * 600), content("x" * 600)])

    assert queue.size == 0


def test_peeking_goes_by_number_through_every_state(clock: Clock) -> None:
    queue = queue_with(clock)
    queue.send([content("locked"), content("active"), content("scheduled", at=clock.now + 60), content("gone")])
    taken(queue)
    taken(queue)
    queue.complete(token(taken(queue)))
    queue.release(next(token(message) for message in queue.peek(2, 1)))

    assert [message.content.body_text() for message in queue.peek(0, 10)] == ["locked", "active", "scheduled"]
    assert [message.content.body_text() for message in queue.peek(2, 1)] == ["active"]
    assert queue.counts() == {"active": 1, "locked": 1, "scheduled": 1, "dead": 0, "total_received": 4}


def test_a_message_delivered_again_is_the_same_message_with_the_same_count(clock: Clock) -> None:
    queue = queue_with(clock)
    queue.send([content("a")])

    queue.deliver_again(queue.complete(token(taken(queue))))

    again = taken(queue)
    assert (again.content.body_text(), again.sequence_number, again.delivery_count) == ("a", 1, 0)


def test_clearing_forgets_messages_and_locks_but_gives_no_number_twice(clock: Clock) -> None:
    queue = queue_with(clock, duplicate_detection_seconds=600)
    queue.send([content(message_id="k")])
    held = token(taken(queue))

    queue.clear()

    with pytest.raises(LockLostError):
        queue.complete(held)
    assert queue.send([content(message_id="k")]) == [2]


def test_a_hundred_thousand_messages_leave_no_trace_behind(clock: Clock) -> None:
    """Stale entries of the heaps are tidied away; the loop would take minutes were anything searched for."""
    queue = queue_with(clock, ttl_seconds=1000)
    queue.send([content()])
    template = taken(queue).content
    for _ in range(10):
        queue.send([template] * 10_000)

    for _ in range(100_000):
        queue.complete(token(taken(queue)))

    assert queue.size == 1
    heaps = (queue._active, queue._lock_ends, queue._expiries)
    assert max(len(heap._entries) for heap in heaps) < 100
