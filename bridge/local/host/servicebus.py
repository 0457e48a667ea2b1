"""The listener of a function that takes one message: many at once, each settled on its own, locks kept alive."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import MessageLockLostError

from bridge.local.host import messages
from bridge.local.host.hostjson import ServiceBusOptions
from bridge.local.host.invocation import Invoker, nothing_returned
from bridge.local.host.listening import IDLE_SECONDS, Listener, Settlement, log
from bridge.local.host.loading import Function

#: How long to wait for further messages while others are in flight, whose settlement waits meanwhile.
BUSY_SECONDS = 0.05


@dataclass
class Delivery:
    """One message in flight: it holds one of the maxConcurrentCalls permits until it is settled."""

    message: ServiceBusReceivedMessage
    task: asyncio.Task[None]
    #: When its lock is renewed next; None when it no longer is.
    renew_at: float | None
    renew_until: float


class SingleListener(Listener):
    """Cardinality one."""

    def __init__(
        self, function: Function, options: ServiceBusOptions, invoker: Invoker, environment: Mapping[str, str]
    ) -> None:
        super().__init__(function, options, invoker, environment)
        self._in_flight: dict[int, Delivery] = {}
        self._finished: list[Settlement] = []
        self._wake = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        return bool(self._in_flight)

    def stop(self) -> None:
        super().stop()
        self._wake.set()

    async def serve(self, receiver: ServiceBusReceiver) -> None:
        while True:
            self._wake.clear()
            await self._settle_finished(receiver)
            await self._renew_locks(receiver)
            if self.stopping and not self._in_flight:
                return
            free = self.options.max_concurrent_calls - len(self._in_flight)
            if self.stopping or free <= 0:
                await self._sleep()
            elif self._in_flight:
                self._start(await receiver.receive_messages(free, max_wait_time=BUSY_SECONDS))
            else:
                # One only: asked for more, the SDK would hold the first back while it waits for the others.
                self._start(await receiver.receive_messages(1, max_wait_time=IDLE_SECONDS))

    def _start(self, received: list[ServiceBusReceivedMessage]) -> None:
        for message in received:
            now = time.monotonic()
            self._in_flight[id(message)] = Delivery(
                message=message,
                task=asyncio.create_task(self._invoke(message)),
                renew_at=now + _half_of_lock(message),
                renew_until=now + self.options.lock_renewal_seconds,
            )

    async def _invoke(self, message: ServiceBusReceivedMessage) -> None:
        received = messages.from_sdk(message)
        facts = {"message_id": received.message_id}
        succeeded = False
        try:
            await self.invoker.invoke(
                self.function,
                partial(messages.one, received, self.function.data_type),
                partial(nothing_returned, self.function),
                traceparent=received.traceparent,
                facts=facts,
            )
            succeeded = not self.abandon_fault(facts)
        except Exception:  # noqa: S110 - the invoker has logged it; the answer is to abandon
            pass
        finally:
            self._finished.append(Settlement(message, succeeded))
            self._wake.set()

    async def _settle_finished(self, receiver: ServiceBusReceiver) -> None:
        while self._finished:
            settlement = self._finished[0]
            await self.settle(receiver, settlement)  # raises when the connection is lost: then it stays, for the next
            self._finished.pop(0)
            del self._in_flight[id(settlement.message)]

    async def _renew_locks(self, receiver: ServiceBusReceiver) -> None:
        now = time.monotonic()
        for delivery in list(self._in_flight.values()):
            if delivery.renew_at is None or delivery.renew_at > now or delivery.task.done():
                continue
            delivery.renew_at = None
            if now >= delivery.renew_until:
                log.warning("message %s: maxAutoLockRenewalDuration is over", delivery.message.message_id)
                continue
            try:
                await receiver.renew_message_lock(delivery.message)
                delivery.renew_at = time.monotonic() + _half_of_lock(delivery.message)
            except MessageLockLostError as error:
                log.warning("message %s: its lock is lost: %s", delivery.message.message_id, error)

    async def _sleep(self) -> None:
        """Until a function ends, a lock is due for renewal, or a while has passed."""
        due = [delivery.renew_at for delivery in self._in_flight.values() if delivery.renew_at is not None]
        seconds = min([IDLE_SECONDS, *(at - time.monotonic() for at in due)])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)


def _half_of_lock(message: ServiceBusReceivedMessage) -> float:
    until = message.locked_until_utc
    return (until - datetime.now(UTC)).total_seconds() / 2 if until else 0.0
