"""The app's queues; the list of triggers needs nothing else, so this loads nothing else."""

from dataclasses import dataclass
from enum import StrEnum


class Queue(StrEnum):
    """The app's four queues; the settings give their names at the broker."""

    RUN_COMMANDS = "run-commands"
    RUN_CONTROL = "run-control"
    RUN_EVENTS = "run-events"
    INBOUND_EVENTS = "inbound-events"


@dataclass(frozen=True, kw_only=True)
class QueueDepth:
    """How many messages a queue holds."""

    #: Those that are being worked on among them.
    active: int
    #: Not to be delivered before their time: checks of the chain, retries.
    scheduled: int
    dead_lettered: int
