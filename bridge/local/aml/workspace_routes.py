"""The workspace itself, its computes, and the discovery of its services."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml import run_history
from bridge.local.aml.arm import REGION, WORKSPACE, ArmError, origin_of, part, scope_of
from bridge.local.aml.state import Options

_TYPE = "Microsoft.MachineLearningServices/workspaces"


def workspace_routes(options: Options) -> list[Route]:
    """What clients ask before they do anything else; without a scope of its own, every workspace exists."""

    def is_there(scope: str) -> bool:
        return options.workspace_scope is None or options.workspace_scope.lower() == scope.lower()

    async def workspace(request: Request) -> Response:
        scope = scope_of(request)
        if not is_there(scope):
            name = part(scope, "workspaces")
            raise ArmError(404, "ResourceNotFound", f"The Resource '{_TYPE}/{name}' was not found.")
        return JSONResponse(_workspace(scope, origin_of(request)))

    async def workspaces(request: Request) -> Response:
        known = options.workspace_scope
        own = known if known and known.lower().startswith(f"{request.url.path.lower()}/") else None
        return JSONResponse({"value": [_workspace(own, origin_of(request))] if own else []})

    async def compute(request: Request) -> Response:
        scope, name = scope_of(request), request.path_params["name"]
        scale = {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"}
        size = {"vmSize": "STANDARD_DS3_V2", "vmPriority": "Dedicated", "scaleSettings": scale}
        return JSONResponse(
            {
                "id": f"{scope}/computes/{name}",
                "name": name,
                "type": "Microsoft.MachineLearningServices/workspaces/computes",
                "location": REGION,
                "tags": {},
                "properties": {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": size},
            }
        )

    async def discovery(request: Request) -> Response:
        services = ("api", "experimentation", "history", "catalog", "modelmanagement", "pipelines")
        found = dict.fromkeys(services, origin_of(request))
        return JSONResponse({**found, "studio": "https://ml.azure.com"})

    return [
        Route(WORKSPACE, workspace, methods=["GET"]),
        Route(WORKSPACE.rpartition("/")[0], workspaces, methods=["GET"]),
        Route(WORKSPACE + "/computes/{name}", compute, methods=["GET"]),
        Route("/discovery", discovery, methods=["GET"]),
    ]


def _workspace(scope: str, origin: str) -> dict[str, Any]:
    name, group = part(scope, "workspaces"), scope.split("/providers/", maxsplit=1)[0]
    properties = {
        "friendlyName": name,
        "workspaceId": run_history.workspace_id(scope),
        "discoveryUrl": f"{origin}/discovery",
        "mlFlowTrackingUri": f"azureml://{REGION}.api.azureml.ms/mlflow/v1.0{scope}",
        "storageAccount": f"{group}/providers/Microsoft.Storage/storageAccounts/emulator",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
    }
    return {
        "id": scope,
        "name": name,
        "type": _TYPE,
        "location": REGION,
        "tags": {},
        "identity": {"type": "SystemAssigned"},
        "kind": "Default",
        "properties": properties,
    }
