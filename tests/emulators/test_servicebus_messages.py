"""Sending, receiving and settling with the real SDK against the Service Bus emulator."""

import datetime as dt
import json
import uuid

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.exceptions import MessageSizeExceededError

from tests.emulators.servicebus_service import WAIT, Line
from tests.eventually import eventually


def test_a_message_arrives_as_it_was_sent(line: Line) -> None:
    properties: dict[str | bytes, object] = {"text": "ü", "number": 7, "flag": True, "ratio": 0.5}
    line.sender.send_messages(
        ServiceBusMessage(
            json.dumps({"n": 1, "ü": "é"}),
            message_id="m1",
            correlation_id="c1",
            subject="score",
            content_type="application/json",
            application_properties=properties,  # type: ignore[arg-type]
        )
    )

    message = line.receive()

    assert json.loads(str(message)) == {"n": 1, "ü": "é"}
    assert (message.message_id, message.correlation_id) == ("m1", "c1")
    assert (message.subject, message.content_type) == ("score", "application/json")
    assert message.application_properties == {b"text": "ü".encode(), b"number": 7, b"flag": True, b"ratio": 0.5}


def test_a_delivery_carries_number_times_lock_and_count(line: Line) -> None:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    line.sender.send_messages(ServiceBusMessage("x"))

    message = line.receive()

    assert message.sequence_number is not None
    assert message.sequence_number >= 1
    assert isinstance(message.lock_token, uuid.UUID)
    assert message.delivery_count == 0
    assert message.enqueued_time_utc is not None
    assert before < message.enqueued_time_utc < dt.datetime.now(dt.UTC)
    assert message.locked_until_utc is not None
    assert dt.timedelta(seconds=50) < message.locked_until_utc - before < dt.timedelta(seconds=70)


def test_a_completed_message_is_gone(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x"))

    line.receiver.complete_message(line.receive())

    assert line.service.counts("orders") == {"active": 0, "locked": 0, "scheduled": 0, "dead": 0, "total_received": 1}


def test_lists_and_batches_arrive_one_by_one(line: Line) -> None:
    batch = line.sender.create_message_batch()
    for number in range(10):
        batch.add_message(ServiceBusMessage(f"b{number}", message_id=f"b{number}"))
    line.sender.send_messages([ServiceBusMessage(f"l{number}") for number in range(10)])
    line.sender.send_messages(batch)

    found = line.receive_all(20)

    assert [str(message) for message in found] == [f"{kind}{number}" for kind in "lb" for number in range(10)]
    assert found[-1].message_id == "b9"


def test_a_batch_of_one_is_unwrapped(line: Line) -> None:
    batch = line.sender.create_message_batch()
    batch.add_message(ServiceBusMessage("only one"))
    line.sender.send_messages(batch)

    assert str(line.receive()) == "only one"


def test_a_large_message_passes_and_a_too_large_one_is_refused(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x" * 200_000))

    assert len(str(line.receive())) == 200_000
    with pytest.raises(MessageSizeExceededError):
        line.sender.send_messages(ServiceBusMessage("x" * 300_000))


def test_an_abandoned_message_comes_back_at_once_with_its_count_raised(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x"))
    first = line.receive()

    line.receiver.abandon_message(first)

    again = line.receive()
    assert again.delivery_count == 1
    assert again.sequence_number == first.sequence_number
    assert again.lock_token != first.lock_token


def test_a_dead_lettered_message_waits_in_the_dead_letter_queue_with_its_reason(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x", application_properties={"kept": 1}))

    line.receiver.dead_letter_message(line.receive(), reason="BadPayload", error_description="no field x")

    assert line.nothing_comes()
    [shown] = line.service.messages("orders", "dead")
    assert (shown["body"], shown["dead_letter_reason"]) == ("x", "BadPayload")
    with (
        line.service.client() as client,
        client.get_queue_receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver,
    ):
        [message] = receiver.receive_messages(1, max_wait_time=WAIT)
        assert (message.dead_letter_reason, message.dead_letter_error_description) == ("BadPayload", "no field x")
        assert (message.application_properties or {})[b"kept"] == 1
        receiver.complete_message(message)
    assert line.service.counts("orders")["dead"] == 0


def test_a_message_that_fails_too_often_becomes_a_dead_letter(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("poison"))

    counts = []
    for _ in range(3):
        message = line.receive()
        counts.append(message.delivery_count)
        line.receiver.abandon_message(message)

    assert counts == [0, 1, 2]
    [dead] = line.service.messages("orders", "dead")
    assert (dead["body"], dead["dead_letter_reason"], dead["delivery_count"]) == (
        "poison",
        "MaxDeliveryCountExceeded",
        3,
    )


def test_peeking_shows_messages_without_locking_them(line: Line) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    line.sender.send_messages(ServiceBusMessage("locked"))
    line.receive()
    line.sender.schedule_messages(ServiceBusMessage("scheduled"), later)
    line.sender.send_messages(ServiceBusMessage("active"))

    seen = line.receiver.peek_messages(10, sequence_number=1)

    assert {str(message) for message in seen} == {"locked", "active", "scheduled"}
    assert {message.delivery_count for message in seen} == {0}
    assert [message.scheduled_enqueue_time_utc is None for message in seen] == [True, False, True]


def test_prefetched_messages_come_back_uncounted_when_the_receiver_closes(line: Line) -> None:
    line.service.configure("fleeting", lock_seconds=300)
    line.service.send("fleeting", *"01234")
    with line.service.client() as client, client.get_queue_receiver("fleeting", prefetch_count=10) as receiver:
        [message] = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.complete_message(message)

    eventually(lambda: line.service.counts("fleeting")["active"] == 4)
    assert line.service.counts("fleeting")["locked"] == 0
    assert {message["delivery_count"] for message in line.service.messages("fleeting")} == {0}


def test_receive_and_delete_removes_without_settling(line: Line) -> None:
    line.service.send("unique", *"01234")
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with line.service.client() as client, client.get_queue_receiver("unique", receive_mode=mode) as receiver:
        found = receiver.receive_messages(5, max_wait_time=WAIT)

    assert [str(message) for message in found] == ["0", "1", "2", "3", "4"]
    assert line.service.counts("unique")["locked"] == 0


def test_a_locked_message_stays_locked_when_its_receiver_goes(line: Line) -> None:
    line.service.send("unique", "in work")
    with line.service.client() as client, client.get_queue_receiver("unique") as receiver:
        assert receiver.receive_messages(1, max_wait_time=WAIT)

    counts = line.service.counts("unique")
    assert (counts["active"], counts["locked"]) == (0, 1)


def test_the_control_surface_shows_what_a_message_holds(line: Line) -> None:
    line.sender.send_messages(
        ServiceBusMessage('{"ü": 1}', message_id="m", subject="s", application_properties={"run": "r-1"})
    )
    line.receive()

    [shown] = line.service.messages("orders", "locked")

    assert shown["body"] == '{"ü": 1}'
    assert (shown["message_id"], shown["subject"], shown["delivery_count"]) == ("m", "s", 0)
    assert shown["application_properties"] == {"run": "r-1"}
    assert shown["scheduled_at"] is shown["dead_letter_reason"] is None


def test_the_control_surface_refuses_what_it_does_not_know(line: Line) -> None:
    control = line.service.control

    assert control.get("/queues/nope/messages").status_code == 404
    assert control.get("/queues/orders/messages?state=odd").status_code == 400
    assert control.put("/queues/nope", json={}).status_code == 404
    assert control.put("/queues/orders", json={"colour": 1}).status_code == 400
