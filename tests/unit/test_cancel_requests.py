"""Requests to cancel, and what tells one from its repetition."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.commands import CancelRun
from bridge.domain.queues import Queue
from bridge.ports import Bridge
from bridge.services.cancel_run import CancelRequest, cancel_run, request_cancels
from bridge.services.submit_run import submit_run
from tests.unit.requests import KEY, accepted, reported

RUN_ID = "r-" + "a" * 26


def cancels(bridge: Bridge, queues: MemoryQueues, *origins: str, run_id: str = RUN_ID) -> list[CancelRun]:
    """The commands of some requests, taken from their queue."""
    for origin in origins:
        request_cancels([CancelRequest(run_id=run_id, origin=origin)], KEY, bridge)
    bodies = [message.body for message in queues.sent[Queue.RUN_CONTROL]]
    queues.sent[Queue.RUN_CONTROL].clear()
    return [body for body in bodies if isinstance(body, CancelRun)]


def test_no_request_sends_nothing(bridge: Bridge, queues: MemoryQueues) -> None:
    request_cancels([], KEY, bridge)

    assert not any(queues.sent.values())


def test_an_instance_of_an_older_version_can_read_a_cancel_without_origin(bridge: Bridge, queues: MemoryQueues) -> None:
    plain, named = cancels(bridge, queues, "", "b:1")

    assert "origin" not in json.loads(queues.text(plain))
    assert json.loads(queues.text(named))["origin"] == "b:1"


def test_each_cancel_has_a_look_of_its_own(bridge: Bridge, queues: MemoryQueues) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    queues.sent[Queue.RUN_CONTROL].clear()

    for cancel in cancels(bridge, queues, "b:1", "b:1", "b:2", run_id=command.run_id):
        cancel_run(cancel, bridge)

    first, same, other = (message.message_id for message in queues.sent[Queue.RUN_CONTROL])
    assert first == same != other


@pytest.mark.parametrize("origins", [("b:1", "b:1", "b:2"), ("", "", "b:2")])
def test_each_cancel_that_comes_to_nothing_is_noted_once(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock, origins: tuple[str, ...]
) -> None:
    commands = cancels(bridge, queues, *origins)
    clock.advance(timedelta(days=2))

    for command in commands:
        cancel_run(command, bridge)

    first, same, other = (note.event_id for note in reported(queues))
    assert first == same != other


def test_a_cancel_that_names_its_workspace_looks_only_there(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    bridge = replace(bridge, workspaces=frozenset({"ws1", "ws2", "ws3"}))
    (command,) = cancels(bridge, queues, "b:1")

    cancel_run(replace(command, workspace="ws2"), bridge)

    assert jobs.calls == ["get"]
