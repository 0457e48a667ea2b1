"""The control plane's routes of registered models."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import WORKSPACE, put_answer, scope_of
from bridge.local.aml.state import AmlEmulator


def model_routes(emulator: AmlEmulator) -> list[Route]:
    """Versions and their containers."""

    async def containers(request: Request) -> Response:
        scope = scope_of(request)
        models = emulator.models
        return JSONResponse({"value": [models.container(scope, name) for name in models.names(scope)]})

    async def container(request: Request) -> Response:
        return JSONResponse(emulator.models.container(scope_of(request), request.path_params["name"]))

    async def versions(request: Request) -> Response:
        found = emulator.models.versions(scope_of(request), request.path_params["name"])
        if "desc" not in request.query_params.get("$orderBy", "desc").lower():
            found.reverse()
        top = int(request.query_params.get("$top") or len(found))
        return JSONResponse({"value": [model.resource() for model in found[:top]]})

    async def get(request: Request) -> Response:
        path = request.path_params
        return JSONResponse(emulator.models.get(scope_of(request), path["name"], path["version"]).resource())

    async def put(request: Request) -> Response:
        path, properties = request.path_params, (await request.json()).get("properties") or {}
        model, is_new = emulator.models.put(scope_of(request), path["name"], path["version"], properties)
        return put_answer(request, model.resource(), is_new=is_new)

    path = WORKSPACE + "/models"
    return [
        Route(path, containers, methods=["GET"]),
        Route(path + "/{name}", container, methods=["GET"]),
        Route(path + "/{name}/versions", versions, methods=["GET"]),
        Route(path + "/{name}/versions/{version}", get, methods=["GET"]),
        Route(path + "/{name}/versions/{version}", put, methods=["PUT"]),
    ]
