"""The bridge's own events: what others hear of runs and rules, if they are to hear anything."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.domain.actions import Publish
from bridge.domain.commands import CheckRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.inbound import InboundEvent
from bridge.domain.jobs import JobDetails
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.domain.statuses import JobStatus
from bridge.ports import Bridge
from bridge.services.accept_runs import accept_runs
from bridge.services.check_run import check_run
from bridge.services.ingest_event import ingest_event
from bridge.services.report import MESSAGE_LIMIT_BYTES
from bridge.services.submit_run import submit_run
from tests.unit.occasions import happening, rule, take, with_rules
from tests.unit.requests import accepted, request

TOPIC = "https://own.test/api/events"


@pytest.fixture
def listening(bridge: Bridge) -> Bridge:
    """With a rule that hears of ends; nothing is published."""
    return with_rules(bridge, rule("on-end", "Bridge.RunEnded"))


@pytest.fixture
def loud(bridge: Bridge) -> Bridge:
    """Without rules; others hear of everything."""
    return with_rules(bridge, events_topic=TOPIC)


def ended(queues: MemoryQueues) -> list[AmlEvent]:
    """What the rules were sent."""
    bodies = take(queues, Queue.INBOUND_EVENTS)
    assert all(isinstance(body, InboundEvent) and body.event.door == "bridge" and body.try_ == 0 for body in bodies)
    return [body.event for body in bodies]


def published(queues: MemoryQueues) -> list[OutgoingEvent]:
    """What others are to be sent."""
    commands = [body for body in take(queues, Queue.RUN_CONTROL) if isinstance(body, Publish)]
    assert all(command.topic is None and command.occasion is None for command in commands)
    return [event for command in commands for event in command.events]


def running(bridge: Bridge, queues: MemoryQueues, *chain: str) -> CheckRun:
    """The first check of a run that rules led to."""
    wanted = request()
    origin = replace(wanted.origin, rule_chain=chain)
    submit_run(accepted(bridge, queues, replace(wanted, origin=origin)), bridge)
    queues.sent[Queue.RUN_EVENTS].clear()
    (check,) = [body for body in take(queues, Queue.RUN_CONTROL) if isinstance(body, CheckRun)]
    return check


def test_nothing_is_published_by_itself(listening: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    check = running(listening, queues)
    jobs.jobs[check.run_id].status = JobStatus.COMPLETED
    check_run(check, listening)
    (event,) = ended(queues)

    ingest_event(event, listening)

    assert not published(queues)


def test_others_hear_of_an_accepted_run(loud: Bridge, queues: MemoryQueues) -> None:
    (answer,) = accept_runs([request()], loud)

    (event,) = published(queues)
    assert (event.event_type, event.subject, event.source) == (
        "Bridge.RunAccepted",
        f"runs/{answer.run_id}",
        "/aml-bridge/bridge",
    )
    assert event.occurred_at == loud.clock.now()
    assert event.data == {
        "run_id": answer.run_id,
        "pipeline": "train",
        "workspace": "ws1",
        "fingerprint": answer.fingerprint,
        "source": "http",
        "principal": "key",
        "correlation_id": "c1",
        "attempt": 1,
    }


def test_others_hear_nothing_of_what_was_not_accepted(loud: Bridge, queues: MemoryQueues) -> None:
    accept_runs([request(pipeline="absent")], loud)
    accept_runs([request()], loud, dry_run=True)

    assert not published(queues)


def test_a_run_is_queued_before_others_hear_of_it(loud: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        accept_runs([request()], loud)

    assert not any(queues.sent.values())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (JobStatus.COMPLETED, "Bridge.RunCompleted"),
        (JobStatus.FAILED, "Bridge.RunFailed"),
        (JobStatus.CANCELED, "Bridge.RunCanceled"),
    ],
)
def test_others_hear_how_a_run_ended(
    loud: Bridge, queues: MemoryQueues, jobs: MemoryJobs, status: JobStatus, kind: str
) -> None:
    check = running(loud, queues)
    jobs.jobs[check.run_id].status = status
    at = loud.clock.now() + timedelta(minutes=1)
    jobs.jobs[check.run_id].details = JobDetails(ended_at=at)
    check_run(check, loud)
    (inbound,) = ended(queues)

    ingest_event(inbound, loud)

    (event,) = published(queues)
    assert (event.event_type, event.subject, event.data) == (kind, inbound.subject, inbound.data)
    assert event.occurred_at == at
    assert event.event_id != inbound.id


def test_others_hear_of_rules_that_fired_and_of_no_others(bridge: Bridge, queues: MemoryQueues) -> None:
    some = with_rules(
        bridge,
        rule("a", "ModelRegistered"),
        rule("b", "ModelRegistered", dry_run=True),
        rule("c", "ModelRegistered", where={"data.x": 1}),
        events_topic=TOPIC,
    )
    model = happening(bridge, "ModelRegistered", ModelTags={"bridge_correlation_id": "c7"})

    ingest_event(model, some)

    (event,) = published(queues)
    assert (event.event_type, event.subject, event.source) == ("Bridge.RuleFired", "rules/a", "/aml-bridge/bridge")
    assert {**event.data, "action_id": "…"} == {
        "rule": "a",
        "action": "notify",
        "action_id": "…",
        "event_id": "e1",
        "event_type": model.event_type,
        "correlation_id": "c7",
    }


def test_the_same_happening_is_published_under_the_same_ids(loud: Bridge, queues: MemoryQueues) -> None:
    some = with_rules(loud, rule("a", "ModelRegistered"), events_topic=TOPIC)
    ids = []
    for _ in range(2):
        accept_runs([request(), request("k2")], some)
        ingest_event(happening(loud, "ModelRegistered"), some)
        ids.append([each.message_id for each in queues.sent[Queue.RUN_CONTROL]])
        ids.append([each.event_id for each in published(queues)])

    assert ids[:2] == ids[2:]
    assert len(set(ids[0])) == len(ids[0]) == 3
    assert len(set(ids[1])) == 3


@pytest.mark.parametrize(("rows", "messages"), [(1, 1), (50, 1), (51, 2), (400, 8)])
def test_many_events_are_split_over_messages(loud: Bridge, queues: MemoryQueues, rows: int, messages: int) -> None:
    accept_runs([request(f"k{number}") for number in range(rows)], loud)

    commands = take(queues, Queue.RUN_CONTROL)
    assert len(commands) == messages
    events = [event for command in commands for event in command.events]
    assert len({event.event_id for event in events}) == rows


def test_large_events_are_split_over_messages(loud: Bridge, queues: MemoryQueues) -> None:
    tall = replace(request().origin, correlation_id="ä" * 1000, principal="key")
    wanted = [replace(request(f"k{number}"), origin=tall) for number in range(40)]

    accept_runs(wanted, loud)

    commands = take(queues, Queue.RUN_CONTROL)
    assert len(commands) > 1
    assert all(len(queues.text(command).encode()) <= MESSAGE_LIMIT_BYTES for command in commands)
    assert sum(len(command.events) for command in commands) == 40


def test_of_an_event_that_no_message_holds_the_names_are_published(loud: Bridge, queues: MemoryQueues) -> None:
    event = happening(loud, "Bridge.RunEnded", run_id="r-1", status="FAILED", error_message="x" * 250_000)

    ingest_event(replace(event, door="bridge"), loud)

    (small,) = published(queues)
    assert small.event_type == "Bridge.RunFailed"
    assert small.data == {"run_id": "r-1", "status": "FAILED", "left_out": "the event's data was too large"}
    assert (small.source, small.subject) == ("/aml-bridge/bridge", event.subject)
