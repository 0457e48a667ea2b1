"""Requests and commands for tests of the services."""

from typing import Any

from bridge.adapters.memory import MemoryQueues
from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.events import RunEvent
from bridge.domain.queues import Queue
from bridge.domain.records import DeadLetter
from bridge.ports import Bridge
from bridge.services.accept_runs import RunRequest, accept_runs

#: Whoever has a function key.
KEY = CallerIdentity(principal="key")


def request(key: str | None = "k1", pipeline: str = "train", **inputs: Any) -> RunRequest:
    """A good request, unless told otherwise."""
    return RunRequest(
        pipeline=pipeline,
        inputs=inputs or {"as_of": "2026-11-01"},
        idempotency_key=key,
        origin=Origin(source="http", principal="key", correlation_id="c1"),
    )


def accepted(bridge: Bridge, queues: MemoryQueues, wanted: RunRequest | None = None) -> SubmitRun:
    """The command of a request that was just accepted, taken from its queue."""
    accept_runs([wanted or request()], bridge)
    command = queues.sent[Queue.RUN_COMMANDS].pop().body
    assert isinstance(command, SubmitRun)
    return command


def reported(queues: MemoryQueues) -> list[RunEvent]:
    """All facts and notes that were sent to the ledger so far."""
    return [event for message in queues.sent[Queue.RUN_EVENTS] for event in message.body.run_events]  # type: ignore[union-attr]


def put_aside(queues: MemoryQueues) -> list[DeadLetter]:
    """All dead letters that were sent to the ledger so far."""
    return [letter for message in queues.sent[Queue.RUN_EVENTS] for letter in message.body.dead_letters]  # type: ignore[union-attr]


def statuses(queues: MemoryQueues) -> list[str]:
    return [event.status for event in reported(queues)]
