"""Data Factory's routes, which share their host with the control plane of Azure ML."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import ArmError
from bridge.local.aml.state import AmlEmulator

_FACTORY = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"
_API_VERSION = "2018-06-01"
_NOT_EMULATED = ("referencePipelineRunId", "isRecovery", "startActivityName", "startFromFailure")


def factory_routes(emulator: AmlEmulator) -> list[Route]:
    """Start a pipeline, find its runs, read one."""

    async def create_run(request: Request) -> Response:
        factory = _factory(request)
        for name in _NOT_EMULATED:
            if name in request.query_params:
                raise ArmError(501, "NotEmulated", f"not emulated: {name}")
        parameters = await request.json() if await request.body() else {}
        if not isinstance(parameters, dict):
            raise ArmError(400, "BadRequest", "The parameters must be an object.")
        run = emulator.factories.start(factory, request.path_params["pipeline"], parameters)
        return JSONResponse({"runId": run.id})

    async def query(request: Request) -> Response:
        found = emulator.factories.query(_factory(request), await request.json())
        return JSONResponse({"value": [run.resource() for run in found]})

    async def get(request: Request) -> Response:
        return JSONResponse(emulator.factories.get(_factory(request), request.path_params["run"]).resource())

    return [
        Route(_FACTORY + "/pipelines/{pipeline}/createRun", create_run, methods=["POST"]),
        Route(_FACTORY + "/queryPipelineRuns", query, methods=["POST"]),
        Route(_FACTORY + "/pipelineruns/{run}", get, methods=["GET"]),
    ]


def _factory(request: Request) -> str:
    """The factory's resource id."""
    version = request.query_params.get("api-version")
    if version != _API_VERSION:
        raise ArmError(400, "NoRegisteredProviderFound", f"The api-version {version} is not supported: {_API_VERSION}.")
    return _FACTORY.format(**request.path_params)
