"""Azure ML's managed online endpoints: changed through azure-ai-ml, read by plain calls."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bridge.adapters.arm import segment, translated
from bridge.adapters.azureml_clients import AmlClients
from bridge.domain.deployments import Deployment, DeploymentRequest, DeploymentState, moved
from bridge.domain.errors import PermanentError, RetryableError

#: The versions that azure-ai-ml 1.35 uses.
ENDPOINTS_API = {"api-version": "2022-02-01-preview"}
DEPLOYMENTS_API = {"api-version": "2023-04-01-preview"}
#: provisioningState; everything else is WORKING.
_STATES = {
    "Succeeded": DeploymentState.READY,
    "Failed": DeploymentState.FAILED,
    "Canceled": DeploymentState.FAILED,
    "Deleting": DeploymentState.FAILED,
}
_MODEL = re.compile(r"/models/([^/]+)/versions/([^/]+)$", re.IGNORECASE)


class AmlDeployments:
    """Deployments over Azure ML; connects on first use."""

    def __init__(self, clients: AmlClients) -> None:
        self._clients = clients

    def get(self, workspace: str, endpoint: str, deployment: str) -> Deployment | None:
        parent = self._endpoint(workspace, endpoint)
        resource = self._resource(workspace, endpoint, deployment)
        return _deployment(resource, parent) if resource is not None else None

    def serving(self, workspace: str, endpoint: str) -> list[Deployment]:
        parent = self._endpoint(workspace, endpoint)
        names = [name for name, share in (parent["properties"].get("traffic") or {}).items() if share]
        found = [self._resource(workspace, endpoint, name) for name in names]
        return [_deployment(resource, parent) for resource in found if resource is not None]

    def begin(self, request: DeploymentRequest) -> None:
        from azure.ai.ml.entities import ManagedOnlineDeployment

        deployment = ManagedOnlineDeployment(
            name=request.name,
            endpoint_name=request.endpoint,
            model=self._clients.path(request.workspace)
            + f"/models/{segment(request.model_name)}/versions/{segment(request.model_version)}",
            environment=request.environment,
            instance_type=request.instance_type,
            instance_count=request.instance_count,
            tags=dict(request.tags),
        )
        try:
            with _changing(request.endpoint, f"deployment {request.name}"):
                self._clients.sdk(request.workspace).online_deployments.begin_create_or_update(deployment)
        except RetryableError as error:
            # What is being made already needs no second beginning.
            if _status(error) != 409 or not self._resource(request.workspace, request.endpoint, request.name):
                raise

    def move_traffic(self, workspace: str, endpoint: str, deployment: str, percent: int) -> None:
        with _changing(endpoint, f"traffic of {endpoint}"):
            endpoints = self._clients.sdk(workspace).online_endpoints
            found: Any = endpoints.get(endpoint)
            before = {name: share for name, share in found.traffic.items() if share}
            found.traffic = moved(before, deployment, percent)
            if found.traffic != before:
                endpoints.begin_create_or_update(found)

    def _endpoint(self, workspace: str, endpoint: str) -> Any:
        resource = self._clients.arm.get(self._url(workspace, endpoint), ENDPOINTS_API)
        if resource is None:
            raise PermanentError(f"there is no endpoint {endpoint} in {workspace}", code="UNKNOWN_ENDPOINT")
        return resource

    def _resource(self, workspace: str, endpoint: str, deployment: str) -> Any | None:
        url = f"{self._url(workspace, endpoint)}/deployments/{segment(deployment)}"
        return self._clients.arm.get(url, DEPLOYMENTS_API)

    def _url(self, workspace: str, endpoint: str) -> str:
        return f"{self._clients.url(workspace)}/onlineEndpoints/{segment(endpoint)}"


def _deployment(resource: Mapping[str, Any], endpoint: Mapping[str, Any]) -> Deployment:
    name, properties = resource["name"], resource["properties"]
    state = _state(properties)
    model = _MODEL.search(properties.get("model") or "")
    logs = f"az ml online-deployment get-logs --endpoint-name {endpoint['name']} --name {name}"
    return Deployment(
        name=name,
        state=state,
        model=f"{model[1]}:{model[2]}" if model else None,
        traffic=int((endpoint["properties"].get("traffic") or {}).get(name) or 0),
        tags={key: value for key, value in (resource.get("tags") or {}).items() if value is not None},
        endpoint_state=_state(endpoint["properties"]),
        # Azure ML keeps the reason in the logs only.
        error_message=f"Azure ML says {properties['provisioningState']}; {logs} says why"
        if state is DeploymentState.FAILED
        else None,
    )


def _state(properties: Mapping[str, Any]) -> DeploymentState:
    return _STATES.get(properties.get("provisioningState") or "", DeploymentState.WORKING)


@contextmanager
def _changing(endpoint: str, what: str) -> Iterator[None]:
    """Errors of the SDK, which looks for the endpoint before it changes anything."""
    from azure.ai.ml.exceptions import MlException

    try:
        with translated(f"Azure ML, {what}"):
            yield
    except RetryableError as error:
        if isinstance(error.__cause__, MlException):
            raise PermanentError(f"{what} cannot be built: {error.__cause__}", code="INVALID_DEPLOYMENT") from error
        raise
    except PermanentError as error:
        if _status(error) == 404 and _asked_with(error) == "GET":
            raise PermanentError(f"there is no endpoint {endpoint}: {error}", code="UNKNOWN_ENDPOINT") from error
        raise


def _status(error: Exception) -> int:
    return getattr(error.__cause__, "status_code", None) or 0


def _asked_with(error: Exception) -> str:
    request = getattr(getattr(error.__cause__, "response", None), "request", None)
    return str(getattr(request, "method", ""))
