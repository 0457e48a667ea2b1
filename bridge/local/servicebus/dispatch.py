"""Deliveries to receivers: who gets the next message, and what becomes of it when the receiver has settled it."""

import uuid
from collections import deque
from typing import Any

from proton import Delivery, Link

from bridge.local.servicebus.errors import LockLostError, RefusedError
from bridge.local.servicebus.links import Attachment, condition
from bridge.local.servicebus.namespace import Namespace, Settlement
from bridge.local.servicebus.queue import MessageQueue

_OUTCOMES = (Delivery.ACCEPTED, Delivery.REJECTED, Delivery.RELEASED, Delivery.MODIFIED)


class Dispatcher:
    """The receivers of all queues, served in turn as far as their credit goes."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._receivers: dict[MessageQueue, deque[Attachment]] = {}

    def add(self, queue: MessageQueue, receiver: Attachment) -> None:
        """A new receiver; it gets nothing before it gives credit."""
        self._receivers.setdefault(queue, deque()).append(receiver)

    def remove(self, queue: MessageQueue, receiver: Attachment) -> None:
        """Forget a receiver; what it has locked stays locked until the locks expire."""
        receivers = self._receivers.get(queue)
        if receivers and receiver in receivers:
            receivers.remove(receiver)

    def tick(self) -> None:
        """Do what time has made due in every queue."""
        for queue in self._namespace.entities():
            queue.age()
            if self._receivers.get(queue) and self._namespace.detach_receivers(queue):
                self._detach(queue)
        for queue in self._namespace.entities():
            self.serve(queue)

    def serve(self, queue: MessageQueue) -> None:
        """Deliver what is active to whoever has credit."""
        receivers = self._receivers.get(queue)
        idle = 0
        while receivers and queue.has_active and idle < len(receivers):
            receiver = receivers[0]
            receivers.rotate(-1)
            if not receiver.wants_messages:
                idle += 1
            elif self._deliver(queue, receiver):
                idle = 0

    def settled(self, queue: MessageQueue, delivery: Any) -> None:
        """Apply what a receiver says about a delivery, and confirm it by echoing the same outcome, settled."""
        outcome = delivery.remote_state
        if outcome in _OUTCOMES:
            try:
                self._settle(queue, delivery, outcome)
            except RefusedError as error:
                delivery.local.condition = condition(error.condition, str(error))
                outcome = Delivery.REJECTED
            delivery.update(outcome)
            delivery.settle()
        elif delivery.settled:
            delivery.settle()
        self.serve(queue)
        if queue.dead_letters is not None:
            self.serve(queue.dead_letters)

    def _settle(self, queue: MessageQueue, delivery: Any, outcome: Any) -> None:
        token = getattr(delivery, "lock_token", None)
        if token is None:
            raise LockLostError
        if outcome == Delivery.ACCEPTED:
            self._namespace.settle(queue, token, Settlement.COMPLETE)
        elif outcome == Delivery.RELEASED:
            self._namespace.settle(queue, token, Settlement.RELEASE)
        elif outcome == Delivery.MODIFIED:
            self._modify(queue, delivery, token)
        else:
            said = delivery.remote.condition
            info = {str(name): text for name, text in ((said.info if said else None) or {}).items()}
            reason, description = info.get("DeadLetterReason"), info.get("DeadLetterErrorDescription")
            self._namespace.settle(queue, token, Settlement.DEAD_LETTER, reason, description)

    def _modify(self, queue: MessageQueue, delivery: Any, token: uuid.UUID) -> None:
        failed, elsewhere = delivery.remote.failed, delivery.remote.undeliverable
        if elsewhere:
            self._namespace.settle(queue, token, Settlement.DEFER)
        self._namespace.settle(queue, token, Settlement.ABANDON if failed else Settlement.RELEASE)
        delivery.local.failed = failed

    def _deliver(self, queue: MessageQueue, receiver: Attachment) -> bool:
        """Whether a message went out (the last active one may just have expired)."""
        link = receiver.link
        dropping = self._namespace.drop_on_receive(queue)
        if dropping and not dropping.params.get("after_commit"):
            self._lose(queue, receiver)
            return False
        for_good = link.remote_snd_settle_mode == Link.SND_SETTLED
        message = queue.take_for_good() if for_good else queue.take()
        if message is None:
            return False
        delivery = link.delivery((message.lock_token or uuid.uuid4()).bytes_le)
        link.send(message.rendered())
        delivery.lock_token = message.lock_token
        link.advance()
        if for_good:
            delivery.settle()
        if dropping:
            self._lose(queue, receiver)
        return True

    def _lose(self, queue: MessageQueue, receiver: Attachment) -> None:
        self.remove(queue, receiver)
        receiver.peer.drop()

    def _detach(self, queue: MessageQueue) -> None:
        for receiver in list(self._receivers[queue]):
            self.remove(queue, receiver)
            receiver.detach("amqp:link:detach-forced", "The link is force detached by the service.")
