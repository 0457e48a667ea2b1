"""One sender of azure-servicebus for all threads of a process: what waits for its turn goes out together.

Senders of azure-servicebus 7.15 are not safe to share between threads (issue 21385), so one thread sends at a time.
Each transfer costs a round trip and as much work as some messages: who gets the turn takes all that wait along.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch, ServiceBusSender
    from azure.servicebus.amqp import AmqpAnnotatedMessage

    AmqpMessage = ServiceBusMessage | AmqpAnnotatedMessage

SEND_SECONDS = 20


@dataclass(eq=False)
class _Parcel:
    """What one thread wants to have sent, and what came of it."""

    messages: "Sequence[AmqpMessage]"
    is_over: bool = False
    error: Exception | None = None

    def end(self, error: Exception | None = None) -> None:
        self.is_over, self.error = True, error


class SharedSender:
    """A queue's sender; any number of threads."""

    def __init__(self, sender: "ServiceBusSender") -> None:
        self._sender = sender
        self._turn = threading.Lock()
        self._waiting: deque[_Parcel] = deque()

    def open(self) -> None:
        """Connect, if that has not been done. Raises what the SDK raises."""
        with self._turn:
            self._sender.create_message_batch()  # it opens the link

    def send(self, messages: "Sequence[AmqpMessage]") -> None:
        """Send all, in as few transfers as the broker's limit allows. What was sent before a failure stays sent.

        Raises: what the SDK raises; TimeoutError when those before take too long.
        """
        parcel = _Parcel(messages)
        self._waiting.append(parcel)
        # Whoever waits behind a send that hangs gives up in time to tell its caller.
        if not self._turn.acquire(timeout=SEND_SECONDS):
            self._forget(parcel)
            raise TimeoutError("those before it are not sent yet")
        try:
            if not parcel.is_over:  # otherwise another thread had taken it along
                self._send_waiting()
        finally:
            self._turn.release()
        if parcel.error is not None:
            raise parcel.error
        if not parcel.is_over:
            raise TimeoutError("nobody has sent it")

    def close(self) -> None:
        with self._turn:
            self._sender.close()

    def _forget(self, parcel: _Parcel) -> None:
        """Nobody waits for it any more; it may be on its way all the same."""
        with suppress(ValueError):
            self._waiting.remove(parcel)

    def _send_waiting(self) -> None:
        """Whatever happens, everybody who was taken along is told, and nobody that it went well if it did not."""
        parcels = list(self._taken())
        failure: Exception = TimeoutError("the thread that sent it was stopped")
        try:
            self._send_all(parcels)
        except Exception as error:
            failure = error
        finally:
            for parcel in parcels:
                if not parcel.is_over:
                    parcel.end(failure)

    def _taken(self) -> Iterator[_Parcel]:
        """One by one: who gives up takes its own away meanwhile."""
        with suppress(IndexError):
            while True:
                yield self._waiting.popleft()

    def _send_all(self, parcels: Iterable[_Parcel]) -> None:
        batch = self._sender.create_message_batch()
        #: Those whose last message is in the batch.
        whole: list[_Parcel] = []
        for parcel in parcels:
            for message in parcel.messages:
                if _fits(message, batch):
                    continue
                self._transfer(batch, whole)
                batch, whole = self._sender.create_message_batch(), []
                try:
                    batch.add_message(message)
                except Exception as error:  # too large for an empty one, say: its neighbours are not to blame
                    parcel.end(error)
                    break
            else:
                whole.append(parcel)
        self._transfer(batch, whole)

    def _transfer(self, batch: "ServiceBusMessageBatch", whole: Iterable[_Parcel]) -> None:
        if len(batch):
            self._sender.send_messages(batch, timeout=SEND_SECONDS)
        for parcel in whole:
            parcel.end()


def _fits(message: "AmqpMessage", batch: "ServiceBusMessageBatch") -> bool:
    """Whether the message is in the batch now; the SDK knows the broker's limit once the link is open."""
    try:
        batch.add_message(message)
    except Exception:  # it does not, or it is none: that shows when it is alone
        return False
    return True
