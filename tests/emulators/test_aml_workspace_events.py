"""Events beyond a job's own: on demand, of steps, of monitors; and what can happen to an event on its way."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bridge.local.aml.clock import Clock
from bridge.local.aml.state import AmlEmulator, Options
from tests.emulators.aml_service import SCOPE, AmlService
from tests.emulators.receiver import Receiver
from tests.eventually import eventually

PREFIX = "Microsoft.MachineLearningServices."
DRIFT = {"DataDriftId": "d-1", "DataDriftName": "churn-drift", "RunId": "drift-run-1", "DriftCoefficient": 0.42}


@pytest.fixture(scope="module")
def sink() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def running(sink: Receiver) -> Iterator[AmlService]:
    with AmlService("--event-sink", sink.url) as service:
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


def events(sink: Receiver) -> list[dict[str, Any]]:
    return [event for events in sink.bodies() for event in events]


def statuses(sink: Receiver) -> list[str]:
    return [event["data"]["runStatus"] for event in events(sink) if "runStatus" in event["data"]]


def test_an_event_on_demand_has_the_shape_of_its_type(service: AmlService, sink: Receiver) -> None:
    made = service.tell("/events", type="DatasetDriftDetected", data=DRIFT)
    service.events_settled()

    (event,) = events(sink)
    assert event == made
    assert (event["eventType"], event["topic"]) == (f"{PREFIX}DatasetDriftDetected", SCOPE)
    assert event["subject"] == "datadrift/d-1/runs/drift-run-1"
    assert (event["data"], event["dataVersion"], event["metadataVersion"]) == (DRIFT, "", "1")
    assert event["id"]
    assert event["eventTime"].endswith("Z")


def test_everything_of_an_event_can_be_chosen(service: AmlService, sink: Receiver) -> None:
    service.tell(
        "/events",
        type=f"{PREFIX}ModelRegistered",
        subject="models/other:1",
        data={"modelName": "churn"},
        workspace=f"{SCOPE}-2",
        id="e-1",
        event_time="2026-11-20T10:00:00+01:00",
    )
    service.events_settled()

    (event,) = events(sink)
    assert (event["topic"], event["subject"], event["id"]) == (f"{SCOPE}-2", "models/other:1", "e-1")
    assert (event["eventType"], event["eventTime"]) == (f"{PREFIX}ModelRegistered", "2026-11-20T09:00:00.000Z")


@pytest.mark.parametrize(
    ("name", "data", "subject"),
    [
        ("ModelRegistered", {"ModelName": "churn", "ModelVersion": "4"}, "models/churn:4"),
        ("ModelDeployed", {"serviceName": "churn-online"}, "endpoints/churn-online"),
        ("RunCompleted", {"experimentId": "e", "runId": "r"}, "experiments/e/runs/r"),
    ],
)
def test_a_subject_follows_from_the_data(service: AmlService, name: str, data: dict[str, str], subject: str) -> None:
    assert service.tell("/events", type=name, data=data)["subject"] == subject


def test_a_breach_is_a_status_of_a_run_that_is_no_job(service: AmlService, sink: Receiver) -> None:
    service.tell("/monitor-breach", monitor="churn_monitor", experiment="monitors", tags={"team": "growth"})
    service.events_settled()

    (event,) = events(sink)
    data = event["data"]
    assert event["eventType"] == f"{PREFIX}RunStatusChanged"
    assert event["subject"] == f"experiments/{data['experimentId']}/runs/{data['runId']}"
    assert (data["experimentName"], data["runType"]) == ("monitors", "azureml.PipelineRun")
    assert (data["runStatus"], data["runTags"]["team"]) == ("Completed", "growth")
    told = data["runTags"]["azureml_modelmonitor_threshold_breached"]
    assert "has failed due to one or more features violating metric thresholds" in told
    assert "churn_monitor_data_drift" in told
    assert service.http.get(f"{SCOPE}/jobs/{data['runId']}").status_code == 404


def test_a_breach_can_be_told_as_it_is_not_documented(service: AmlService) -> None:
    data = service.tell("/monitor-breach", monitor="m", status="Failed", run_type="azureml.StepRun", run_id="r")["data"]

    assert (data["runStatus"], data["runType"], data["runId"]) == ("Failed", "azureml.StepRun", "r")


def test_steps_are_told_before_their_pipeline_and_without_its_tags(service: AmlService, sink: Receiver) -> None:
    service.seed("train", emulator={"steps": 2})
    submit(service, bridge="b")
    service.advance(3)
    service.events_settled()

    told = [event["data"] for event in events(sink)]
    steps = [data for data in told if data["runType"] == "azureml.StepRun"]
    assert len({data["runId"] for data in steps} - {"r-1"}) == 2
    assert {str(data["runTags"]) for data in steps} == {"{}"}
    assert [data.get("runStatus") for data in steps] == ["Running", "Running", "Completed", None, "Completed", None]
    completed = [data["runType"] for data in told if data.get("runStatus") == "Completed"]
    assert completed == ["azureml.StepRun", "azureml.StepRun", "azureml.PipelineRun"]


def test_the_last_step_of_a_failed_pipeline_is_the_one_that_failed(service: AmlService, sink: Receiver) -> None:
    service.seed("train", emulator={"steps": 2, "outcome": "failed"})
    submit(service)
    service.advance(3)
    service.events_settled()

    assert statuses(sink)[-3:] == ["Completed", "Failed", "Failed"]


def test_a_delayed_event_comes_when_the_clock_says_so(service: AmlService, sink: Receiver) -> None:
    fault = service.fault("delay_event", {"status": "Preparing", "job": "r-1"}, seconds=600)
    submit(service)
    service.advance(0.7)
    eventually(lambda: "Queued" in statuses(sink), what=lambda: str(statuses(sink)))
    assert "Preparing" not in statuses(sink)

    service.tell("/clock", advance_seconds=600)
    service.events_settled()
    assert service.struck(fault) == 1
    assert statuses(sink).index("Queued") < statuses(sink).index("Preparing")


def test_a_reordered_event_comes_after_the_next_one(service: AmlService, sink: Receiver) -> None:
    fault = service.fault("reorder_event", {"event_type": "RunStatusChanged", "status": "Preparing"})
    submit(service)
    service.advance(0.3)
    eventually(lambda: "NotStarted" in statuses(sink), what=lambda: str(statuses(sink)))

    service.advance(0.3)
    service.events_settled()
    assert service.struck(fault) == 1
    assert statuses(sink) == ["NotStarted", "Queued", "Preparing"]


def test_a_reordered_event_that_nothing_follows_comes_after_a_minute(service: AmlService, sink: Receiver) -> None:
    fault = service.fault("reorder_event", {"event_type": "ModelRegistered"})
    service.tell("/models", name="churn")
    assert (service.struck(fault), service.ask("/events")["waiting"]) == (1, 1)

    service.tell("/clock", advance_seconds=60)

    assert service.events_settled()["delivered"] == 1


def test_a_fault_can_be_about_a_subject(service: AmlService, sink: Receiver) -> None:
    service.fault("drop_event", {"subject": "models/churn:1"})
    service.tell("/models", name="churn")
    service.tell("/models", name="churn")

    assert service.events_settled()["dropped"] == 1
    assert [event["subject"] for event in events(sink)] == ["models/churn:2"]


def test_a_reset_forgets_events_that_wait(service: AmlService, sink: Receiver) -> None:
    service.fault("delay_event", {"event_type": "ModelRegistered"}, seconds=10)
    service.fault("reorder_event", {"event_type": "ModelRegistered"})
    service.tell("/models", name="churn")
    service.tell("/models", name="churn")
    assert service.ask("/events")["waiting"] == 2
    service.begin()
    service.tell("/clock", advance_seconds=10)
    service.tell("/events", type="ModelDeployed", data={"ServiceName": "s"})

    assert service.events_settled() == {"published": 1, "delivered": 1, "dropped": 0, "waiting": 0}
    assert [event["subject"] for event in events(sink)] == ["endpoints/s"]


def test_without_an_option_the_workspace_of_the_last_request_is_meant() -> None:
    emulator = AmlEmulator(Options(), Clock())
    assert emulator.workspace is None

    emulator.last_scope = SCOPE
    assert emulator.workspace == SCOPE


def test_an_event_of_no_known_workspace_is_refused() -> None:
    with AmlService("--workspace-scope", "") as service:
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            service.tell("/events", type="ModelDeployed", data={})
        service.http.get(f"{SCOPE}/jobs")

        assert service.tell("/events", type="ModelDeployed", data={})["topic"] == SCOPE
