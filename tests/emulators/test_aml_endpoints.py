"""Managed online endpoints and their deployments with the real SDK, whose pollers run in threads to their end."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.emulators.aml_service import SCOPE, SDK_WARNINGS, AmlService
from tests.emulators.receiver import Receiver

pytestmark = pytest.mark.filterwarnings(SDK_WARNINGS)
ENDPOINT = f"{SCOPE}/onlineEndpoints/churn-online"
QUERY = {"api-version": "2023-04-01-preview"}


@pytest.fixture(scope="module")
def sink() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def running(sink: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AmlService]:
    seed = tmp_path_factory.mktemp("aml") / "seed.json"
    seed.write_text(json.dumps({"endpoints": [{"name": "churn-online"}]}))
    with AmlService("--event-sink", sink.url, "--seed", str(seed)) as service:
        yield service


@pytest.fixture
def service(running: AmlService, sink: Receiver) -> AmlService:
    running.begin()
    sink.clear()
    running.tell("/models", name="churn", version="4")
    return running


@pytest.fixture
def client(service: AmlService, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With the SDK's own pollers: the app's adapter, if a test of this process has used it, has taken them out."""
    from azure.ai.ml._restclient.arm_ml_service.operations import _operations
    from azure.ai.ml._utils._azureml_polling import AzureMLPolling
    from azure.ai.ml.operations import _online_deployment_operations
    from azure.mgmt.core.polling.arm_polling import ARMPolling

    monkeypatch.setattr(_online_deployment_operations, "AzureMLPolling", AzureMLPolling)
    monkeypatch.setattr(_operations, "ARMPolling", ARMPolling)
    return service.client()


def deployment(name: str = "churn-4", **more: Any) -> Any:
    from azure.ai.ml.entities import ManagedOnlineDeployment

    wanted = {"endpoint_name": "churn-online", "model": "azureml:churn:4", "instance_type": "Standard_DS3_v2"}
    return ManagedOnlineDeployment(name=name, instance_count=2, **{**wanted, **more})


def deploy(service: AmlService, client: Any, name: str = "churn-4", **more: Any) -> Any:
    """A deployment that has succeeded."""
    poller = client.online_deployments.begin_create_or_update(deployment(name, **more))
    service.advance(3)
    return poller.result(10)


