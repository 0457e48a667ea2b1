"""Receivers of Service Bus, by the settings that a trigger's connection names."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from azure.servicebus import ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from bridge.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

_DEAD_LETTERS = "/$deadletterqueue"
#: Without it a broker that takes the connection and stays silent would be waited for without end.
TRY_SECONDS = 20.0
#: The SDK holds a connection while it reads, for slices of this length: a settlement waits for the end of one.
SLICE_SECONDS = 0.05


class Connections:
    """Opens receivers; each has a connection of its own."""

    def __init__(self, environ: Mapping[str, str], credential: "Callable[[], TokenCredential]") -> None:
        self._environ = environ
        self._credential = credential

    def check(self, connection: str) -> None:
        """Raises: ConfigurationError when the settings do not say where this connection goes."""
        if not self._setting(connection) and not self._namespace(connection):
            raise ConfigurationError([f"{connection}__fullyQualifiedNamespace is not set, and neither is {connection}"])

    @asynccontextmanager
    async def receiver(self, queue: str, connection: str) -> AsyncIterator[ServiceBusReceiver]:
        """Connected. The SDK does not try again by itself: the listener does, and stops when it is told to."""
        dead = queue.lower().endswith(_DEAD_LETTERS)
        async with (
            self._client(connection) as client,
            client.get_queue_receiver(
                queue[: -len(_DEAD_LETTERS)] if dead else queue,
                sub_queue=ServiceBusSubQueue.DEAD_LETTER if dead else None,
                socket_timeout=SLICE_SECONDS,
            ) as receiver,
        ):
            yield receiver

    def _client(self, connection: str) -> ServiceBusClient:
        options: dict[str, Any] = {"retry_total": 0, "try_timeout": TRY_SECONDS}
        text = self._setting(connection)
        if text:
            return ServiceBusClient.from_connection_string(text, **options)
        return ServiceBusClient(self._namespace(connection), AsyncCredential(self._credential), **options)

    def _setting(self, name: str) -> str:
        return (self._environ.get(name) or self._environ.get(f"AzureWebJobs{name}") or "").strip()

    def _namespace(self, connection: str) -> str:
        return self._setting(f"{connection}__fullyQualifiedNamespace")


class AsyncCredential:
    """The app's credential for the SDK's asynchronous half: a token is asked for in a thread."""

    def __init__(self, credential: "Callable[[], TokenCredential]") -> None:
        self._credential = credential

    async def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        return await asyncio.to_thread(lambda: self._credential().get_token(*scopes, **options))

    async def close(self) -> None:
        """The app goes on using it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.close()
