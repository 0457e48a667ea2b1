"""The operations of `QUEUE/$management`: locks, scheduled messages, peeking, and settling without the link."""

import uuid
from collections.abc import Callable
from typing import Any

from proton import Array, Data, timestamp

from bridge.local.servicebus import codec
from bridge.local.servicebus.amqp import AmqpError
from bridge.local.servicebus.errors import BadRequestError, NotOfferedError, RefusedError
from bridge.local.servicebus.namespace import Namespace, Settlement
from bridge.local.servicebus.queue import MessageQueue
from bridge.local.servicebus.requests import Request, read_request, refusal, reply

#: Status and body of an answer.
Answer = tuple[int, Any]

VENDOR = "com.microsoft:"
MAX_PEEKED = 250
_DISPOSITIONS = {
    "completed": Settlement.COMPLETE,
    "abandoned": Settlement.ABANDON,
    "suspended": Settlement.DEAD_LETTER,
    "defered": Settlement.DEFER,  # spelt so by the service
}


class Management:
    """Answers requests about one queue at a time."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._operations: dict[str, Callable[[MessageQueue, Request], Answer]] = {
            VENDOR + "renew-lock": self._renew_lock,
            VENDOR + "schedule-message": self._schedule,
            VENDOR + "cancel-scheduled-message": self._cancel,
            VENDOR + "peek-message": self._peek,
            VENDOR + "update-disposition": self._settle,
        }

    def answer(self, queue: MessageQueue, payload: bytes) -> bytes:
        """Carry out one request; what is refused is an answer too."""
        request = read_request(payload)
        try:
            operation = self._operations.get(request.operation)
            if operation is None:
                raise NotOfferedError(f"the operation {request.operation}")
            return reply(request, *operation(queue, request))
        except RefusedError as error:
            return refusal(request, error)

    def _renew_lock(self, queue: MessageQueue, request: Request) -> Answer:
        ends = [queue.renew(token) for token in _tokens(request)]
        return 200, {"expirations": Array(None, Data.TIMESTAMP, *(timestamp(int(end * 1000)) for end in ends))}

    def _schedule(self, queue: MessageQueue, request: Request) -> Answer:
        try:
            contents = [codec.parse(bytes(entry["message"])) for entry in request.values("messages")]
        except (AmqpError, KeyError, TypeError) as error:
            raise BadRequestError(f"{request.operation}: {error}") from error
        if any(content.scheduled_at is None for content in contents):
            raise BadRequestError("a message to schedule needs a time to enqueue it")
        return 200, {"sequence-numbers": Array(None, Data.LONG, *self._namespace.send(queue, contents))}

    def _cancel(self, queue: MessageQueue, request: Request) -> Answer:
        queue.cancel([int(number) for number in request.values("sequence-numbers")])
        return 200, {}

    def _peek(self, queue: MessageQueue, request: Request) -> Answer:
        since, count = int(request.value("from-sequence-number")), int(request.value("message-count"))
        found = queue.peek(since, min(count, MAX_PEEKED))
        if not found:
            return 204, {}
        return 200, {"messages": [{"message": message.rendered()} for message in found]}

    def _settle(self, queue: MessageQueue, request: Request) -> Answer:
        status = str(request.value("disposition-status"))
        if status not in _DISPOSITIONS:
            raise BadRequestError(f"unknown disposition {status}")
        reason, description = request.body.get("deadletter-reason"), request.body.get("deadletter-description")
        for token in _tokens(request):
            self._namespace.settle(queue, token, _DISPOSITIONS[status], reason, description)
        return 200, {}


def _tokens(request: Request) -> list[uuid.UUID]:
    return [token if isinstance(token, uuid.UUID) else uuid.UUID(str(token)) for token in request.values("lock-tokens")]