def put(service: AmlService, name: str = "churn-4", **properties: Any) -> Any:
    """What the SDK sends, without a poller."""
    wanted = {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2", **properties}
    body = {"location": "westeurope", "sku": {"name": "Default", "capacity": 1}, "properties": wanted}
    return service.http.put(f"{ENDPOINT}/deployments/{name}", json=body, params=QUERY)


def give_traffic(service: AmlService, client: Any, **traffic: int) -> Any:
    endpoint = client.online_endpoints.get("churn-online")
    endpoint.traffic = {name.replace("_", "-"): share for name, share in traffic.items()}
    poller = client.online_endpoints.begin_create_or_update(endpoint)
    service.advance(1)
    return poller.result(10)


def inside(service: AmlService, name: str = "churn-4") -> dict[str, Any]:
    """A deployment of the first endpoint, as the control surface shows it."""
    deployments: list[dict[str, Any]] = service.ask("/endpoints")[0]["deployments"]
    return next(each for each in deployments if each["name"] == name)


def test_a_seeded_endpoint_is_in_every_workspace(service: AmlService, client: Any) -> None:
    endpoint = client.online_endpoints.get("churn-online")

    assert (endpoint.provisioning_state, endpoint.auth_mode, endpoint.traffic) == ("Succeeded", "key", {})
    assert endpoint.scoring_uri == "https://churn-online.westeurope.inference.ml.azure.com/score"
    assert endpoint.openapi_uri.endswith("/swagger.json")
    assert [each.name for each in service.client("ws2").online_endpoints.list()] == ["churn-online"]


def test_a_deployment_takes_its_time_and_then_succeeds(service: AmlService, client: Any) -> None:
    poller = client.online_deployments.begin_create_or_update(deployment(tags={"rule": "r"}, environment="azureml:e:3"))
    begun = client.online_deployments.get("churn-4", "churn-online")
    service.advance(2.5)
    assert (begun.provisioning_state, inside(service)["provisioning_state"]) == ("Creating", "Creating")

    service.advance(0.5)
    done = poller.result(10)
    assert (done.provisioning_state, done.instance_count, done.tags) == ("Succeeded", 2, {"rule": "r"})
    assert done.model == f"{SCOPE}/models/churn/versions/4"
    assert done.environment == f"{SCOPE}/environments/e/versions/3"
    assert [each.name for each in client.online_deployments.list("churn-online")] == ["churn-4"]


def test_an_operation_is_told_by_the_documented_headers(service: AmlService) -> None:
    begun = put(service)
    place = begun.headers["Azure-AsyncOperation"]

    assert (begun.status_code, begun.json()["properties"]["provisioningState"]) == (201, "Creating")
    assert f"{SCOPE}/mfeOperationsStatus/od:" in place
    assert place.endswith("?api-version=2023-04-01-preview")
    assert begun.headers["retry-after-ms"] == "10"
    assert service.http.get(place).json()["status"] == "InProgress"
    service.advance(3)
    assert service.http.get(place).json()["status"] == "Succeeded"


def test_a_model_can_be_marked_so_that_its_deployments_fail(service: AmlService, client: Any) -> None:
    service.tell("/models", name="bad", version="1", tags={"emulator.deployment": "failed"})
    poller = client.online_deployments.begin_create_or_update(deployment(model="azureml:bad:1"))
    service.advance(3)
    with pytest.raises(HttpResponseError, match="User container has crashed") as failed:
        poller.result(10)

    error: Any = failed.value.error
    assert error.code == "ResourceNotReady"
    assert client.online_deployments.get("churn-4", "churn-online").provisioning_state == "Failed"
    logs = client.online_deployments.get_logs("churn-4", "churn-online", lines=10)
    assert logs.startswith("ResourceNotReady: User container has crashed")


def test_a_failed_deployment_can_be_put_again(service: AmlService, client: Any) -> None:
    put(service)
    service.tell("/deployments/churn-online/churn-4", provisioning_state="Failed", error="no capacity")

    assert deploy(service, client).provisioning_state == "Succeeded"
    assert (inside(service)["puts"], inside(service)["error"]) == (2, None)


def test_a_held_deployment_is_created_until_it_is_told(service: AmlService, client: Any) -> None:
    service.tell("/models", name="slow", version="1", tags={"emulator.deployment": "hold"})
    poller = client.online_deployments.begin_create_or_update(deployment(model="azureml:slow:1"))
    service.advance(1000)
    assert inside(service)["provisioning_state"] == "Creating"

    service.tell("/deployments/churn-online/churn-4", provisioning_state="Succeeded")
    assert poller.result(10).provisioning_state == "Succeeded"


def test_a_forced_failure_ends_the_operation_with_its_error(service: AmlService, client: Any) -> None:
    poller = client.online_deployments.begin_create_or_update(deployment())
    error = {"code": "OutOfCapacity", "message": "none left"}
    service.tell("/deployments/churn-online/churn-4", provisioning_state="Failed", error=error)
    with pytest.raises(HttpResponseError, match="none left"):
        poller.result(10)

    service.advance(3)
    assert inside(service)["provisioning_state"] == "Failed"
    assert inside(service)["error"] == error


def test_a_second_request_is_refused_while_the_first_is_under_way(service: AmlService, client: Any) -> None:
    put(service)
    with pytest.raises(ResourceExistsError, match="in progress") as refused:
        client.online_deployments.begin_create_or_update(deployment())
    assert refused.value.status_code == 409

    service.advance(3)
    assert put(service).json()["properties"]["provisioningState"] == "Updating"


def test_a_deployment_needs_its_model_and_its_endpoint(service: AmlService, client: Any) -> None:
    with pytest.raises(HttpResponseError, match="does not exist") as refused:
        client.online_deployments.begin_create_or_update(deployment(model="azureml:churn:5"))
    with pytest.raises(ResourceNotFoundError):
        client.online_deployments.begin_create_or_update(deployment(endpoint_name="nowhere"))

    assert refused.value.status_code == 400
    assert client.online_endpoints.get("churn-online").traffic == {}
    with pytest.raises(ResourceNotFoundError):
        client.online_deployments.get("churn-4", "churn-online")


@pytest.mark.parametrize(
    ("name", "properties"),
    [("a", {}), ("churn_4", {}), ("churn-4", {"instanceType": None}), ("churn-4", {"endpointComputeType": "K8S"})],
)
def test_a_malformed_deployment_is_refused(service: AmlService, name: str, properties: dict[str, Any]) -> None:
    assert put(service, name, **properties).status_code == 400


def test_traffic_moves_when_its_operation_has_ended(service: AmlService, client: Any) -> None:
    deploy(service, client)
    deploy(service, client, "churn-5")
    endpoint = client.online_endpoints.get("churn-online")
    endpoint.traffic = {"churn-4": 90, "churn-5": 10}
    poller = client.online_endpoints.begin_create_or_update(endpoint)
    moving = client.online_endpoints.get("churn-online")
    assert (moving.provisioning_state, moving.traffic) == ("Updating", {"churn-4": 0, "churn-5": 0})

    service.advance(1)
    assert poller.result(10).traffic == {"churn-4": 90, "churn-5": 10}
    assert inside(service, "churn-5")["traffic"] == 10


@pytest.mark.parametrize("traffic", [{"churn_4": 90}, {"churn_4": 101}, {"churn_4": 90, "unknown": 10}])
def test_traffic_that_does_not_add_up_is_refused(service: AmlService, client: Any, traffic: dict[str, int]) -> None:
    deploy(service, client)
    with pytest.raises(HttpResponseError, match="traffic") as refused:
        give_traffic(service, client, **traffic)

    assert refused.value.status_code == 400
    assert give_traffic(service, client, churn_4=100).traffic == {"churn-4": 100}


def test_an_endpoint_refuses_changes_while_it_is_changing(service: AmlService, client: Any) -> None:
    client.online_endpoints.get("churn-online")
    service.tell("/endpoints/churn-online", provisioning_state="Updating")
    with pytest.raises(ResourceExistsError):
        give_traffic(service, client)

    service.tell("/endpoints/churn-online", provisioning_state="Succeeded")
    assert give_traffic(service, client).provisioning_state == "Succeeded"


def test_a_deployment_is_deleted_once_it_has_no_traffic(service: AmlService, client: Any) -> None:
    deploy(service, client)
    give_traffic(service, client, churn_4=100)
    with pytest.raises(HttpResponseError, match="has traffic"):
        client.online_deployments.begin_delete("churn-4", "churn-online")

    give_traffic(service, client)
    poller = client.online_deployments.begin_delete("churn-4", "churn-online")
    service.advance(1)
    assert poller.result(10) is None
    assert list(client.online_deployments.list("churn-online")) == []


def test_an_endpoint_is_created_changed_and_deleted(service: AmlService, client: Any) -> None:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    poller = client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="other", auth_mode="aad_token"))
    assert put(service).status_code == 201
    service.advance(1)
    created = poller.result(10)
    assert (created.auth_mode, created.provisioning_state) == ("aad_token", "Succeeded")

    changed = service.http.patch(f"{SCOPE}/onlineEndpoints/other", json={"tags": {"team": "growth"}}, params=QUERY)
    assert changed.json()["tags"] == {"team": "growth"}
    assert service.http.patch(f"{SCOPE}/onlineEndpoints/other", json={"properties": {}}).status_code == 400
    poller = client.online_endpoints.begin_delete("other")
    service.advance(1)
    poller.result(10)
    assert [each.name for each in client.online_endpoints.list()] == ["churn-online"]


