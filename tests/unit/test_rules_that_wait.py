"""Events whose rules cannot be decided yet: kept at once, decided later, put aside in the end."""

from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.actions import Notify
from bridge.domain.commands import CheckRun
from bridge.domain.errors import AccessDenied, Paced, ServiceUnavailable, Throttled
from bridge.domain.inbound import InboundEvent
from bridge.domain.queues import Queue
from bridge.handlers import queues as handlers
from bridge.payloads import bodies
from bridge.ports import Bridge
from bridge.services.ingest_event import ingest_event
from tests.unit.invocations import message
from tests.unit.occasions import RUN_ID, controls, decisions, kept, rule, run_changed, take, with_rules
from tests.unit.requests import put_aside


@pytest.fixture
def waiting(bridge: Bridge) -> Bridge:
    """With a rule that needs to know which rules led to a run."""
    return with_rules(bridge, rule("on-run", "RunStatusChanged"))


@pytest.mark.parametrize("error", [ServiceUnavailable(), AccessDenied("no role", code="ACCESS_DENIED")])
def test_while_azure_ml_is_away_nothing_is_acted_and_the_event_comes_again(
    waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs, error: Exception
) -> None:
    jobs.failures.append(("get", error))

    ingest_event(run_changed(waiting, runTags=None), waiting)

    (copy,) = queues.sent[Queue.INBOUND_EVENTS]
    assert isinstance(copy.body, InboundEvent)
    assert (copy.body.try_, copy.body.event.id, copy.body.event.door) == (1, "e1", "workspace")
    assert copy.due is not None
    assert copy.due > waiting.clock.now()
    assert [type(command) for command in controls(queues)] == [CheckRun], "what the event says of its run is no rule's"
    assert not decisions(queues)
    assert [event.id for event in kept(queues)] == ["e1"]


def test_an_event_that_waits_for_its_rules_is_kept_whosever_run_it_is_about(
    waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))

    ingest_event(run_changed(waiting, runId="olive_tree", runTags=None), waiting)

    assert [event.id for event in kept(queues)] == ["e1"]


def test_the_copy_waits_as_long_as_azure_ml_asks(
    waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    jobs.failures.append(("get", Throttled(retry_after=timedelta(minutes=7))))

    ingest_event(run_changed(waiting, runTags=None), waiting)

    (copy,) = queues.sent[Queue.INBOUND_EVENTS]
    assert copy.due == clock.now() + timedelta(minutes=7)


def test_the_copy_is_decided_as_the_event_would_have_been(
    waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))
    event = run_changed(waiting, runTags=None)
    ingest_event(event, waiting)
    (copy,) = take(queues, Queue.INBOUND_EVENTS)
    take(queues, Queue.RUN_CONTROL)

    handlers.ingest(message(bodies.write(copy), application_properties=copy.properties), waiting)

    (command,) = controls(queues)  # no second check
    assert isinstance(command, Notify)
    assert [each.id for each in kept(queues)] == [event.id]  # when it came, not again
    assert command.occasion.event_time == event.event_time
    assert [row.status for row in decisions(queues)] == ["FIRED"]
    assert not queues.sent[Queue.INBOUND_EVENTS]


def test_each_copy_counts_one_try_more(waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.failures += [("get", ServiceUnavailable())] * 2
    ingest_event(run_changed(waiting, runTags=None), waiting)
    (first,) = take(queues, Queue.INBOUND_EVENTS)

    handlers.ingest(message(bodies.write(first), application_properties=first.properties), waiting)

    (second,) = take(queues, Queue.INBOUND_EVENTS)
    assert (first.try_, second.try_) == (1, 2)
    assert first.message_id != second.message_id


def test_waiting_for_the_pace_is_no_failed_try(
    waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    jobs.failures.append(("get", Paced(retry_after=timedelta(hours=2))))

    ingest_event(run_changed(waiting, runTags=None), waiting, try_=2)

    (copy,) = queues.sent[Queue.INBOUND_EVENTS]
    assert copy.due == clock.now() + timedelta(hours=2), "its own place, without back-off"
    assert put_aside(queues) == []


def test_in_the_end_the_event_is_put_aside_with_its_door(
    waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))

    ingest_event(run_changed(waiting, runTags=None), waiting, try_=2)

    assert not queues.sent[Queue.INBOUND_EVENTS]
    (letter,) = put_aside(queues)
    assert (letter.queue, letter.reason, letter.run_id) == ("inbound-events", "GAVE_UP", RUN_ID)
    assert letter.door == "workspace"
    assert "in 3 tries" in letter.description
    assert '"id":"e1"' in letter.body


def test_without_the_queue_nothing_is_put_off(waiting: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        ingest_event(run_changed(waiting, runTags=None), waiting)

    assert not any(queues.sent.values())
