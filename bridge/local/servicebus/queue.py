"""One queue: what is in it, who holds a lock, what is due when. No network, and the clock is given."""

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice

from bridge.local.servicebus.codec import Content, Stamp
from bridge.local.servicebus.errors import LockLostError, MessageNotFoundError, TooLargeError
from bridge.local.servicebus.ordered import KeyedHeap, NumberedStore

Clock = Callable[[], float]

DEAD_LETTER_SUFFIX = "/$deadletterqueue"
MAX_DELIVERY_COUNT_EXCEEDED = "MaxDeliveryCountExceeded"
TTL_EXPIRED = "TTLExpiredException"


class State(Enum):
    """Where a message stands; the value is its number on the wire (a locked message is an active one)."""

    ACTIVE = "active"
    LOCKED = "locked"
    SCHEDULED = "scheduled"


@dataclass(frozen=True, kw_only=True)
class QueueOptions:
    """How a queue behaves; the defaults are the service's."""

    name: str
    lock_seconds: float = 60.0
    #: None: messages may be delivered any number of times.
    max_delivery_count: int | None = 10
    #: How long message ids are remembered; 0 turns duplicate detection off.
    duplicate_detection_seconds: float = 0.0
    #: The longest time that any message lives; None is for ever.
    ttl_seconds: float | None = None
    #: Whether a message that outlives its time is dead-lettered or just gone.
    dead_letter_expired: bool = False
    #: All messages of one send together.
    max_send_bytes: int = 262_144


@dataclass(slots=True, eq=False)
class Message:
    """A message in a queue."""

    content: Content
    sequence_number: int
    enqueued_at: float
    state: State = State.ACTIVE
    delivery_count: int = 0
    lock_token: uuid.UUID | None = None
    locked_until: float | None = None
    #: On the queue's own clock, which `advance` moves.
    expires: float | None = None
    dead_letter_reason: str | None = None

    def rendered(self) -> bytes:
        """The message as it goes out to a receiver."""
        stamp = Stamp(
            sequence_number=self.sequence_number,
            enqueued_at=self.enqueued_at,
            delivery_count=self.delivery_count,
            locked_until=self.locked_until,
            state=2 if self.state is State.SCHEDULED else 0,
        )
        return self.content.rendered(stamp)


