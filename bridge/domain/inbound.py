"""Events on the queue `inbound-events` that the bridge puts there itself."""

from dataclasses import dataclass, replace
from typing import Self

from bridge.domain.identity import short_hash
from bridge.domain.records import AmlEvent

#: Application properties of a message. The first is set by Event Grid's subscriptions, the second only by the app.
DOOR_PROPERTY = "bridge_door"
TRY_PROPERTY = "bridge_try"


@dataclass(frozen=True, kw_only=True)
class InboundEvent:
    """One of the bridge's own events, or one that has to be looked at again later."""

    event: AmlEvent
    #: Raised by each scheduled copy.
    try_: int = 0

    @property
    def message_id(self) -> str:
        return f"event.{short_hash([self.event.door, self.event.id])}:{self.try_}"

    @property
    def properties(self) -> dict[str, str]:
        """What the message says besides its body."""
        return {DOOR_PROPERTY: self.event.door, TRY_PROPERTY: str(self.try_)}

    def next_try(self) -> Self:
        return replace(self, try_=self.try_ + 1)
