"""The dead-letter queues at the broker itself, through azure-servicebus: looked at, and those of run-events sent again.

Looking is peeking, which locks and changes nothing. Nothing here is deployed.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.adapters.credential import app_credential
from bridge.cli.failures import Refused
from bridge.domain.errors import ConfigurationError
from bridge.domain.queues import Queue
from bridge.settings.app_settings import service_bus_namespace
from bridge.settings.azure_identity import read_identity
from bridge.settings.reader import Reader

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver

#: Messages that the broker is asked for at once.
PAGE = 100
#: Far more than anybody wants to look at.
MOST = 1_000_000
#: How long to wait for messages that peeking has just seen; others may hold them.
RECEIVE_SECONDS = 5
#: Of an operator who waits: another try, not for minutes.
RETRIES = 1
#: Between a message's first id and what tells its copies apart.
_AGAIN = ":replay."
_OF_THE_BROKER = frozenset({"DeadLetterReason", "DeadLetterErrorDescription"})


@dataclass(frozen=True, kw_only=True)
class DeadMessage:
    """One message of a dead-letter queue."""

    queue: Queue
    sequence_number: int
    message_id: str
    enqueued_at: str | None
    reason: str
    description: str
    delivery_count: int
    body: str


class Broker:
    """The namespace of one app; one connection for all that a command asks."""

    def __init__(self, client: "ServiceBusClient", names: Mapping[Queue, str]) -> None:
        self._client = client
        self._names = names

    def dead(self, queue: Queue, *, limit: int, first: int = 0) -> list[DeadMessage]:
        """The oldest dead messages from this sequence number on. Raises: Refused."""
        with self._receiver(queue) as receiver:
            return [_read(queue, message) for message in _peeked(receiver, limit=limit, first=first)]

    def numbers(self, queue: Queue) -> frozenset[int]:
        """Sequence numbers of all dead messages, however large these are. Raises: Refused."""
        with self._receiver(queue) as receiver:
            return frozenset(int(message.sequence_number or 0) for message in _peeked(receiver, limit=MOST, first=0))

    def replay(self, queue: Queue, wanted: frozenset[int]) -> Iterator[tuple[int, bool]]:
        """Sends these dead messages again, each before it is taken from the dead-letter queue.

        Gives each one's number once it is sent, and whether the dead one is gone. Whatever goes wrong in between
        leaves a message twice, never none: who reads the queue has to bear that. Raises: Refused.
        """
        with (
            self._receiver(queue) as receiver,
            self._client.get_queue_sender(self._names[queue]) as sender,
            closing(_received(receiver, wanted)) as messages,
        ):
            for message in messages:
                sender.send_messages(_copy(message))
                yield int(message.sequence_number or 0), _completed(receiver, message)

    @contextmanager
    def _receiver(self, queue: Queue) -> "Iterator[ServiceBusReceiver]":
        from azure.servicebus import ServiceBusSubQueue

        with (
            _told(self._names[queue]),
            self._client.get_queue_receiver(
                self._names[queue], sub_queue=ServiceBusSubQueue.DEAD_LETTER, prefetch_count=0
            ) as receiver,
        ):
            yield receiver


@contextmanager
def broker(environ: Mapping[str, str]) -> Iterator[Broker]:
    """The broker of these settings, of which only those of Service Bus are needed.

    Raises: ConfigurationError.
    """
    from azure.servicebus import ServiceBusClient

    reader = Reader(environ)
    connection, namespace = reader.secret("ServiceBusConnection"), service_bus_namespace(reader)
    names = {queue: reader.text(f"{queue.name}_QUEUE", is_needed=False) or queue.value for queue in Queue}
    identity = read_identity(reader)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    options: dict[str, Any] = {"retry_total": RETRIES, "retry_backoff_factor": 0.2}
    credential = app_credential(
        aml_endpoint=reader.text("AML_ENDPOINT"), **identity.for_operator().credential_arguments()
    )
    try:
        client = (
            ServiceBusClient.from_connection_string(connection.reveal(), **options)
            if connection
            else ServiceBusClient(namespace, credential(), **options)
        )
    except ValueError as error:
        raise ConfigurationError(["ServiceBusConnection is no connection string of Service Bus"]) from error
    with client:
        yield Broker(client, names)


def _peeked(receiver: "ServiceBusReceiver", *, limit: int, first: int) -> "Iterator[ServiceBusReceivedMessage]":
    left = limit
    while left:
        page = receiver.peek_messages(max_message_count=min(left, PAGE), sequence_number=first)
        if not page:
            return
        yield from page
        left -= len(page)
        first = int(page[-1].sequence_number or 0) + 1


def _received(receiver: "ServiceBusReceiver", wanted: frozenset[int]) -> "Generator[ServiceBusReceivedMessage]":
    """These messages, locked. The broker gives the oldest first: those that come along are given back in the end."""
    from azure.servicebus.exceptions import ServiceBusError

    left, others = set(wanted), dict[int | None, Any]()
    has_come_round = False  # locks end while many are looked through: without this there would be no end
    try:
        while left and not has_come_round:
            page = receiver.receive_messages(max_message_count=PAGE, max_wait_time=RECEIVE_SECONDS)
            if not page:
                return
            for message in page:
                if message.sequence_number in left:
                    left.discard(message.sequence_number)
                    yield message
                else:
                    has_come_round |= message.sequence_number in others
                    others[message.sequence_number] = message
    finally:
        for message in others.values():
            with suppress(ServiceBusError):  # its lock ends by itself
                receiver.abandon_message(message)


def _completed(receiver: "ServiceBusReceiver", message: "ServiceBusReceivedMessage") -> bool:
    from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

    try:
        receiver.complete_message(message)
    except (MessageAlreadySettled, MessageLockLostError):
        return False
    return True


def _copy(message: "ServiceBusReceivedMessage") -> Any:
    """The same content under an id of its own: where duplicates are detected, the dead one's would be dropped."""
    from azure.servicebus import ServiceBusMessage

    body = _bytes(message)
    if body is None:
        raise Refused(f"message {message.sequence_number} has no bytes as its body: the app has not sent it")
    first_id = str(message.message_id or "").partition(_AGAIN)[0]
    return ServiceBusMessage(
        body,
        message_id=f"{first_id[:90]}{_AGAIN}{message.sequence_number}",
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        subject=message.subject,
        application_properties=_properties(message),
    )