class MessageQueue:
    """A queue and its dead-letter queue.

    Two clocks: locks and the timestamps that receivers see are real time; due times of scheduled messages, times to
    live and the duplicate-detection history are on a clock that `advance` moves.
    """

    def __init__(self, options: QueueOptions, clock: Clock, *, is_dead_letter_queue: bool = False) -> None:
        self._clock = clock
        self._ahead = 0.0
        self._last_number = 0
        self._is_dead_letter_queue = is_dead_letter_queue
        self.dead_letters: MessageQueue | None = None
        if not is_dead_letter_queue:
            self.dead_letters = MessageQueue(_of_dead_letters(options), clock, is_dead_letter_queue=True)
        self.options = options
        self._forget()

    @property
    def name(self) -> str:
        return self.options.name

    @property
    def accepts_sends(self) -> bool:
        return not self._is_dead_letter_queue

    @property
    def size(self) -> int:
        """Messages in any state."""
        return len(self._messages)

    @property
    def has_active(self) -> bool:
        return len(self._active) > 0

    def configure(self, options: QueueOptions) -> None:
        """Change the behaviour; what is locked keeps its lock."""
        self.options = options
        if not options.duplicate_detection_seconds:
            self._seen.clear()
        if self.dead_letters:
            self.dead_letters.configure(_of_dead_letters(options))

    def clear(self) -> None:
        """Forget every message; sequence numbers go on, since the service never gives one twice."""
        self._forget()
        if self.dead_letters:
            self.dead_letters.clear()

    def advance(self, seconds: float) -> None:
        """Make what waits due this much sooner; locks are not moved."""
        self._ahead += seconds

    def send(self, contents: Sequence[Content]) -> list[int]:
        """Store all or, when they are too large together, none; the number of a dropped duplicate is 0."""
        size = sum(content.size for content in contents)
        if size > self.options.max_send_bytes:
            raise TooLargeError(f"{size} bytes are more than the {self.options.max_send_bytes} that one send may have.")
        return [0 if self._is_duplicate(content) else self._store(content) for content in contents]

    def cancel(self, numbers: Sequence[int]) -> None:
        """Remove scheduled messages: all of them or, when one is not there, none."""
        for number in numbers:
            if number not in self._scheduled:
                raise MessageNotFoundError(f"No scheduled message has the sequence number {number}.")
        for number in numbers:
            self._scheduled.remove(number)
            self._messages.remove(number)

    def take(self) -> Message | None:
        """Lock the next message for a receiver."""
        message = self._next_active()
        if message is not None:
            message.state = State.LOCKED
            message.lock_token = uuid.uuid4()
            self._locks[message.lock_token] = message
            self._hold(message)
        return message

    def take_for_good(self) -> Message | None:
        """Remove the next message for a receiver that settles nothing."""
        message = self._next_active()
        if message is not None:
            self._messages.remove(message.sequence_number)
        return message

    def renew(self, token: uuid.UUID) -> float:
        """Lock for another whole lock duration; returns the time until which."""
        return self._hold(self._locked(token))

    def complete(self, token: uuid.UUID) -> Message:
        """Remove a locked message."""
        message = self._unlocked(token)
        self._messages.remove(message.sequence_number)
        return message

    def abandon(self, token: uuid.UUID) -> None:
        """Give back a message whose handling failed; at the highest delivery count it becomes a dead letter."""
        self._give_back_failed(self._unlocked(token))

    def release(self, token: uuid.UUID) -> None:
        """Give back a message that was not handled at all: its delivery count stays."""
        self._activate(self._unlocked(token))

    def dead_letter(self, token: uuid.UUID, reason: str | None, description: str | None) -> None:
        """Move a locked message to the dead-letter queue, where this removes it."""
        self._bury(self._unlocked(token), reason, description)

    def deliver_again(self, message: Message) -> None:
        """Put back a message that was completed, as if nobody had: at least once is not exactly once."""
        self._messages.add(message.sequence_number, message)
        self._activate(message)

    def age(self) -> None:
        """Do what is due: unlock, enqueue what was scheduled, expire."""
        real = self._clock()
        while (number := self._lock_ends.pop(real)) is not None:
            message = self._messages.get(number)
            if message is not None:
                self._unlock(message)
                self._give_back_failed(message)
        now = self._now()
        while (number := self._scheduled.pop(now)) is not None:
            message = self._messages.get(number)
            if message is not None:
                message.enqueued_at = real
                self._activate(message)
        while (number := self._expiries.pop(now)) is not None:
            self._expire(number)

    def peek(self, since: int, count: int) -> list[Message]:
        """Messages of any state in order of their numbers, without locking them."""
        self.age()
        return list(islice(self._messages.since(since), count))

    def messages(self, state: State) -> Iterator[Message]:
        self.age()
        return (message for message in self._messages if message.state is state)

    def counts(self) -> dict[str, int]:
        self.age()
        return {
            "active": len(self._active),
            "locked": len(self._locks),
            "scheduled": len(self._scheduled),
            "dead": self.dead_letters.size if self.dead_letters else 0,
            "total_received": self._total_received,
        }

    def _forget(self) -> None:
        self._messages: NumberedStore[Message] = NumberedStore()
        self._active: KeyedHeap[int] = KeyedHeap()
        self._scheduled: KeyedHeap[int] = KeyedHeap()
        self._lock_ends: KeyedHeap[int] = KeyedHeap()
        self._expiries: KeyedHeap[int] = KeyedHeap()
        self._locks: dict[uuid.UUID, Message] = {}
        #: Message id and when it was seen, oldest first.
        self._seen: OrderedDict[object, float] = OrderedDict()
        self._total_received = 0

    def _now(self) -> float:
        return self._clock() + self._ahead

    def _is_duplicate(self, content: Content) -> bool:
        window = self.options.duplicate_detection_seconds
        if not window or content.message_id is None:
            return False
        now = self._now()
        while self._seen and next(iter(self._seen.values())) <= now - window:
            self._seen.popitem(last=False)
        if content.message_id in self._seen:
            return True
        self._seen[content.message_id] = now
        return False

    def _store(self, content: Content) -> int:
        self._last_number += 1
        self._total_received += 1
        message = Message(content, self._last_number, enqueued_at=self._clock())
        self._messages.add(message.sequence_number, message)
        if content.scheduled_at is not None and content.scheduled_at > message.enqueued_at:
            message.state = State.SCHEDULED
            self._scheduled.put(message.sequence_number, content.scheduled_at + self._ahead)
        else:
            self._activate(message)
        return message.sequence_number

    def _activate(self, message: Message) -> None:
        message.state = State.ACTIVE
        if message.expires is None:
            message.expires = self._expiry(message)
        if message.expires is not None:
            self._expiries.put(message.sequence_number, message.expires)
        self._active.put(message.sequence_number, message.sequence_number)

    def _expiry(self, message: Message) -> float | None:
        if self._is_dead_letter_queue:
            return None
        limits = [limit for limit in (message.content.ttl_seconds, self.options.ttl_seconds) if limit is not None]
        return self._now() + min(limits) if limits else None

    def _next_active(self) -> Message | None:
        self.age()
        number = self._active.pop()
        if number is None:
            return None
        self._expiries.remove(number)
        return self._messages.get(number)

    def _expire(self, number: int) -> None:
        message = self._messages.get(number)
        if message is None or not self._active.remove(number):
            return
        if self.options.dead_letter_expired:
            self._bury(message, TTL_EXPIRED, "The message expired and was dead lettered.")
        else:
            self._messages.remove(number)

    def _hold(self, message: Message) -> float:
        message.locked_until = self._clock() + self.options.lock_seconds
        self._lock_ends.put(message.sequence_number, message.locked_until)
        return message.locked_until

    def _locked(self, token: uuid.UUID) -> Message:
        self.age()
        message = self._locks.get(token)
        if message is None:
            raise LockLostError
        return message

    def _unlocked(self, token: uuid.UUID) -> Message:
        message = self._locked(token)
        self._unlock(message)
        return message

    def _unlock(self, message: Message) -> None:
        if message.lock_token is not None:
            self._locks.pop(message.lock_token, None)
        self._lock_ends.remove(message.sequence_number)
        message.lock_token = message.locked_until = None

    def _give_back_failed(self, message: Message) -> None:
        message.delivery_count += 1
        most = self.options.max_delivery_count
        if most is not None and message.delivery_count >= most:
            text = f"Message could not be consumed after {most} delivery attempts."
            self._bury(message, MAX_DELIVERY_COUNT_EXCEEDED, text)
        else:
            self._activate(message)

    def _bury(self, message: Message, reason: str | None, description: str | None) -> None:
        self._messages.remove(message.sequence_number)
        said = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        extra = {name: text for name, text in said.items() if text}
        if extra:
            message.content = message.content.with_application_properties(extra)
        message.dead_letter_reason = reason
        message.expires = None
        # There is no dead-letter queue of a dead-letter queue: the message stays where it is.
        (self.dead_letters or self).receive_dead(message)

    def receive_dead(self, message: Message) -> None:
        """Take in a message that the main queue has given up."""
        self._messages.add(message.sequence_number, message)
        self._activate(message)


def _of_dead_letters(options: QueueOptions) -> QueueOptions:
    """A dead-letter queue keeps everything until somebody takes it."""
    return replace(
        options,
        name=options.name + DEAD_LETTER_SUFFIX,
        max_delivery_count=None,
        duplicate_detection_seconds=0.0,
        ttl_seconds=None,
    )