def test_a_successful_deployment_is_told(service: AmlService, client: Any, sink: Receiver) -> None:
    deploy(service, client, tags={"rule": "deploy-prod"})
    service.events_settled()
    (event,) = [event for events in sink.bodies() for event in events if event["eventType"].endswith(".ModelDeployed")]

    assert (event["topic"], event["subject"]) == (SCOPE, "endpoints/churn-online")
    assert event["data"] == {
        "ServiceName": "churn-online",
        "ServiceComputeType": "Managed",
        "ModelIds": "churn:4",
        "ServiceTags": {"rule": "deploy-prod"},
        "ServiceProperties": {},
    }


def test_the_service_may_not_tell_of_deployments(sink: Receiver) -> None:
    with AmlService("--event-sink", sink.url, "--no-model-deployed-events") as service:
        service.tell("/endpoints", name="churn-online")
        service.tell("/models", name="churn", version="4")
        deploy(service, service.client())

        assert service.events_settled()["published"] == 1


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_deployment_can_be_struck(service: AmlService, client: Any, after_commit: bool) -> None:
    match = {"operation": "put_deployment", "endpoint": "churn-online", "deployment": "churn-4"}
    fault = service.fault("status", match, status=500, after_commit=after_commit)
    with pytest.raises(HttpResponseError):
        client.online_deployments.begin_create_or_update(deployment())

    assert service.struck(fault) == 1
    assert bool(service.ask("/endpoints")[0]["deployments"]) == after_commit


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("get_deployment", lambda client: client.online_deployments.get("churn-4", "churn-online")),
        ("get_endpoint", lambda client: client.online_endpoints.get("churn-online")),
        ("put_endpoint", lambda client: client.online_endpoints.begin_create_or_update(endpoint_entity())),
        ("model", lambda client: client.models.get("churn", "4")),
    ],
)
def test_each_of_these_operations_can_be_struck(service: AmlService, client: Any, operation: str, call: Any) -> None:
    fault = service.fault("status", {"operation": operation}, status=503)
    with pytest.raises(HttpResponseError, match="told to answer so"):
        call(client)

    assert service.struck(fault) == 1


def endpoint_entity() -> Any:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    return ManagedOnlineEndpoint(name="churn-online", auth_mode="key")


def test_a_reset_forgets_deployments_and_keeps_seeded_endpoints(service: AmlService, client: Any) -> None:
    deploy(service, client)
    service.tell("/reset")

    assert client.online_endpoints.get("churn-online").traffic == {}
