"""One function's queue: messages are received, handed to the function, kept locked while it runs, and settled."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError, MessageNotFoundError

from bridge.container.calls import Calls
from bridge.container.functions import Function
from bridge.container.intake import IDLE_SECONDS, Intake, Messages
from bridge.container.messages import to_function

log = logging.getLogger(__name__)
#: Between two attempts to connect; doubled up to the second.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
#: Longer than any call of the SDK's takes that will end at all.
CALL_SECONDS = 90.0
#: Without a connection for so long something is wrong that a new process may not have.
GIVE_UP = timedelta(minutes=10)
SETTLE_TRIES = 3


class ConnectionGivenUp(Exception):
    """The queue could not be reached for so long that the process should begin anew."""


@dataclass(eq=False)
class Delivery:
    """The messages of one call, until they are settled."""

    messages: Messages
    task: "asyncio.Task[None]"
    #: By the process's own clock; None when locks are no longer renewed.
    renew_at: float | None
    renew_until: float
    tries: int = field(default=0)

    @property
    def succeeded(self) -> bool:
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None


class Listener:
    """All calls to the SDK come from one coroutine: two at once would delay each other, and fail each other's."""

    def __init__(
        self,
        function: Function,
        intake: Intake,
        calls: Calls,
        connect: Callable[[], AbstractAsyncContextManager[ServiceBusReceiver]],
        *,
        renewal: timedelta,
        give_up: timedelta = GIVE_UP,
    ) -> None:
        self.function = function
        self.is_connected = False
        self._intake = intake
        self._calls = calls
        self._connect = connect
        self._renewal = renewal.total_seconds() if not function.takes_batches else 0.0
        self._give_up = give_up.total_seconds()
        self._deliveries: list[Delivery] = []
        self._wake = asyncio.Event()
        self._is_stopping = self._gives_back = False
        self._last_good = time.monotonic()

    def stop(self) -> None:
        """Receive no more. `run` returns when what runs has ended and is settled."""
        self._is_stopping = True
        self._wake.set()

    def give_back(self) -> None:
        """Wait no longer: what still runs is abandoned, so that another process takes it at once."""
        self._gives_back = True
        self._wake.set()

    async def run(self) -> None:
        """Serve over one connection after the other, until stopped. Raises: ConnectionGivenUp."""
        pause = FIRST_PAUSE
        while not self._is_stopping or (self._deliveries and not self._gives_back):
            begun = self._last_good
            try:
                async with self._connect() as receiver:
                    await self._serve(receiver)
            except Exception as error:  # of broken connections the SDK also makes AttributeErrors and worse
                self._lost(error)
                pause = FIRST_PAUSE if self._last_good > begun else min(2 * pause, LONGEST_PAUSE)
                await self._sleep(pause)

    def _lost(self, error: Exception) -> None:
        self.is_connected = False
        if time.monotonic() - self._last_good > self._give_up:
            raise ConnectionGivenUp(f"{self.function.name}: its queue was not reached for too long: {error!r}")
        log.warning("%s: the connection to its queue is lost, or cannot be made: %s", self.function.name, repr(error))

    async def _serve(self, receiver: ServiceBusReceiver) -> None:
        while True:
            self._wake.clear()
            async with asyncio.timeout(CALL_SECONDS):
                await self._settle_ended(receiver)
                await self._renew(receiver)
                if self._is_stopping:
                    self._begin(self._intake.rest())
                    if not self._deliveries:
                        return
                free = self._intake.permits - len(self._deliveries)
                if not self._is_stopping and free > 0:
                    self._begin(await self._intake.take(receiver, free, is_busy=bool(self._deliveries)))
            self.is_connected, self._last_good = True, time.monotonic()
            if self._is_stopping or len(self._deliveries) >= self._intake.permits:
                await self._sleep(self._until_renewal())

    def _begin(self, taken: list[Messages]) -> None:
        for messages in taken:
            now = time.monotonic()
            task = asyncio.create_task(self._handle(messages))
            task.add_done_callback(lambda _: self._wake.set())
            renew_at = now + _half_of_lock(messages[0]) if self._renewal else None
            self._deliveries.append(Delivery(messages, task, renew_at, now + self._renewal))

    async def _handle(self, messages: Messages) -> None:
        given = [to_function(message) for message in messages]
        returned = await self._calls(self.function, given if self.function.takes_batches else given[0])
        if returned is not None:
            raise TypeError(f"{self.function.name} returned something: a function of a queue returns nothing")

    async def _settle_ended(self, receiver: ServiceBusReceiver) -> None:
        for delivery in [each for each in self._deliveries if each.task.done() or self._gives_back]:
            delivery.tries += 1
            while delivery.messages:
                await self._settle(receiver, delivery)  # raises when the connection is lost: the rest is for the next
                delivery.messages.pop()
            self._deliveries.remove(delivery)

    async def _settle(self, receiver: ServiceBusReceiver, delivery: Delivery) -> None:
        message = delivery.messages[-1]
        try:
            if delivery.succeeded:
                await receiver.complete_message(message)
            else:
                await receiver.abandon_message(message)
        except (MessageLockLostError, MessageNotFoundError, MessageAlreadySettled) as error:
            log.warning("%s: message %s will come again: %s", self.function.name, message.message_id, error)
        except Exception as error:
            if delivery.tries < SETTLE_TRIES:
                raise
            log.warning("%s: message %s is not settled: %s", self.function.name, message.message_id, repr(error))

    async def _renew(self, receiver: ServiceBusReceiver) -> None:
        now = time.monotonic()
        for delivery in self._deliveries:
            if delivery.renew_at is None or delivery.renew_at > now:
                continue
            (message,) = delivery.messages
            renew_at = None
            if now < delivery.renew_until:
                try:
                    await receiver.renew_message_lock(message)  # a lost connection raises: renewed over the next one
                    renew_at = time.monotonic() + _half_of_lock(message)
                except (MessageLockLostError, MessageNotFoundError, MessageAlreadySettled) as error:
                    log.warning("%s: the lock of %s is lost: %s", self.function.name, message.message_id, error)
            delivery.renew_at = renew_at

    def _until_renewal(self) -> float:
        due = [each.renew_at - time.monotonic() for each in self._deliveries if each.renew_at is not None]
        return max(0.0, min([IDLE_SECONDS, *due]))

    async def _sleep(self, seconds: float) -> None:
        """Until a call ends, a stop is asked for, or a while has passed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)


def _half_of_lock(message: ServiceBusReceivedMessage) -> float:
    until = message.locked_until_utc
    return (until - datetime.now(UTC)).total_seconds() / 2 if until else 0.0
