"""The app's queues, and those and the topics of others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.domain.actions import ActionCommand
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.inbound import InboundEvent
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue, QueueDepth
from bridge.domain.records import Records

Body = SubmitRun | CheckRun | CancelRun | ActionCommand | Records | InboundEvent


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """One message for a queue that is not the app's own, as its sender wrote it."""

    message_id: str
    text: str
    content_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message for a queue."""

    message_id: str
    body: Body
    #: Not to be delivered before; None for now.
    due: datetime | None = None
    #: The body as `MessageSender.text` gives it, where it was asked for already.
    text: str | None = None


class MessageSender(Protocol):
    """The app's queues."""

    def prepare(self) -> None:
        """Connect for the queues that callers wait for; a broker that is away is no failure, only the next is told."""

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        """Send all, in as few transfers as the broker's limit allows. What was sent before a failure stays sent.

        Raises: RetryableError.
        """

    def text(self, body: Body) -> str:
        """The body as it is sent: ASCII, so that its characters are its bytes."""

    def parts(self, records: Records, limit: int) -> Iterable[tuple[Records, str]]:
        """The records in parts, each with its text, of so many bytes at most or of one record."""

    def post(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """Send all to any queue of the namespace, by its name at the broker.

        Raises: RetryableError; PermanentError when a message is too large or the queue does not exist; AccessDenied.
        """


class QueueDepths(Protocol):
    """How much waits in the app's queues; for people to look at, nothing depends on it."""

    def read(self) -> Mapping[Queue, QueueDepth]:
        """Some seconds old at most; queues that the namespace does not have are left out.

        Raises: RetryableError when it cannot be found out now; AccessDenied; PermanentError.
        """


class EventPublisher(Protocol):
    """Event Grid topics that others listen to."""

    def size(self, event: OutgoingEvent) -> int:
        """Bytes that the event takes in a request."""

    def publish(self, topic: str, events: Sequence[OutgoingEvent]) -> None:
        """Publish all to the topic with this endpoint, in as few requests as its limits allow.

        What was published before a failure stays published.
        Raises: RetryableError; PermanentError when an event is too large or the topic refuses it; AccessDenied.
        """
