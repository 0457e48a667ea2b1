"""What the emulated workspace publishes about its runs, as it arrives at an Event Grid sink."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulators.aml_service import SCOPE, AmlService
from tests.emulators.receiver import Receiver

PREFIX = "Microsoft.MachineLearningServices."


@pytest.fixture(scope="module")
def sink() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def running(sink: Receiver) -> Iterator[AmlService]:
    with AmlService("--event-sink", f"{sink.url}/workspace-events") as service:
        yield service


@pytest.fixture
def service(running: AmlService, sink: Receiver) -> AmlService:
    running.begin()
    sink.clear()
    return running


def submit(service: AmlService, name: str = "r-1", **tags: str) -> None:
    inputs = {"table": {"value": "T", "jobInputType": "literal"}}
    properties = {"jobType": "Pipeline", "experimentName": "churn", "tags": tags, "inputs": inputs}
    component = f"{SCOPE}/components/train/versions/1"
    answer = service.http.put(f"{SCOPE}/jobs/{name}", json={"properties": {**properties, "componentId": component}})
    assert answer.status_code == 201


def told(sink: Receiver) -> list[str]:
    """The statuses told so far; a RunCompleted has none."""
    return [event["data"].get("runStatus", event["eventType"]) for event in arrived(sink)]


def arrived(sink: Receiver) -> list[dict[str, Any]]:
    """One by one, however many came together."""
    return [event for events in sink.bodies() for event in events]


def test_every_status_is_told_and_the_completion_twice(service: AmlService, sink: Receiver) -> None:
    submit(service)
    service.advance(3)

    assert service.events_settled() == {"published": 7, "delivered": 7, "dropped": 0, "waiting": 0}
    assert told(sink) == [
        "NotStarted", "Preparing", "Queued", "Running", "Finalizing", "Completed", f"{PREFIX}RunCompleted",
    ]  # fmt: skip


def test_an_event_looks_like_a_captured_one(service: AmlService, sink: Receiver) -> None:
    submit(service, bridge="b")
    service.events_settled()
    event = arrived(sink)[0]
    data: dict[str, Any] = event["data"]

    assert sink.received[0].path == "/workspace-events"
    assert event["eventType"] == f"{PREFIX}RunStatusChanged"
    assert (event["topic"], event["dataVersion"], event["metadataVersion"]) == (SCOPE, "", "1")
    assert event["subject"] == f"experiments/{data['experimentId']}/runs/r-1"
    assert data["runType"] == "azureml.PipelineRun"
    assert (data["runId"], data["runStatus"], data["experimentName"]) == ("r-1", "NotStarted", "churn")
    assert data["runTags"] == {"bridge": "b"}
    assert data["runProperties"]["azureml.runsource"] == "azureml.PipelineRun"


def test_a_cancelled_job_tells_both_of_its_last_statuses(service: AmlService, sink: Receiver) -> None:
    submit(service)
    assert service.http.post(f"{SCOPE}/jobs/r-1/cancel").status_code == 202
    service.advance(1)
    service.events_settled()

    assert told(sink) == ["NotStarted", "CancelRequested", "Canceled"]


def test_an_update_tells_nothing(service: AmlService, sink: Receiver) -> None:
    submit(service)
    job = service.http.get(f"{SCOPE}/jobs/r-1").json()
    assert service.http.put(f"{SCOPE}/jobs/r-1", json={"properties": job["properties"]}).status_code == 200

    assert service.events_settled()["published"] == 1


def test_an_event_can_be_dropped(service: AmlService, sink: Receiver) -> None:
    fault = service.fault("drop_event", {"status": "Running", "job": "r-1"})
    submit(service)
    service.advance(1.5)

    assert service.events_settled()["dropped"] == 1
    assert service.struck(fault) == 1
    assert told(sink) == ["NotStarted", "Preparing", "Queued"]


def test_an_event_can_come_twice_with_one_id(service: AmlService, sink: Receiver) -> None:
    service.fault("duplicate_event", {"status": "Queued"})
    submit(service)
    service.advance(0.7)
    service.events_settled()

    assert told(sink) == ["NotStarted", "Preparing", "Queued", "Queued"]
    first, second = arrived(sink)[2:]
    assert first["id"] == second["id"]


def test_a_failing_sink_is_tried_again(service: AmlService, sink: Receiver) -> None:
    sink.answers = [503]
    submit(service)

    assert service.events_settled() == {"published": 1, "delivered": 1, "dropped": 0, "waiting": 0}
    assert told(sink) == ["NotStarted", "NotStarted"]


def test_a_sink_that_stays_broken_costs_the_event_and_nothing_else(service: AmlService, sink: Receiver) -> None:
    sink.answers = [500] * 5
    submit(service)

    assert service.events_settled()["dropped"] == 1
    assert len(sink.received) == 5
    assert service.http.get(f"{SCOPE}/jobs/r-1").status_code == 200
