"""Each fault of the Service Bus emulator really strikes, and the real SDK sees what it would see in the cloud."""

import datetime as dt
import gc
from collections.abc import Callable, Iterator

import httpx
import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessageLockLostError,
    ServiceBusConnectionError,
    ServiceBusServerBusyError,
)

from tests.emulators.servicebus_service import Line
from tests.eventually import eventually

# The SDK leaves the sockets of connections that it has lost to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _lost_sockets() -> Iterator[None]:
    """Collects them where the filter above holds, and not in some later test."""
    yield
    gc.collect()


def test_a_busy_server_refuses_sends_and_the_sdk_tries_again(line: Line) -> None:
    fault = line.service.plan("server_busy", times=2, queue="orders", operation="send")

    line.sender.send_messages(ServiceBusMessage("x"))

    assert line.service.struck(fault) == 2
    assert line.service.counts("orders")["total_received"] == 1


def test_a_busy_server_is_told_to_the_caller_in_the_end(line: Line) -> None:
    fault = line.service.plan("server_busy")

    with (
        line.service.client(retry_total=0) as client,
        client.get_queue_sender("orders") as sender,
        pytest.raises(ServiceBusServerBusyError),
    ):
        sender.send_messages(ServiceBusMessage("x"))

    assert line.service.struck(fault) == 1
    assert line.service.counts("orders")["total_received"] == 0


def test_a_fault_leaves_other_queues_and_operations_alone(line: Line) -> None:
    faults = [line.service.plan("server_busy", queue="unique"), line.service.plan("server_busy", operation="settle")]

    line.sender.send_messages(ServiceBusMessage("x"))

    assert [line.service.struck(fault) for fault in faults] == [0, 0]


def test_a_connection_lost_before_the_message_was_stored_costs_nothing_but_a_retry(line: Line) -> None:
    fault = line.service.plan("drop_connection", queue="orders", operation="send")

    line.sender.send_messages(ServiceBusMessage("x"))

    assert line.service.struck(fault) == 1
    assert line.service.counts("orders")["total_received"] == 1


@pytest.mark.parametrize(("window", "stored"), [(0, 2), (600, 1)])
def test_a_connection_lost_after_the_message_was_stored_makes_a_duplicate(line: Line, window: int, stored: int) -> None:
    line.service.configure("orders", duplicate_detection_seconds=window)
    fault = line.service.plan("drop_connection", params={"after_commit": True}, queue="orders", operation="send")

    line.sender.send_messages(ServiceBusMessage("x", message_id="k"))

    assert line.service.struck(fault) == 1
    assert line.service.counts("orders")["total_received"] == stored


