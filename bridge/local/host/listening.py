"""What both Service Bus listeners share: staying connected, and settling messages whose connection is gone."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError, MessageNotFoundError

from bridge.local.host.connections import open_receiver
from bridge.local.host.hostjson import ServiceBusOptions
from bridge.local.host.invocation import Invoker
from bridge.local.host.loading import Function

log = logging.getLogger("bridge.local.host")

RECONNECT_SECONDS = 1.0
#: How long an idle listener waits for a message at a time; a stop is noticed within it.
IDLE_SECONDS = 0.5
#: A settlement that fails for other reasons than a lost lock is tried on this many connections.
SETTLE_TRIES = 3


@dataclass
class Settlement:
    """What is to be said to the broker about one message."""

    message: ServiceBusReceivedMessage
    succeeded: bool
    tries: int = 0


class Listener(ABC):
    """One function's queue.

    All calls to the SDK come from one coroutine: its receiver holds its connection locked while it reads, so that
    two concurrent calls delay each other by a whole read timeout, and two that fail break each other's reconnection.
    """

    def __init__(
        self, function: Function, options: ServiceBusOptions, invoker: Invoker, environment: Mapping[str, str]
    ) -> None:
        self.function = function
        self.options = options
        self.invoker = invoker
        #: Set once the first connection stands.
        self.connected = asyncio.Event()
        self._stop = asyncio.Event()
        self._environment = environment
        self._auto_complete = bool(function.trigger.get("autoCompleteMessages", options.auto_complete))

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether messages are in flight, unsettled ones included."""

    @abstractmethod
    async def serve(self, receiver: ServiceBusReceiver) -> None:
        """Receive, invoke and settle over one connection, until stopped and no longer busy."""

    def stop(self) -> None:
        """Receive no more; `run` returns when what is in flight is settled."""
        self._stop.set()

    async def run(self) -> None:
        """Serve over one connection after the other, until stopped."""
        queue, connection = str(self.function.trigger["queueName"]), str(self.function.trigger["connection"])
        while not self.stopping or self.is_busy:
            try:
                async with open_receiver(queue, connection, self.options.prefetch_count, self._environment) as receiver:
                    self.connected.set()
                    await self.serve(receiver)
            except Exception as error:  # from broken connections the SDK raises AttributeError and worse
                log.warning("listener of %r on %s: %r; reconnecting", self.function.name, queue, error)
                await asyncio.sleep(RECONNECT_SECONDS)

    def abandon_fault(self, facts: Mapping[str, Any]) -> bool:
        """Whether a fault wants a success to be settled as a failure, which delivers the message again."""
        return self.invoker.faults.strike("abandon", **{**facts, "function": self.function.name}) is not None

    async def settle(self, receiver: ServiceBusReceiver, settlement: Settlement) -> None:
        """Complete after success, abandon after failure.

        A message that came over an earlier connection is settled by its lock token, as the platform does.
        """
        message = settlement.message
        settlement.tries += 1
        try:
            if not settlement.succeeded:
                await receiver.abandon_message(message)
            elif self._auto_complete:
                await receiver.complete_message(message)
        except (MessageLockLostError, MessageNotFoundError, MessageAlreadySettled) as error:
            log.warning("message %s of %r could not be settled: %s", message.message_id, self.function.name, error)
        except Exception as error:
            if settlement.tries < SETTLE_TRIES:
                raise
            log.warning("message %s of %r was not settled: %r", message.message_id, self.function.name, error)
