"""Runs that are asked for by events: each one becomes a run or a row that says why not."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.domain import identity
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.queues import Queue
from bridge.handlers import queues as handlers
from bridge.ports import Bridge
from bridge.services.ingest_event import ingest_event
from tests.conftest import pipeline
from tests.unit.invocations import message
from tests.unit.requests import put_aside, reported

REQUEST = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}
PRINCIPALS = frozenset({"key", "event:custom", "event:snowflake", "event:workspace", "event:unknown"})


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """Whose pipeline any event may run, as far as `allow` is asked."""
    open_ = replace(pipeline("train"), allow=Allow(principals=PRINCIPALS))
    return replace(bridge, catalogue=Catalogue([open_, pipeline("limited")]))


def event(data: Any = REQUEST, event_id: str = "e1", kind: str = "Bridge.SubmitRun") -> dict[str, Any]:
    return {"id": event_id, "eventType": kind, "subject": "s", "eventTime": "2026-11-20T10:00:00Z", "data": data}


def ingest(bridge: Bridge, *events: Any, door: str = "custom") -> None:
    body = json.dumps(events if len(events) > 1 else events[0])
    handlers.ingest(message(body, application_properties={"bridge_door": door}), bridge)


def submits(queues: MemoryQueues) -> list[SubmitRun]:
    return [sent.body for sent in queues.sent[Queue.RUN_COMMANDS] if isinstance(sent.body, SubmitRun)]


def kept(queues: MemoryQueues) -> list[str]:
    return [each.id for sent in queues.sent[Queue.RUN_EVENTS] for each in sent.body.aml_events]  # type: ignore[union-attr]


@pytest.mark.parametrize("door", ["custom", "snowflake"])
@pytest.mark.parametrize("kind", ["Bridge.SubmitRun", "bridge.submitrun", "BRIDGE.SUBMITRUN"])
def test_a_request_becomes_a_run_of_its_door(bridge: Bridge, queues: MemoryQueues, door: str, kind: str) -> None:
    ingest(bridge, event(kind=kind), door=door)

    (command,) = submits(queues)
    origin = command.origin
    assert (origin.source, origin.principal, origin.correlation_id) == (f"event:{door}", f"event:{door}", "e1")
    assert command.inputs == {"as_of": "2026-11-01", "rows": 1000}
    assert [fact.status for fact in reported(queues)] == ["ACCEPTED"]
    assert not kept(queues)


def test_a_cloud_event_is_as_good(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest(bridge, {"specversion": "1.0", "id": "e1", "type": "Bridge.SubmitRun", "source": "s", "data": REQUEST})

    assert len(submits(queues)) == 1


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (REQUEST, "e1"),
        ({**REQUEST, "idempotency_key": None}, "e1"),
        ({**REQUEST, "idempotency_key": ""}, "e1"),
        ({**REQUEST, "idempotency_key": "mine"}, "mine"),
        ({"Pipeline": "train", "INPUTS": REQUEST["inputs"], "Idempotency_Key": "mine"}, "mine"),
    ],
)
def test_the_key_is_the_requests_own_or_the_events_id(
    bridge: Bridge, queues: MemoryQueues, data: dict[str, Any], key: str
) -> None:
    ingest(bridge, event(data))

    assert [command.run_id for command in submits(queues)] == [identity.run_id("bridge", "train", key)]


def test_a_second_delivery_is_the_same_run(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest(bridge, event())
    ingest(bridge, event())

    assert len({command.message_id for command in submits(queues)}) == 1
    assert len({fact.event_id for fact in reported(queues)}) == 1


@pytest.mark.parametrize(
    ("data", "code", "hint"),
    [
        ({}, "BAD_EVENT", "names no pipeline"),
        (None, "BAD_EVENT", "names no pipeline"),
        ("train", "BAD_EVENT", "names no pipeline"),
        ([REQUEST], "BAD_EVENT", "names no pipeline"),
        ({**REQUEST, "pipeline": 5}, "BAD_EVENT", "names no pipeline"),
        ({**REQUEST, "pipeline": "x" * 201}, "BAD_EVENT", "names no pipeline"),
        ({**REQUEST, "inputs": [1]}, "BAD_EVENT", "inputs are not an object"),
        ({**REQUEST, "inputs": "{}"}, "BAD_EVENT", "inputs are not an object"),
        ({"pipeline": "train", "input": {}}, "BAD_EVENT", '"input" is not known'),
        ({**REQUEST, "idempotency_key": 5}, "BAD_KEY", "1 to 500"),
        ({**REQUEST, "idempotency_key": "k" * 501}, "BAD_KEY", "1 to 500"),
    ],
)
def test_a_malformed_request_is_a_rejected_row_and_kept_as_it_came(
    bridge: Bridge, queues: MemoryQueues, data: Any, code: str, hint: str
) -> None:
    ingest(bridge, event(data))

    (fact,) = reported(queues)
    assert (fact.status, fact.error_code, fact.source) == ("REJECTED", code, "event:custom")
    assert hint in str(fact.error_message)
    assert kept(queues) == ["e1"]
    assert not submits(queues)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"pipeline": "trian", "inputs": {}}, "UNKNOWN_PIPELINE"),
        ({"pipeline": "train", "inputs": {}}, "MISSING_INPUT"),
        ({"pipeline": "train"}, "MISSING_INPUT"),
        ({"pipeline": "limited", "inputs": {"as_of": "2026-11-01"}}, "NOT_ALLOWED"),
    ],
)
def test_a_request_that_may_not_run_is_a_rejected_row(
    bridge: Bridge, queues: MemoryQueues, data: Any, code: str
) -> None:
    ingest(bridge, event(data))

    assert [(fact.status, fact.error_code) for fact in reported(queues)] == [("REJECTED", code)]
    assert not submits(queues)


@pytest.mark.parametrize("door", ["workspace", "unknown", "Custom", "x" * 300])
def test_other_doors_start_nothing_whatever_the_pipeline_allows(
    bridge: Bridge, queues: MemoryQueues, door: str
) -> None:
    ingest(bridge, event(), door=door)

    (fact,) = reported(queues)
    assert (fact.status, fact.error_code) == ("REJECTED", "NOT_ALLOWED")
    assert len(str(fact.principal)) < 60
    assert not submits(queues)


def test_a_notification_of_snowflake_asks_like_an_event(bridge: Bridge, queues: MemoryQueues) -> None:
    envelope = {"type": "Bridge.SubmitRun", "key": "k1", "data": REQUEST}

    ingest(bridge, event(json.dumps(envelope), kind="eventgrid-notification"), door="snowflake")

    (command,) = submits(queues)
    assert command.run_id == identity.run_id("bridge", "train", "k1")
    assert command.origin.principal == "event:snowflake"


def test_requests_are_kept_as_well_when_all_events_are(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest(replace(bridge, record_all_events=True), event())

    assert kept(queues) == ["e1"]
    assert len(submits(queues)) == 1


def test_a_bad_event_hurts_none_that_came_with_it(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest(bridge, event(event_id="a"), 5, {"id": "x"}, event({}, "b"), event(event_id="c"))

    assert [command.origin.correlation_id for command in submits(queues)] == ["a", "c"]
    assert [letter.body for letter in put_aside(queues)] == ["5", '{"id":"x"}']
    assert sorted(fact.status for fact in reported(queues)) == ["ACCEPTED", "ACCEPTED", "REJECTED"]


def test_a_defect_that_one_event_meets_does_not_stop_the_others(
    bridge: Bridge, queues: MemoryQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(found: Any, bridge: Bridge, *, try_: int) -> None:
        if found.id == "a":
            raise ZeroDivisionError
        ingest_event(found, bridge)

    monkeypatch.setattr(handlers, "ingest_event", defective)

    with pytest.raises(ZeroDivisionError):  # the broker delivers again, and keeps it when that does not help
        ingest(bridge, event(event_id="a"), event(event_id="b"))

    assert [command.origin.correlation_id for command in submits(queues)] == ["b"]


def test_while_the_queue_is_away_the_broker_keeps_the_message(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        ingest(bridge, event())
    ingest(bridge, event())

    assert len(submits(queues)) == 1
