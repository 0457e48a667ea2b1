"""Events that the bridge sends to others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class OutgoingEvent:
    """One event for a topic; a repeated one has the same id."""

    event_id: str
    event_type: str
    subject: str
    #: Any JSON value. A fraction travels as a double.
    data: Any
    occurred_at: datetime
    #: Of a CloudEvent: who sends it, a URI reference. None for one in Event Grid's own schema.
    source: str | None = None
