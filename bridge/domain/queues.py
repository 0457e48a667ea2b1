"""The names of the app's queues; they need nothing else, and the list of triggers needs nothing else."""

from enum import StrEnum


class Queue(StrEnum):
    """The app's four queues; the settings give their names at the broker."""

    RUN_COMMANDS = "run-commands"
    RUN_CONTROL = "run-control"
    RUN_EVENTS = "run-events"
    INBOUND_EVENTS = "inbound-events"
