"""The control plane's routes of registered components."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import WORKSPACE, put_answer, scope_of, user_error
from bridge.local.aml.components import Component
from bridge.local.aml.state import AmlEmulator


def component_routes(emulator: AmlEmulator) -> list[Route]:
    """Versions of components."""

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
        return put_answer(request, component.resource(scope_of(request)), is_new=is_new)

    path = WORKSPACE + "/components/{name}/versions"
    return [
        Route(path, versions, methods=["GET"]),
        Route(path + "/{version}", get, methods=["GET"]),
        Route(path + "/{version}", put, methods=["PUT"]),
    ]
