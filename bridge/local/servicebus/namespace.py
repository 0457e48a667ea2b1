"""All queues together, and the faults that strike what is done to them; free of any protocol.

Fault kinds, with the facts `queue` and `operation` (send, receive, settle):

- `server_busy` (send): refused as throttled.
- `drop_connection` (send, settle, receive): the connection goes away without an answer, before anything is done or,
  with `{"after_commit": true}`, after it.
- `lock_lost` (settle): refused as if the lock had expired; the message comes back with its delivery count raised.
- `duplicate_delivery` (settle): a message that was completed is delivered once more, delivery count unchanged.
- `detach` (receive): the service takes the links of all receivers of the queue away.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from bridge.local.faults import Fault, FaultPlan
from bridge.local.servicebus.codec import Content
from bridge.local.servicebus.errors import (
    DroppedConnectionError,
    LockLostError,
    NotOfferedError,
    QueueNotFoundError,
    ServerBusyError,
)
from bridge.local.servicebus.queue import Clock, MessageQueue, QueueOptions

SEND, RECEIVE, SETTLE = "send", "receive", "settle"


class Settlement(Enum):
    """How a receiver can settle a message."""

    COMPLETE = "complete"
    #: Handling failed: the delivery count rises.
    ABANDON = "abandon"
    #: Not handled at all, for example prefetched in vain: the delivery count stays.
    RELEASE = "release"
    DEAD_LETTER = "dead-letter"
    DEFER = "defer"


class Namespace:
    """The queues by path, and every operation that a fault can strike."""

    def __init__(self, options: Sequence[QueueOptions], clock: Clock, faults: FaultPlan) -> None:
        self.faults = faults
        self._configured = {option.name: option for option in options}
        self.queues = {option.name: MessageQueue(option, clock) for option in options}
        self._by_path: dict[str, MessageQueue] = {}
        for queue in self.queues.values():
            for part in (queue, queue.dead_letters):
                if part is not None:
                    self._by_path[part.name.lower()] = part

    def find(self, path: str) -> MessageQueue:
        """The queue or dead-letter queue at this path, which is compared without case."""
        found = self._by_path.get(path.lower())
        if found is None:
            raise QueueNotFoundError(f"The messaging entity '{path}' could not be found.")
        return found

    def entities(self) -> Iterator[MessageQueue]:
        """Every queue and every dead-letter queue."""
        return iter(self._by_path.values())

    def advance(self, seconds: float) -> None:
        """Make what waits due this much sooner, in every queue."""
        for queue in self.queues.values():
            queue.advance(seconds)

    def reset(self) -> None:
        """Empty every queue and give it back the behaviour that was configured."""
        for name, queue in self.queues.items():
            queue.configure(self._configured[name])
            queue.clear()

    def send(self, queue: MessageQueue, contents: Sequence[Content]) -> list[int]:
        """Store messages; returns their sequence numbers."""
        if self.faults.strike("server_busy", queue=queue.name, operation=SEND):
            raise ServerBusyError
        with self._perhaps_dropped(queue, SEND):
            return queue.send(contents)

    def settle(
        self,
        queue: MessageQueue,
        token: uuid.UUID,
        settlement: Settlement,
        reason: str | None = None,
        description: str | None = None,
    ) -> None:
        """End a lock; reason and description are a dead letter's."""
        match settlement:
            case Settlement.DEFER:
                raise NotOfferedError("deferral")
            case Settlement.RELEASE:  # a client giving back what it never handled: nothing worth a fault
                queue.release(token)
                return
        if self.faults.strike("lock_lost", queue=queue.name, operation=SETTLE):
            queue.abandon(token)
            raise LockLostError
        with self._perhaps_dropped(queue, SETTLE):
            match settlement:
                case Settlement.COMPLETE:
                    self._complete(queue, token)
                case Settlement.ABANDON:
                    queue.abandon(token)
                case Settlement.DEAD_LETTER:
                    queue.dead_letter(token, reason, description)

    def drop_on_receive(self, queue: MessageQueue) -> Fault | None:
        """The fault that drops the connection at the next delivery from this queue."""
        return self.faults.strike("drop_connection", queue=queue.name, operation=RECEIVE)

    def detach_receivers(self, queue: MessageQueue) -> bool:
        """Whether the links of this queue's receivers are to be taken away now."""
        return self.faults.strike("detach", queue=queue.name, operation=RECEIVE) is not None

    def _complete(self, queue: MessageQueue, token: uuid.UUID) -> None:
        message = queue.complete(token)
        if self.faults.strike("duplicate_delivery", queue=queue.name, operation=SETTLE):
            queue.deliver_again(message)

    @contextmanager
    def _perhaps_dropped(self, queue: MessageQueue, operation: str) -> Iterator[None]:
        fault = self.faults.strike("drop_connection", queue=queue.name, operation=operation)
        if fault and not fault.params.get("after_commit"):
            raise DroppedConnectionError
        yield
        if fault:
            raise DroppedConnectionError
