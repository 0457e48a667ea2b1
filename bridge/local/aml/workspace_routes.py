"""The workspace itself, its computes, and the discovery of its services."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml import run_history
from bridge.local.aml.arm import REGION, WORKSPACE, origin_of, part, scope_of


def workspace_routes() -> list[Route]:
    """What clients ask before they do anything else."""

    async def workspace(request: Request) -> Response:
        scope = scope_of(request)
        name, group = part(scope, "workspaces"), scope.split("/providers/")[0]
        properties = {
            "friendlyName": name,
            "workspaceId": run_history.workspace_id(scope),
            "discoveryUrl": f"{origin_of(request)}/discovery",
            "mlFlowTrackingUri": f"azureml://{REGION}.api.azureml.ms/mlflow/v1.0{scope}",
            "storageAccount": f"{group}/providers/Microsoft.Storage/storageAccounts/emulator",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
        }
        return JSONResponse(
            {
                "id": scope,
                "name": name,
                "type": "Microsoft.MachineLearningServices/workspaces",
                "location": REGION,
                "tags": {},
                "identity": {"type": "SystemAssigned"},
                "kind": "Default",
                "properties": properties,
            }
        )

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
        Route(WORKSPACE + "/computes/{name}", compute, methods=["GET"]),
        Route("/discovery", discovery, methods=["GET"]),
    ]
