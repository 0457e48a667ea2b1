"""How messages are taken from a queue: one a call and many calls at once, or batches, one call at a time."""

import time
from typing import Protocol

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver

from bridge.container.host_file import ServiceBusSection

Messages = list[ServiceBusReceivedMessage]
#: How long one look at an empty queue takes; a stop is noticed after it.
IDLE_SECONDS = 0.5
#: The same while calls run, whose settlement waits meanwhile; and for more of what is there already.
SHORT_SECONDS = 0.05


class Intake(Protocol):
    """Decides when enough is there for a call."""

    #: Calls at once.
    permits: int

    async def take(self, receiver: ServiceBusReceiver, free: int, *, is_busy: bool) -> list[Messages]:
        """What is there for at most `free` calls, a list for each; after a while nothing."""
        ...

    def rest(self) -> list[Messages]:
        """What was received and waits for more; it is given away, because nothing more comes."""
        ...


class Singles:
    """Cardinality one."""

    def __init__(self, options: ServiceBusSection) -> None:
        self.permits = options.max_concurrent_calls

    async def take(self, receiver: ServiceBusReceiver, free: int, *, is_busy: bool) -> list[Messages]:
        # The SDK holds the first of several back while it waits for the others, so an idle listener asks for one.
        count, seconds = (free, SHORT_SECONDS) if is_busy else (1, IDLE_SECONDS)
        return [[message] for message in await receiver.receive_messages(count, max_wait_time=seconds)]

    def rest(self) -> list[Messages]:
        return []


class Batches:
    """Cardinality many: a call for a full batch, or for what has come a while after its first message."""

    permits = 1

    def __init__(self, options: ServiceBusSection) -> None:
        self._options = options
        self._gathered: Messages = []
        self._due = 0.0

    async def take(self, receiver: ServiceBusReceiver, free: int, *, is_busy: bool) -> list[Messages]:  # noqa: ARG002
        if not self._gathered:
            self._gathered = await receiver.receive_messages(1, max_wait_time=IDLE_SECONDS)
            self._due = time.monotonic() + self._options.max_batch_wait_time.total_seconds()
        room = self._options.max_message_batch_size - len(self._gathered)
        left = self._due - time.monotonic()
        is_enough = left <= 0 or len(self._gathered) >= self._options.min_message_batch_size
        if self._gathered and room:
            wait = SHORT_SECONDS if is_enough else min(left, IDLE_SECONDS)
            self._gathered += await receiver.receive_messages(room, max_wait_time=wait)
        return self.rest() if is_enough else []

    def rest(self) -> list[Messages]:
        batch, self._gathered = self._gathered, []
        return [batch] if batch else []
