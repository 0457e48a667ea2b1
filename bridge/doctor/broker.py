"""Opens links to queues as the app does, and takes nothing: a look at a message leaves it where it is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.doctor.azure import Azure
from bridge.domain.errors import BridgeError
from bridge.settings.app_settings import Settings

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient

#: Of dead letters; more are "at least so many".
LOOKED_AT = 100
#: The SDK gives a connection a fifth of a second for each step, which is little on a busy machine.
PATIENCE: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2}


class NoSuchQueue(BridgeError):
    """The broker has no queue of this name."""


class NotLetIn(BridgeError):
    """The broker refuses the identity, or the key."""


class NoAnswer(BridgeError):
    """The broker could not be reached."""


@dataclass(frozen=True)
class Broker:
    """The namespace of the app's queues; a connection for each question, because questions are asked at once."""

    settings: Settings
    azure: Azure

    def try_sender(self, queue: str) -> None:
        """Raises: NoSuchQueue, NotLetIn, NoAnswer."""
        with _told(queue), self._client() as client, client.get_queue_sender(queue):
            pass  # the link is open

    def try_receiver(self, queue: str) -> None:
        """Raises: as `try_sender`."""
        self._peek(queue, 1)

    def dead_letters(self, queue: str) -> int:
        """How many wait, 100 at most. Raises: as `try_sender`."""
        from azure.servicebus import ServiceBusSubQueue

        return self._peek(queue, LOOKED_AT, sub_queue=ServiceBusSubQueue.DEAD_LETTER)

    def _peek(self, queue: str, count: int, **options: Any) -> int:
        with _told(queue), self._client() as client, client.get_queue_receiver(queue, **options) as receiver:
            return len(receiver.peek_messages(max_message_count=count))

    def _client(self) -> "ServiceBusClient":
        from azure.servicebus import ServiceBusClient

        if self.settings.service_bus:
            return ServiceBusClient.from_connection_string(self.settings.service_bus.reveal(), **PATIENCE)
        return ServiceBusClient(self.settings.service_bus_namespace, self.azure.credential, **PATIENCE)


def namespace_of(settings: Settings) -> str:
    """Its name, as far as the settings say it; empty for the emulator."""
    host = settings.service_bus_namespace or _endpoint(settings.service_bus.reveal())
    name, _, domain = host.partition(".")
    return name if domain.startswith("servicebus.") else ""


def _endpoint(connection: str) -> str:
    parts: Mapping[str, str] = dict(part.partition("=")[::2] for part in connection.split(";"))
    return parts.get("Endpoint", "").partition("://")[2].strip("/")


@contextmanager
def _told(queue: str) -> Iterator[None]:
    """The SDK's errors by what has to be done about them."""
    from azure.core.exceptions import AzureError
    from azure.servicebus import exceptions

    try:
        yield
    except exceptions.MessagingEntityNotFoundError as error:
        raise NoSuchQueue(f"Service Bus has no queue {queue}") from error
    except (exceptions.ServiceBusAuthenticationError, exceptions.ServiceBusAuthorizationError) as error:
        raise NotLetIn(_first_line(error)) from error
    except (AzureError, OSError, TimeoutError, ValueError) as error:
        raise NoAnswer(f"{type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
