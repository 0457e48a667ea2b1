"""The app's queues through azure-servicebus: one client a process and one sender a queue.

A client a message would cost a second each.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.adapters.shared_sender import SharedSender
from bridge.domain import signals
from bridge.domain.commands import SubmitRun
from bridge.domain.context import current_traceparent
from bridge.domain.errors import AccessDenied, PermanentError, RetryableError, ServiceUnavailable, Throttled
from bridge.domain.inbound import InboundEvent
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.signals import SILENT, SpanKind, Telemetry
from bridge.payloads import bodies
from bridge.payloads.records import split_records
from bridge.ports import Body, Message, OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import TokenCredential
    from azure.servicebus import ServiceBusClient
    from azure.servicebus.amqp import AmqpAnnotatedMessage

log = logging.getLogger(__name__)
#: The annotation of a message that is not to be delivered before a time; a datetime.
DUE = b"x-opt-scheduled-enqueue-time"
#: Opened in advance, all at once: the SDK takes half a second for each.
ASKED_FOR_FIRST = (Queue.RUN_COMMANDS, Queue.RUN_EVENTS, Queue.RUN_CONTROL)
#: A caller waits for the accept path: it gets its 503 after some seconds, not after half a minute.
RETRIES = 2
BACKOFF = 0.2


class ServiceBusQueues:
    """MessageSender over Service Bus; connects on the first send."""

    def __init__(
        self,
        *,
        connection_string: str,
        namespace: str,
        credential: "Callable[[], TokenCredential]",
        names: Mapping[Queue, str],
        telemetry: Telemetry = SILENT,
    ) -> None:
        self._connection_string = connection_string
        self._namespace = namespace
        self._credential = credential
        self._names = names
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._client: ServiceBusClient | None = None
        self._senders: dict[str, SharedSender] = {}

    def prepare(self) -> None:
        # No pool: the interpreter would not end before a pool's threads do, and a broker may be silent.
        threads = [threading.Thread(target=self._open, args=[queue], daemon=True) for queue in ASKED_FOR_FIRST]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        name = self._names[queue]
        with self._sending(name, len(messages)), _translated(f"Service Bus, queue {name}"):
            told = self._telemetry.is_on
            self._sender(name).send([_outgoing(message, told=told) for message in messages])

    def post(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        from azure.servicebus import ServiceBusMessage

        outgoing = [
            ServiceBusMessage(each.text, message_id=each.message_id, content_type=each.content_type)
            for each in messages
        ]
        with self._sending(queue, len(messages)), _translated(f"Service Bus, queue {queue}"), _refused(queue):
            self._sender(queue).send(outgoing)

    def text(self, body: Body) -> str:
        return bodies.write(body)

    def parts(self, records: Records, limit: int) -> Iterable[tuple[Records, str]]:
        return split_records(records, limit)

    def close(self) -> None:
        with self._lock:
            for sender in self._senders.values():
                sender.close()
            self._senders.clear()
            if self._client is not None:
                self._client.close()
                self._client = None

    @contextmanager
    def _sending(self, queue: str, messages: int) -> Iterator[None]:
        attributes: signals.Attributes = {
            "messaging.system": "servicebus",
            "messaging.destination.name": queue,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": messages,
        }
        with self._telemetry.span(f"send {queue}", SpanKind.PRODUCER, attributes=attributes):
            yield

    def _open(self, queue: Queue) -> None:
        try:
            self._sender(self._names[queue]).open()
        except Exception as error:  # the first call will meet it too, and answer for it
            log.info("Service Bus could not be reached in advance: %s", type(error).__name__)

    def _sender(self, queue: str) -> SharedSender:
        with self._lock:
            if queue not in self._senders:
                self._senders[queue] = SharedSender(self._connected().get_queue_sender(queue))
            return self._senders[queue]

    def _connected(self) -> "ServiceBusClient":
        from azure.servicebus import ServiceBusClient

        if self._client is None:
            if self._connection_string:
                self._client = ServiceBusClient.from_connection_string(
                    self._connection_string, retry_total=RETRIES, retry_backoff_factor=BACKOFF
                )
            else:
                self._client = ServiceBusClient(
                    self._namespace, self._credential(), retry_total=RETRIES, retry_backoff_factor=BACKOFF
                )
        return self._client


def _outgoing(message: Message, *, told: bool) -> "AmqpAnnotatedMessage":
    """As the protocol has it: the SDK's other class for messages takes twice the time to make."""
    from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

    return AmqpAnnotatedMessage(
        data_body=message.text or bodies.write(message.body),
        properties=AmqpMessageProperties(message_id=message.message_id, content_type="application/json"),
        application_properties=_properties(message.body, told=told),
        annotations={DUE: message.due} if message.due else None,  # type: ignore[dict-item]  # as the SDK itself does
    )


def _properties(body: Body, *, told: bool) -> dict[str, str] | None:
    """What a message says besides its body: an event's door, and where it was sent from.

    A run's own body says that too. Its message only says it a second time, for the platform's own spans, where somebody
    is told of them: a property costs as much as some inputs.
    """
    properties = dict(body.properties) if isinstance(body, InboundEvent) else {}
    traceparent = current_traceparent()
    if traceparent is not None and (told or not isinstance(body, SubmitRun)):
        properties["traceparent"] = traceparent
    return properties or None


@contextmanager
def _refused(queue: str) -> Iterator[None]:
    """What a caller hears who named the queue: waiting would not mend it, as it does for the app's own queues."""
    from azure.servicebus import exceptions

    try:
        yield
    except exceptions.MessagingEntityNotFoundError as error:
        raise PermanentError(f"Service Bus has no queue {queue}", code="UNKNOWN_QUEUE") from error
    except (exceptions.ServiceBusAuthenticationError, exceptions.ServiceBusAuthorizationError) as error:
        text = f"Service Bus refused the app at queue {queue}: its identity needs Azure Service Bus Data Sender there"
        raise AccessDenied(text, code="ACCESS_DENIED") from error


@contextmanager
def _translated(what: str) -> Iterator[None]:
    from azure.core.exceptions import AzureError
    from azure.servicebus import exceptions

    try:
        yield
    except exceptions.ServiceBusServerBusyError as error:
        raise Throttled(f"{what} is busy") from error
    except (exceptions.ServiceBusAuthenticationError, exceptions.ServiceBusAuthorizationError) as error:
        # Roles may take minutes to arrive: asking again is right, losing a message is not.
        raise RetryableError(f"{what} refused the app's identity: it needs Azure Service Bus Data Sender") from error
    except exceptions.MessagingEntityNotFoundError as error:
        raise RetryableError(f"{what} does not exist") from error
    except exceptions.MessageSizeExceededError as error:
        raise PermanentError(f"{what} refused a message that is too large", code="TOO_LARGE") from error
    except (AzureError, OSError, TimeoutError) as error:
        raise ServiceUnavailable(f"{what} could not be reached") from error