def _properties(message: "ServiceBusReceivedMessage") -> dict[str | bytes, Any]:
    """Without those that the broker has added; their names come as bytes."""
    named = {
        name.decode() if isinstance(name, bytes) else name: value
        for name, value in (message.application_properties or {}).items()
    }
    return {name: value for name, value in named.items() if name not in _OF_THE_BROKER}


def _bytes(message: "ServiceBusReceivedMessage") -> bytes | None:
    from azure.servicebus.amqp import AmqpMessageBodyType

    return b"".join(message.body) if message.body_type is AmqpMessageBodyType.DATA else None


def _read(queue: Queue, message: "ServiceBusReceivedMessage") -> DeadMessage:
    enqueued = message.enqueued_time_utc
    return DeadMessage(
        queue=queue,
        sequence_number=int(message.sequence_number or 0),
        message_id=str(message.message_id or ""),
        enqueued_at=enqueued.isoformat() if enqueued else None,
        reason=str(message.dead_letter_reason or ""),
        description=str(message.dead_letter_error_description or ""),
        delivery_count=int(message.delivery_count or 0),
        body=(_bytes(message) or b"").decode(errors="backslashreplace"),
    )


@contextmanager
def _told(queue: str) -> Iterator[None]:
    """The SDK's errors in the words of who may mend them."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError
    from azure.servicebus import exceptions

    try:
        yield
    except ClientAuthenticationError as error:
        raise Refused("nobody is logged in to Azure here: use az login, or set ServiceBusConnection") from error
    except (exceptions.ServiceBusAuthenticationError, exceptions.ServiceBusAuthorizationError) as error:
        raise Refused(
            f"Service Bus refused you at queue {queue}: you need Azure Service Bus Data Receiver there, "
            "and Data Sender to replay"
        ) from error
    except exceptions.MessagingEntityNotFoundError as error:
        raise Refused(f"Service Bus has no queue {queue}") from error
    except exceptions.ServiceBusServerBusyError as error:
        raise Refused(f"Service Bus, queue {queue}, is busy: try again in a minute") from error
    except (AzureError, OSError, TimeoutError) as error:
        raise Refused(f"Service Bus, queue {queue}, could not be reached ({type(error).__name__})") from error
