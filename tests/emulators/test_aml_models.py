"""Registered models: read and registered with the real SDK, by hand, and by a job that has completed."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.emulators.aml_service import SCOPE, SDK_WARNINGS, AmlService, pipeline
from tests.emulators.receiver import Receiver

pytestmark = pytest.mark.filterwarnings(SDK_WARNINGS)
REGISTERED = "Microsoft.MachineLearningServices.ModelRegistered"


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


@pytest.fixture
def models(service: AmlService) -> Any:
    return service.client().models


def model(path: str = "azureml://datastores/files/paths/churn", **more: Any) -> Any:
    from azure.ai.ml.entities import Model

    return Model(name="churn", path=path, type="mlflow_model", **more)


def published(service: AmlService, sink: Receiver) -> list[dict[str, Any]]:
    """The events of registered models."""
    service.events_settled()
    return [event for events in sink.bodies() for event in events if event["eventType"] == REGISTERED]


def test_a_registered_model_is_found_by_version_and_as_the_latest(models: Any) -> None:
    models.create_or_update(model(version="1", tags={"stage": "dev"}, description="first"))
    models.create_or_update(model(version="2", tags={"stage": "prod"}))

    first, latest = models.get("churn", "1"), models.get("churn", label="latest")
    assert (first.tags, first.description, first.type) == ({"stage": "dev"}, "first", "mlflow_model")
    assert (latest.version, latest.tags) == ("2", {"stage": "prod"})
    assert latest.id == f"{SCOPE}/models/churn/versions/2"
    assert [each.version for each in models.list("churn")] == ["2", "1"]
    assert [(each.name, each.latest_version) for each in models.list()] == [("churn", "2")]


def test_the_sdk_counts_versions_by_the_container(models: Any) -> None:
    models.create_or_update(model(version="3"))

    assert models.create_or_update(model()).version == "4"


def test_an_unknown_model_is_not_found(models: Any) -> None:
    with pytest.raises(ResourceNotFoundError):
        models.get("churn", "1")


def test_a_version_can_change_its_tags_but_not_its_files(service: AmlService, sink: Receiver, models: Any) -> None:
    models.create_or_update(model(version="1", tags={"stage": "dev"}))
    models.create_or_update(model(version="1", tags={"stage": "prod"}))
    with pytest.raises(HttpResponseError, match="modelUri"):
        models.create_or_update(model("azureml://datastores/files/paths/other", version="1"))

    assert models.get("churn", "1").tags == {"stage": "prod"}
    assert len(published(service, sink)) == 1


def test_a_new_version_is_told_with_its_tags(service: AmlService, sink: Receiver, models: Any) -> None:
    models.create_or_update(model(version="4", tags={"stage": "prod"}, properties={"flavor": "sklearn"}))

    (event,) = published(service, sink)
    assert (event["topic"], event["subject"]) == (SCOPE, "models/churn:4")
    assert event["data"] == {
        "ModelName": "churn",
        "ModelVersion": "4",
        "ModelTags": {"stage": "prod"},
        "ModelProperties": {"flavor": "sklearn"},
    }


def test_models_registered_by_hand_take_the_next_version(service: AmlService, sink: Receiver, models: Any) -> None:
    first = service.tell("/models", name="churn", version="9", tags={"stage": "prod"})
    second = service.tell("/models", name="churn")

    assert (first["version"], second["version"], second["workspace"]) == ("9", "10", SCOPE)
    assert models.get("churn", "9").tags == {"stage": "prod"}
    assert [each["name"] for each in service.ask("/models")] == ["churn", "churn"]
    assert len(published(service, sink)) == 2


def test_a_version_cannot_be_registered_twice_by_hand(service: AmlService) -> None:
    service.tell("/models", name="churn", version="1")
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        service.tell("/models", name="churn", version="1")


def test_workspaces_keep_their_models_apart(service: AmlService, models: Any) -> None:
    service.tell("/models", name="churn", workspace=SCOPE.replace("ws1", "ws2"))

    assert [each.version for each in service.client("ws2").models.list("churn")] == ["1"]
    assert list(models.list("churn")) == []


def test_a_completed_job_registers_the_next_version_with_its_roots_tags(
    service: AmlService, sink: Receiver, models: Any
) -> None:
    service.tell("/models", name="churn")
    service.seed("train", emulator={"registers_model": {"name": "churn", "tags": {"stage": "prod"}}})
    tags = {"bridge": "b", "bridge_correlation_id": "c-1", "bridge_rule_chain": "retrain-on-drift"}
    service.client().jobs.create_or_update(pipeline("r-1", tags=tags), skip_validation=True)
    service.advance(2)
    assert [each["version"] for each in service.ask("/models")] == ["1"]

    service.advance(1)
    found = models.get("churn", label="latest")
    assert (found.version, found.job_name) == ("2", "r-1")
    expected = {
        "stage": "prod",
        "bridge_correlation_id": "c-1",
        "bridge_rule_chain": "retrain-on-drift",
        "bridge_run_id": "r-1",
    }
    assert found.tags == expected
    assert published(service, sink)[-1]["data"]["ModelTags"] == expected


@pytest.mark.parametrize("outcome", ["failed", "canceled"])
def test_a_job_that_does_not_complete_registers_nothing(service: AmlService, outcome: str) -> None:
    service.seed("train", emulator={"registers_model": {"name": "churn"}})
    job = pipeline("r-1", tags={"emulator.outcome": outcome})
    service.client().jobs.create_or_update(job, skip_validation=True)
    service.advance(3)

    assert service.ask("/models") == []


def test_the_laptops_retraining_registers_a_model_for_production() -> None:
    with AmlService("--seed", "bridge/local/components.json") as service:
        job = pipeline("r-1", component="churn_retraining", as_of="2026-11-20")
        service.client().jobs.create_or_update(job, skip_validation=True)
        service.advance(3)

        (found,) = service.ask("/models")
        assert (found["name"], found["tags"]) == ("churn", {"stage": "prod", "bridge_run_id": "r-1"})


def test_a_reset_forgets_models(service: AmlService) -> None:
    service.tell("/models", name="churn")
    service.tell("/reset")

    assert service.ask("/models") == []
