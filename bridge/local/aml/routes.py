"""The control plane's and run history's routes, each as thin as it can be."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.local.aml import run_history
from bridge.local.aml.arm import REGION, WORKSPACE, ArmError, origin_of, part, scope_of, user_error
from bridge.local.aml.components import Component
from bridge.local.aml.front import Front
from bridge.local.aml.jobs import Job, has_tag
from bridge.local.aml.lifecycle import NOT_CANCELLABLE
from bridge.local.aml.state import AmlEmulator

Endpoint = Callable[[Request], Awaitable[Response]]
_METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]
_HISTORY = "/history/v1.0" + WORKSPACE + "/runs/{run}"


def arm_app(emulator: AmlEmulator) -> ASGIApp:
    """The whole service as one app."""
    routes = [
        *_workspace_routes(),
        *_component_routes(emulator),
        *_job_routes(emulator),
        *_history_routes(emulator),
        Route("/{path:path}", _not_emulated, methods=_METHODS),
    ]
    return Front(Starlette(routes=routes, exception_handlers={ArmError: _refused}), emulator)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, ArmError):
        raise error
    return error.response()


async def _not_emulated(request: Request) -> Response:
    raise ArmError(501, "NotEmulated", f"not emulated: {request.method} {request.url.path}")


def _workspace_routes() -> list[Route]:
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


def _component_routes(emulator: AmlEmulator) -> list[Route]:
    async def versions(request: Request) -> Response:
        found = emulator.components.versions(request.path_params["name"])
        if "desc" not in request.query_params.get("$orderBy", "desc").lower():
            found.reverse()
        top = int(request.query_params.get("$top") or len(found))
        return JSONResponse({"value": [component.resource(scope_of(request)) for component in found[:top]]})

    async def get(request: Request) -> Response:
        component = emulator.components.get(request.path_params["name"], request.path_params["version"])
        return JSONResponse(component.resource(scope_of(request)))

    async def put(request: Request) -> Response:
        properties = (await request.json()).get("properties") or {}
        spec = properties.get("componentSpec")
        if not isinstance(spec, dict):
            raise user_error("properties.componentSpec is required")
        name, version = request.path_params["name"], request.path_params["version"]
        component = Component(name, version, spec, emulator.clock.utc(), tags=properties.get("tags") or {})
        is_new = emulator.components.put(component)
        return _put_answer(request, component.resource(scope_of(request)), is_new)

    path = WORKSPACE + "/components/{name}/versions"
    return [
        Route(path, versions, methods=["GET"]),
        Route(path + "/{version}", get, methods=["GET"]),
        Route(path + "/{version}", put, methods=["PUT"]),
    ]


def _put_answer(request: Request, resource: dict[str, Any], is_new: bool) -> Response:
    location = f"{origin_of(request)}{request.url.path}?{request.url.query}"
    return JSONResponse(resource, status_code=201 if is_new else 200, headers={"Location": location} if is_new else {})


def _job_routes(emulator: AmlEmulator) -> list[Route]:
    async def put(request: Request) -> Response:
        if not request.headers.get("x-azureml-token"):
            raise user_error("The header x-azureml-token, a token for https://ml.azure.com, is required.")
        job, is_new = emulator.put_job(scope_of(request), request.path_params["name"], await request.json())
        return _put_answer(request, job.resource(), is_new)

    async def get(request: Request) -> Response:
        return JSONResponse(emulator.get_job(scope_of(request), request.path_params["name"]).resource())

    async def listed(request: Request) -> Response:
        page, token = _page(emulator, request)
        answer: dict[str, Any] = {"value": [job.resource() for job in page]}
        if token is not None:
            query = urlencode([*_query_without(request, "$skip"), ("$skip", token)], safe="$")
            answer["nextLink"] = f"{origin_of(request)}{request.url.path}?{query}"
        return JSONResponse(answer)

    async def cancel(request: Request) -> Response:
        job = emulator.get_job(scope_of(request), request.path_params["name"])
        if job.life.status in NOT_CANCELLABLE:
            raise user_error(f"Cannot cancel job {job.name}, as it is in status {job.life.status}.")
        emulator.cancel_job(job)
        operation = f"jc:{run_history.workspace_id(job.scope)}:{job.name}"
        version = request.query_params.get("api-version", "")
        location = f"{origin_of(request)}{job.scope}/mfeOperationResults/{operation}?api-version={version}"
        return Response(status_code=202, headers={"Location": location, "Retry-After": "1"})

    async def operation(_: Request) -> Response:
        return Response(status_code=200)

    return [
        Route(WORKSPACE + "/jobs", listed, methods=["GET"]),
        Route(WORKSPACE + "/jobs/{name}", put, methods=["PUT"]),
        Route(WORKSPACE + "/jobs/{name}", get, methods=["GET"]),
        Route(WORKSPACE + "/jobs/{name}/cancel", cancel, methods=["POST"]),
        Route(WORKSPACE + "/mfeOperationResults/{operation}", operation, methods=["GET"]),
    ]


def _page(emulator: AmlEmulator, request: Request) -> tuple[list[Job], str | None]:
    """One page of the matching jobs, newest first, and the token of the next page."""
    query = request.query_params
    view, tag, kind = query.get("listViewType", "ActiveOnly"), query.get("tag"), query.get("jobType")
    jobs = emulator.jobs(scope_of(request))
    if view != "All":
        jobs = [job for job in jobs if bool(job.properties.get("isArchived")) == (view == "ArchivedOnly")]
    if tag:
        jobs = [job for job in jobs if has_tag(job, tag)]
    if kind:
        jobs = [job for job in jobs if job.properties["jobType"] == kind]
    token = query.get("$skip")
    if token:
        if not token.isdecimal():
            raise user_error("$skip is not a continuation token of this list")
        jobs = [job for job in jobs if job.number < int(token)]
    size = emulator.options.page_size
    page = jobs[:size]
    return page, str(page[-1].number) if len(jobs) > size else None


def _query_without(request: Request, name: str) -> list[tuple[str, str]]:
    return [(key, value) for key, value in request.query_params.multi_items() if key != name]


def _history_routes(emulator: AmlEmulator) -> list[Route]:
    def answering(document: Callable[[Job, Component | None], dict[str, Any]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            job = emulator.get_job(scope_of(request), request.path_params["run"])
            return JSONResponse(document(job, emulator.component_of(job)))

        return endpoint

    return [
        Route(_HISTORY, answering(run_history.run_document), methods=["GET"]),
        Route(_HISTORY + "/details", answering(run_history.details_document), methods=["GET"]),
        Route(_HISTORY + "/children", answering(lambda *_: {"value": []}), methods=["GET"]),
    ]
