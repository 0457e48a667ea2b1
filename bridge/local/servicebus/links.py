"""Connections and links as the broker knows them, and how a link or a message is refused so that clients notice."""

import uuid
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from proton import Condition, Endpoint, Terminus, symbol

from bridge.local.servicebus.errors import RefusedError
from bridge.local.servicebus.queue import MessageQueue
from bridge.local.servicebus.sas import Grant


class Kind(Enum):
    """What a link is attached to."""

    TOKENS = "$cbs"
    MANAGEMENT = "$management"
    QUEUE = "queue"


@dataclass(eq=False)
class Peer:
    """One connection."""

    connection: Any
    grants: set[Grant] = field(default_factory=set)
    #: The links on which answers go out, by path.
    answers: dict[str, Any] = field(default_factory=dict)
    #: Gone, though proton may still show its links for a moment.
    is_dropped: bool = False

    def may_use(self, path: str) -> bool:
        return any(grant.covers(path) for grant in self.grants)

    def drop(self) -> None:
        """End the connection as a lost network would: no goodbye, and what was not sent yet is lost."""
        self.is_dropped = True
        transport = self.connection.transport
        if transport is not None:
            transport.close_tail()
            transport.close_head()


@dataclass(eq=False)
class Attachment:
    """One link, and what it leads to."""

    peer: Peer
    link: Any
    kind: Kind
    path: str
    #: None only for tokens.
    queue: MessageQueue | None = None

    @property
    def wants_messages(self) -> bool:
        """Whether this is a receiver that is there and has credit."""
        return not self.peer.is_dropped and self.link.credit > 0 and bool(self.link.state & Endpoint.REMOTE_ACTIVE)

    def detach(self, name: str, text: str) -> None:
        """Take the link away from the client."""
        self.link.condition = condition(name, text)
        self.link.close()


def condition(name: str, text: str) -> Any:
    """An AMQP error.

    The SDK reads the third element of a rejected send's error without looking whether it is there, and then the send
    hangs; proton leaves out trailing nulls. So there is always an info map.
    """
    return Condition(name, text, {symbol("tracking-id"): uuid.uuid4().hex})


def refuse_link(link: Any, refused: RefusedError) -> None:
    """Attach without source and target, then detach with the error: anything else leaves the client waiting."""
    link.source.type = link.target.type = Terminus.UNSPECIFIED
    link.open()
    link.condition = condition(refused.condition, str(refused))
    link.close()
