"""What the Service Bus emulator turns down, and that the real SDK notices at once instead of waiting."""

import datetime as dt
from typing import Any

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

from tests.emulators.servicebus_service import WAIT, ServiceBus, connection_string, token


def send(connection: str, queue: str = "orders") -> None:
    with (
        ServiceBusClient.from_connection_string(connection, retry_total=0) as client,
        client.get_queue_sender(queue) as sender,
    ):
        sender.send_messages(ServiceBusMessage("x"))


def with_token(service: ServiceBus, signature: str) -> str:
    return f"Endpoint=sb://127.0.0.1:{service.port};SharedAccessSignature={signature};UseDevelopmentEmulator=true;"


def test_a_wrong_key_is_refused(service: ServiceBus) -> None:
    with pytest.raises(ServiceBusAuthenticationError):
        send(connection_string(service.port, key="wrong"))


def test_an_expired_token_is_refused(service: ServiceBus) -> None:
    with pytest.raises(ServiceBusAuthenticationError):
        send(with_token(service, token("sb://127.0.0.1/orders", seconds=-10)))


def test_a_token_opens_its_own_queue_only(service: ServiceBus) -> None:
    connection = with_token(service, token("sb://127.0.0.1/orders"))

    send(connection)

    with pytest.raises(ServiceBusAuthorizationError):
        send(connection, "unique")
    assert service.counts("orders")["total_received"] == 1


def test_a_missing_queue_is_not_found(service: ServiceBus) -> None:
    with pytest.raises(MessagingEntityNotFoundError):
        send(service.connection_string, "nope")


def test_queue_names_are_compared_without_case(service: ServiceBus) -> None:
    send(service.connection_string, "ORDERS")

    assert service.counts("orders")["active"] == 1


def test_nothing_can_be_sent_to_a_dead_letter_queue(service: ServiceBus) -> None:
    with pytest.raises(ServiceBusError, match="dead-letter"):
        send(service.connection_string, "orders/$deadletterqueue")


@pytest.mark.parametrize("session", ["one", NEXT_AVAILABLE_SESSION])
def test_sessions_are_refused_as_not_implemented(service: ServiceBus, session: Any) -> None:
    with (
        service.client(retry_total=0) as client,
        pytest.raises(ServiceBusError, match="not implemented"),
        client.get_queue_receiver("orders", session_id=session, max_wait_time=WAIT),
    ):
        pass


def test_deferral_is_refused_as_not_implemented(service: ServiceBus) -> None:
    service.send("orders", "x")
    with service.client(retry_total=0) as client, client.get_queue_receiver("orders") as receiver:
        [message] = receiver.receive_messages(1, max_wait_time=WAIT)

        with pytest.raises(ServiceBusError, match="not implemented"):
            receiver.defer_message(message)
        with pytest.raises(ServiceBusError, match="not implemented"):
            receiver.receive_deferred_messages([message.sequence_number or 0])

    assert service.counts("orders")["locked"] == 1


def test_topics_are_not_found(service: ServiceBus) -> None:
    with (
        service.client(retry_total=0) as client,
        pytest.raises(MessagingEntityNotFoundError),
        client.get_subscription_receiver("orders", "everything") as receiver,
    ):
        receiver.receive_messages(1, max_wait_time=WAIT)


def test_a_request_that_makes_no_sense_is_refused_and_harms_nobody(service: ServiceBus) -> None:
    with service.client(retry_total=0) as client, client.get_queue_sender("orders") as sender:
        with pytest.raises(ServiceBusError):
            sender.cancel_scheduled_messages(99)
        sender.schedule_messages(ServiceBusMessage("x"), dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5))

    assert service.counts("orders")["active"] == 1
