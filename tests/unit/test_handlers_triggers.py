"""Events by queue and by webhook, and the timer: the door decides what an event may say."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import azure.functions as func
import pytest
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum
from azure.functions.timer import TimerRequest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.domain.commands import CheckRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.handlers import queues as handlers
from bridge.handlers import triggers
from bridge.ports import Bridge
from bridge.services.submit_run import submit_run
from tests.unit.invocations import message, sample
from tests.unit.requests import accepted, put_aside, reported, statuses

RUN_STATUS = [
    f"run_status_changed.{schema}.{case}" for schema in ("event_grid", "cloud_event") for case in ("camel", "pascal")
]
KEPT = [
    "model_registered.cloud_event.pascal",
    "model_registered.event_grid.camel",
    "model_deployed.event_grid.pascal",
    "dataset_drift_detected.event_grid.pascal",
]
IGNORED = [
    "step_completed.event_grid.camel",
    "monitor_breached.event_grid.pascal",
    "snowflake_notification.event_grid.string",
]


def ingest(text: str | bytes, bridge: Bridge, door: str | None = "workspace", **facts: Any) -> None:
    properties = {} if door is None else {"bridge_door": door}
    handlers.ingest(message(text, application_properties=properties, **facts), bridge)


def webhook(text: str, bridge: Bridge) -> None:
    """As the host calls the function: it takes the JSON apart and picks the class."""
    event = EventGridEventInConverter.decode(Datum(text, "json"), trigger_metadata=None)
    triggers.workspace_event(event, bridge)


def kept(queues: MemoryQueues) -> list[AmlEvent]:
    return [event for sent in queues.sent[Queue.RUN_EVENTS] for event in sent.body.aml_events]  # type: ignore[union-attr]


@pytest.mark.parametrize("deliver", [ingest, webhook])
@pytest.mark.parametrize("name", RUN_STATUS)
def test_a_status_on_the_way_becomes_a_fact_whatever_its_schema_and_spelling(
    bridge: Bridge, queues: MemoryQueues, name: str, deliver: Any
) -> None:
    deliver(sample(name), bridge)

    (event,) = reported(queues)
    assert (event.status, event.workspace, event.pipeline) == ("RUNNING", "ws1", "train")
    assert event.run_id == json.loads(sample(RUN_STATUS[0]))["data"]["runId"]
    assert len(kept(queues)) == 1
    assert not queues.sent[Queue.RUN_CONTROL]


@pytest.mark.parametrize("deliver", [ingest, webhook])
def test_a_completed_run_is_only_looked_at(bridge: Bridge, queues: MemoryQueues, deliver: Any) -> None:
    deliver(sample("run_completed.event_grid.pascal"), bridge)

    assert not reported(queues)
    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert isinstance(sent.body, CheckRun)
    assert (sent.body.origin, sent.body.step) == ("e.c4c1f3a2-6b0f-4a0e-8f4b-2a7f0a3d0002", None)


@pytest.mark.parametrize("deliver", [ingest, webhook])
@pytest.mark.parametrize("name", KEPT)
def test_events_about_models_and_drift_are_kept(bridge: Bridge, queues: MemoryQueues, name: str, deliver: Any) -> None:
    deliver(sample(name), bridge)

    (event,) = kept(queues)
    assert event.data == json.loads(sample(name), parse_float=Decimal)["data"]
    assert event.door == "workspace"


@pytest.mark.parametrize("name", IGNORED)
def test_other_events_are_let_go(bridge: Bridge, queues: MemoryQueues, name: str) -> None:
    ingest(sample(name), bridge, "workspace" if "snowflake" not in name else "snowflake")

    assert not any(queues.sent.values())


def test_other_events_are_kept_when_that_is_asked_for(bridge: Bridge, queues: MemoryQueues) -> None:
    curious = replace(bridge, record_all_events=True)

    ingest(sample("snowflake_notification.event_grid.string"), curious, "snowflake")
    ingest(sample("snowflake_task_failed.event_grid.string"), curious, "custom")

    first, second = kept(queues)
    assert (first.door, first.event_type, first.data["rows"]) == ("snowflake", "nightly_load_done", 10**38 - 1)
    assert (second.door, second.event_type) == ("custom", "Snowflake.UserTaskFailed")
    assert second.data["taskName"] == "ML.ML_BRIDGE.NIGHTLY"


@pytest.mark.parametrize("door", ["snowflake", "custom", "Workspace", "", None])
def test_azure_mls_events_count_only_from_their_own_door(
    bridge: Bridge, queues: MemoryQueues, door: str | None
) -> None:
    for name in RUN_STATUS + KEPT:
        ingest(sample(name), bridge, door)
    ingest(sample(RUN_STATUS[0]), bridge, None, delivery_count=3)

    assert not any(queues.sent.values())


def test_an_event_cannot_name_its_own_door(bridge: Bridge, queues: MemoryQueues) -> None:
    document = {**json.loads(sample(RUN_STATUS[0])), "door": "workspace", "bridge_door": "workspace"}

    ingest(json.dumps(document), bridge, "custom")

    assert not any(queues.sent.values())


def test_every_event_of_an_array_is_taken(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest(sample("array_of_two.event_grid"), bridge)
    ingest(sample("array_of_one.cloud_event"), bridge)

    assert statuses(queues) == ["RUNNING", "RUNNING"]
    assert len(kept(queues)) == 3


def test_a_very_long_id_does_not_lose_the_look_at_the_run(bridge: Bridge, queues: MemoryQueues) -> None:
    document = {**json.loads(sample("run_completed.event_grid.pascal")), "id": "x" * 5000}

    ingest(json.dumps(document), bridge)

    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert len(sent.message_id) <= 128


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"\xff", b"5", b'{"data": {}}', b'[{"eventType": ""}]', b"[" * 9999], ids=repr
)
def test_a_message_that_is_no_event_is_put_aside(bridge: Bridge, queues: MemoryQueues, body: bytes) -> None:
    ingest(body, bridge, message_id="m-42")

    (letter,) = put_aside(queues)
    assert (letter.queue, letter.message_id, letter.reason) == ("inbound-events", "m-42", "POISON")


def test_a_huge_body_that_is_no_event_is_put_aside_cut(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest(b'"' + b"x" * 250_000 + b'"', bridge)

    assert [len(letter.body) for letter in put_aside(queues)] == [60_000]


@pytest.mark.parametrize(
    "change",
    [
        {"subject": None},
        {"eventTime": "yesterday"},
        {"data": None},
        {"data": "text"},
        {"data": {"runId": 5}},
        {"data": {"runId": None, "runTags": "x"}},
        {"id": None},
        {"id": 5},
        {"topic": None},
        {"topic": {"a": 1}},
        {"eventTime": "9999-12-31T23:59:59-14:00"},
    ],
)
@pytest.mark.parametrize("name", ["run_status_changed.event_grid.camel", "run_completed.event_grid.pascal"])
def test_an_event_with_odd_fields_does_no_harm(
    bridge: Bridge, queues: MemoryQueues, name: str, change: dict[str, Any]
) -> None:
    ingest(json.dumps({**json.loads(sample(name)), **change}), bridge)

    assert not put_aside(queues)


@pytest.mark.parametrize("deliver", [ingest, webhook])
def test_while_the_queues_are_away_the_event_is_delivered_again(
    bridge: Bridge, queues: MemoryQueues, deliver: Any
) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        deliver(sample(RUN_STATUS[0]), bridge)


@pytest.mark.parametrize(
    "change",
    [
        {"eventType": None},
        {"data": {"DriftCoefficient": float("nan")}},
        {"data": {"deep": json.loads("[" * 200 + "]" * 200)}},
        {"subject": "\ud800"},
    ],
)
def test_an_event_by_webhook_that_cannot_be_read_is_let_go(
    bridge: Bridge, queues: MemoryQueues, change: dict[str, Any]
) -> None:
    """Raising would have Event Grid send it again for a day."""
    webhook(json.dumps({**json.loads(sample(RUN_STATUS[0])), **change}), bridge)

    assert not any(queues.sent.values())


def test_an_event_by_webhook_from_elsewhere_does_not_count(bridge: Bridge, queues: MemoryQueues) -> None:
    document = json.loads(sample(RUN_STATUS[0]))

    webhook(json.dumps({**document, "topic": document["topic"].replace("ws1", "ws2")}), bridge)

    assert not any(queues.sent.values())


@pytest.mark.parametrize("past_due", [False, True])
def test_the_timer_has_open_runs_checked(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, past_due: bool
) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    queues.sent[Queue.RUN_CONTROL].clear()

    triggers.sweep(TimerRequest(past_due=past_due), bridge)

    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert isinstance(sent.body, CheckRun)
    assert (sent.body.run_id, sent.body.origin) == (command.run_id, "s.20261120")


def test_a_sweep_that_cannot_ask_fails(bridge: Bridge, jobs: MemoryJobs) -> None:
    jobs.failures.append(("tagged", ServiceUnavailable()))

    with pytest.raises(ServiceUnavailable):
        triggers.sweep(TimerRequest(past_due=False), bridge)


def test_the_platform_makes_one_of_two_classes_of_an_event() -> None:
    made = {
        type(EventGridEventInConverter.decode(Datum(sample(name), "json"), trigger_metadata=None))
        for name in RUN_STATUS
    }

    assert made == {func.EventGridEvent, func.CloudEvent}
