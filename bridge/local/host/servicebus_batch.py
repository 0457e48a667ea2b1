"""The listener of a function that takes batches: one batch at a time, settled as a whole, locks not renewed."""

import time
from collections.abc import Mapping
from functools import partial

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver

from bridge.local.host import messages
from bridge.local.host.hostjson import ServiceBusOptions
from bridge.local.host.invocation import Invoker, nothing_returned
from bridge.local.host.listening import IDLE_SECONDS, Listener, Settlement
from bridge.local.host.loading import Function

#: How long to look for more of what is already there, once there are enough messages for a batch.
MORE_SECONDS = 0.05


class BatchListener(Listener):
    """Cardinality many."""

    def __init__(
        self, function: Function, options: ServiceBusOptions, invoker: Invoker, environment: Mapping[str, str]
    ) -> None:
        super().__init__(function, options, invoker, environment)
        self._batch: list[ServiceBusReceivedMessage] = []
        self._first_at = 0.0
        self._finished: list[Settlement] = []

    @property
    def is_busy(self) -> bool:
        return bool(self._batch or self._finished)

    async def serve(self, receiver: ServiceBusReceiver) -> None:
        while True:
            while self._finished:
                await self.settle(receiver, self._finished[0])  # raises when the connection is lost: then it stays
                self._finished.pop(0)
            if self.stopping and not self._batch:
                return
            await self._gather(receiver)
            if self._batch:
                await self._invoke()

    async def _gather(self, receiver: ServiceBusReceiver) -> None:
        """Fill the batch: at least minMessageBatchSize, or what came within maxBatchWaitTime of the first message."""
        if not self._batch:
            self._batch = await receiver.receive_messages(1, max_wait_time=IDLE_SECONDS)
            self._first_at = time.monotonic()
        while self._batch and not self.stopping:
            room = self.options.max_batch - len(self._batch)
            remaining = self._first_at + self.options.batch_wait_seconds - time.monotonic()
            is_enough = len(self._batch) >= self.options.min_batch or remaining <= 0
            if room > 0:
                wait = MORE_SECONDS if is_enough else min(remaining, IDLE_SECONDS)
                self._batch += await receiver.receive_messages(room, max_wait_time=wait)
            if is_enough:
                return

    async def _invoke(self) -> None:
        batch, self._batch = self._batch, []
        received = [messages.from_sdk(message) for message in batch]
        succeeded = False
        try:
            await self.invoker.invoke(
                self.function,
                partial(messages.many, received, self.function.data_type),
                partial(nothing_returned, self.function),
            )
            succeeded = not self.abandon_fault({})
        except Exception:  # noqa: S110 - the invoker has logged it; the answer is to abandon
            pass
        self._finished = [Settlement(message, succeeded) for message in batch]