def test_a_connection_lost_after_settling_looks_like_a_lost_lock_though_the_message_is_done(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x"))
    message = line.receive()
    fault = line.service.plan("drop_connection", params={"after_commit": True}, operation="settle")

    with pytest.raises(MessageLockLostError):
        line.receiver.complete_message(message)

    assert line.service.struck(fault) == 1
    assert not any(line.service.counts("orders")[state] for state in ("active", "locked", "dead"))


def test_a_connection_lost_before_settling_leaves_the_lock_for_the_next_try(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x"))
    message = line.receive()
    fault = line.service.plan("drop_connection", operation="settle")

    line.receiver.complete_message(message)

    assert line.service.struck(fault) == 1
    assert line.service.counts("orders")["locked"] == 0


@pytest.mark.parametrize(("after", "count"), [(False, 0), (True, 1)])
def test_a_connection_lost_at_a_delivery_counts_only_if_the_message_was_locked(
    line: Line, after: bool, count: int
) -> None:
    line.service.configure("orders", lock_seconds=0.5)
    fault = line.service.plan("drop_connection", params={"after_commit": after}, operation="receive")
    line.sender.send_messages(ServiceBusMessage("x"))

    message = line.receive()

    assert line.service.struck(fault) == 1
    assert message.delivery_count == count


def test_a_completed_message_can_be_delivered_once_more(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x", message_id="m"))
    fault = line.service.plan("duplicate_delivery", queue="orders", operation="settle")
    first = line.receive()

    line.receiver.complete_message(first)

    again = line.receive()
    assert (again.message_id, again.sequence_number) == ("m", first.sequence_number)
    assert again.delivery_count == first.delivery_count == 0
    assert again.lock_token != first.lock_token
    line.receiver.complete_message(again)
    assert line.service.struck(fault) == 1
    assert line.service.counts("orders")["locked"] == 0


def test_a_lost_lock_refuses_the_settlement_and_brings_the_message_back(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("x"))
    fault = line.service.plan("lock_lost", queue="orders", operation="settle")
    message = line.receive()

    with pytest.raises(MessageLockLostError):
        line.receiver.complete_message(message)

    again = line.receive()
    assert again.delivery_count == 1
    line.receiver.complete_message(again)
    assert line.service.struck(fault) == 1


def test_a_receiver_whose_link_is_taken_away_attaches_again(line: Line) -> None:
    fault = line.service.plan("detach", queue="orders", operation="receive")
    eventually(lambda: line.service.struck(fault) == 1)

    line.sender.send_messages(ServiceBusMessage("after"))

    assert str(line.receive()) == "after"


@pytest.mark.parametrize(
    ("settle", "active", "dead"),
    [
        (ServiceBusReceiver.complete_message, 0, 0),
        (ServiceBusReceiver.abandon_message, 1, 0),
        (ServiceBusReceiver.dead_letter_message, 0, 1),
    ],
)
def test_a_message_can_be_settled_though_its_link_is_gone(
    line: Line, settle: Callable[..., None], active: int, dead: int
) -> None:
    """The SDK then settles over the management link."""
    line.sender.send_messages(ServiceBusMessage("x"))
    message = line.receive()
    fault = line.service.plan("detach", queue="orders", operation="receive")
    eventually(lambda: line.service.struck(fault) == 1)

    settle(line.receiver, message)

    assert [message.delivery_count for message in line.receiver.peek_messages(10, sequence_number=1)] == [1] * active
    assert line.service.counts("orders")["dead"] == dead


def test_a_reset_forgets_faults(line: Line) -> None:
    line.service.plan("server_busy", times=100)

    line.service.reset()

    assert line.service.control.get("/faults").json() == []
    line.sender.send_messages(ServiceBusMessage("x"))


def test_an_outage_refuses_everything_and_loses_nothing(line: Line) -> None:
    line.sender.send_messages(ServiceBusMessage("locked"))
    held = line.receive()
    line.sender.schedule_messages(ServiceBusMessage("waiting"), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))

    line.service.outage(down=True)
    with (
        line.service.client(retry_total=0) as client,
        pytest.raises(ServiceBusConnectionError),
        client.get_queue_sender("orders") as sender,
    ):
        sender.send_messages(ServiceBusMessage("never"))
    with pytest.raises(ServiceBusConnectionError):
        line.sender.send_messages(ServiceBusMessage("never"), timeout=1)
    with pytest.raises(httpx.ConnectError):
        httpx.post(f"{line.service.rest_url}/orders/messages", content=b"never", trust_env=False)
    line.service.advance(3600)
    counts = line.service.counts("orders")
    line.service.outage(down=False)

    assert (counts["active"], counts["locked"]) == (1, 1)
    assert str(line.receive()) == "waiting"
    line.sender.send_messages(ServiceBusMessage("new"))
    assert str(line.receive()) == "new"
    assert line.service.messages("orders", "locked")[0]["sequence_number"] == held.sequence_number
    assert line.service.counts("orders")["total_received"] == 3


def test_outages_can_come_and_go(line: Line) -> None:
    for _ in range(2):
        line.service.outage(down=True)
        line.service.outage(down=True)
        line.service.outage(down=False)
        line.service.outage(down=False)

    line.sender.send_messages(ServiceBusMessage("x"))
    assert str(line.receive()) == "x"
