"""Locks, schedules, times to live and duplicate detection of the Service Bus emulator, with the real SDK."""

import datetime as dt

import pytest
from azure.servicebus import AutoLockRenewer, ServiceBusMessage
from azure.servicebus.exceptions import MessageLockLostError, MessageNotFoundError

from tests.emulators.servicebus_service import Line, ServiceBus
from tests.eventually import eventually

HOUR = 3600.0


def in_an_hour() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=HOUR)


def test_a_locked_message_comes_back_after_its_lock_expires(line: Line) -> None:
    line.service.configure("orders", lock_seconds=0.5)
    line.sender.send_messages(ServiceBusMessage("x"))
    late = line.receive()

    again = line.receive()

    assert again.sequence_number == late.sequence_number
    assert again.delivery_count == 1
    with pytest.raises(MessageLockLostError):
        line.receiver.complete_message(late)


def test_the_broker_refuses_to_settle_what_is_no_longer_locked(line: Line) -> None:
    """The client believes in its lock; only the broker knows better."""
    line.sender.send_messages(ServiceBusMessage("x"))
    message = line.receive()

    line.service.reset()

    with pytest.raises(MessageLockLostError):
        line.receiver.complete_message(message)
    with pytest.raises(MessageLockLostError):
        line.receiver.renew_message_lock(message)


def test_a_renewed_lock_outlives_the_first_one(line: Line) -> None:
    line.service.configure("orders", lock_seconds=1)
    line.sender.send_messages(ServiceBusMessage("x"))
    message = line.receive()
    first = message.locked_until_utc
    assert first is not None
    line.service.configure("orders", lock_seconds=60)

    renewed = line.receiver.renew_message_lock(message)
    eventually(lambda: dt.datetime.now(dt.UTC) > first)

    assert renewed - first > dt.timedelta(seconds=30)
    assert message.locked_until_utc == renewed
    assert line.service.counts("orders")["locked"] == 1
    line.receiver.complete_message(message)


def test_the_sdks_renewer_keeps_a_short_lock_alive(line: Line) -> None:
    line.service.configure("orders", lock_seconds=2)
    line.sender.send_messages(ServiceBusMessage("x"))
    message = line.receive()
    first = message.locked_until_utc
    assert first is not None

    with AutoLockRenewer() as renewer:
        renewer.register(line.receiver, message, max_lock_renewal_duration=30)
        eventually(lambda: dt.datetime.now(dt.UTC) > first)
        line.receiver.complete_message(message)

    assert line.service.counts("orders")["locked"] == 0


def test_the_clock_does_not_move_locks(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x"))
    message = line.receive()

    line.service.advance(HOUR)

    line.receiver.complete_message(message)


def test_a_scheduled_message_arrives_when_it_is_due(line: Line) -> None:
    due = in_an_hour()
    [number] = line.sender.schedule_messages(ServiceBusMessage("later"), due)
    assert line.nothing_comes()

    line.service.advance(HOUR)

    message = line.receive()
    assert (str(message), message.sequence_number) == ("later", number)
    assert message.scheduled_enqueue_time_utc is not None
    assert abs(message.scheduled_enqueue_time_utc - due) < dt.timedelta(milliseconds=2)
    assert message.enqueued_time_utc is not None
    assert message.enqueued_time_utc < due


def test_a_plain_send_can_be_scheduled_too(line: Line) -> None:
    line.sender.send_messages(
        [
            ServiceBusMessage("later", scheduled_enqueue_time_utc=in_an_hour()),
            ServiceBusMessage("soon", scheduled_enqueue_time_utc=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.3)),
        ]
    )

    assert str(line.receive()) == "soon"
    [waiting] = line.service.messages("orders", "scheduled")
    assert waiting["body"] == "later"
    assert waiting["scheduled_at"] > dt.datetime.now(dt.UTC).isoformat()


def test_a_cancelled_message_never_arrives(line: Line) -> None:
    numbers = line.sender.schedule_messages([ServiceBusMessage("kept"), ServiceBusMessage("cancelled")], in_an_hour())

    line.sender.cancel_scheduled_messages(numbers[1])
    line.service.advance(HOUR)

    assert str(line.receive()) == "kept"
    assert line.nothing_comes()
    with pytest.raises(MessageNotFoundError):
        line.sender.cancel_scheduled_messages(numbers[1])


def test_the_clock_hurries_only_what_waits_already(line: Line) -> None:
    line.service.advance(HOUR)
    line.sender.schedule_messages(ServiceBusMessage("later"), in_an_hour())

    assert line.nothing_comes()


def test_a_message_that_outlives_its_time_is_dead_lettered_or_gone(service: ServiceBus) -> None:
    service.reset()
    for queue in ("fleeting", "dropped"):
        service.send(queue, "old", "older")
        service.send(queue, "short", TimeToLive=60)

    service.advance(61)
    assert [service.counts(queue)["active"] for queue in ("fleeting", "dropped")] == [2, 2]
    service.advance(HOUR)

    dead = service.messages("fleeting", "dead")
    assert [message["body"] for message in dead] == ["old", "older", "short"]
    assert {message["dead_letter_reason"] for message in dead} == {"TTLExpiredException"}
    assert service.counts("dropped") == {"active": 0, "locked": 0, "scheduled": 0, "dead": 0, "total_received": 3}


def test_a_message_says_how_long_it_lives(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("short", time_to_live=dt.timedelta(minutes=1)))

    message = line.receive()
    line.service.advance(61)

    assert message.time_to_live == dt.timedelta(minutes=1)
    line.receiver.abandon_message(message)
    assert line.nothing_comes()
    assert line.service.counts("orders")["active"] == 0


def test_a_duplicate_is_dropped_while_its_id_is_remembered(line: Line) -> None:
    line.service.configure("orders", duplicate_detection_seconds=600)
    line.sender.send_messages(ServiceBusMessage("1", message_id="k"))
    line.sender.send_messages(ServiceBusMessage("2", message_id="k"))
    line.sender.send_messages([ServiceBusMessage("3", message_id="k"), ServiceBusMessage("4", message_id="other")])
    line.sender.schedule_messages(ServiceBusMessage("5", message_id="k"), in_an_hour())

    assert [str(message) for message in line.receive_all(2)] == ["1", "4"]
    assert line.service.counts("orders")["scheduled"] == 0
    line.service.advance(600)
    line.sender.send_messages(ServiceBusMessage("6", message_id="k"))
    assert str(line.receive()) == "6"


def test_without_detection_a_duplicate_is_a_message_like_any_other(line: Line) -> None:
    line.service.configure("orders", duplicate_detection_seconds=600)
    line.service.configure("orders", duplicate_detection_seconds=0)

    line.sender.send_messages([ServiceBusMessage("1", message_id="k"), ServiceBusMessage("2", message_id="k")])

    assert [str(message) for message in line.receive_all(2)] == ["1", "2"]


def test_a_reset_brings_back_the_configured_behaviour(line: Line) -> None:
    line.service.configure("unique", duplicate_detection_seconds=0)
    line.service.send("unique", "1", "2", MessageId="k")
    assert line.service.counts("unique")["active"] == 2

    line.service.reset()
    line.service.send("unique", "1", "2", MessageId="k")

    assert line.service.counts("unique")["active"] == 1
