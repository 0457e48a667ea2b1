"""The control plane's routes of managed online endpoints and their deployments."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import WORKSPACE, scope_of
from bridge.local.aml.operation_routes import begun
from bridge.local.aml.state import AmlEmulator

_ENDPOINTS = WORKSPACE + "/onlineEndpoints"
_DEPLOYMENTS = _ENDPOINTS + "/{endpoint}/deployments"


def endpoint_routes(emulator: AmlEmulator) -> list[Route]:
    """Endpoints and deployments."""
    return [*_endpoint_routes(emulator), *_deployment_routes(emulator)]


def _endpoint_routes(emulator: AmlEmulator) -> list[Route]:
    poll_seconds = emulator.options.poll_seconds

    async def listed(request: Request) -> Response:
        return JSONResponse({"value": [each.resource() for each in emulator.online.of(scope_of(request)).values()]})

    async def get(request: Request) -> Response:
        return JSONResponse(emulator.online.get(scope_of(request), request.path_params["endpoint"]).resource())

    async def put(request: Request) -> Response:
        name, body = request.path_params["endpoint"], await request.json()
        endpoint, operation, is_new = emulator.online.put(scope_of(request), name, body)
        return begun(request, operation, poll_seconds, endpoint.resource(), 201 if is_new else 200)

    async def patch(request: Request) -> Response:
        name, body = request.path_params["endpoint"], await request.json()
        return JSONResponse(emulator.online.patch(scope_of(request), name, body).resource())

    async def delete(request: Request) -> Response:
        operation = emulator.online.delete(scope_of(request), request.path_params["endpoint"])
        return begun(request, operation, poll_seconds, None, 202)

    one = _ENDPOINTS + "/{endpoint}"
    return [
        Route(_ENDPOINTS, listed, methods=["GET"]),
        Route(one, get, methods=["GET"]),
        Route(one, put, methods=["PUT"]),
        Route(one, patch, methods=["PATCH"]),
        Route(one, delete, methods=["DELETE"]),
    ]


def _deployment_routes(emulator: AmlEmulator) -> list[Route]:
    poll_seconds = emulator.options.poll_seconds

    async def listed(request: Request) -> Response:
        endpoint = emulator.online.get(scope_of(request), request.path_params["endpoint"])
        return JSONResponse({"value": [each.resource() for each in endpoint.deployments.values()]})

    async def get(request: Request) -> Response:
        path = request.path_params
        return JSONResponse(emulator.online.deployment(scope_of(request), path["endpoint"], path["name"]).resource())

    async def put(request: Request) -> Response:
        path, body = request.path_params, await request.json()
        deployment, operation, is_new = emulator.online.put_deployment(
            scope_of(request), path["endpoint"], path["name"], body
        )
        return begun(request, operation, poll_seconds, deployment.resource(), 201 if is_new else 200)

    async def delete(request: Request) -> Response:
        path = request.path_params
        operation = emulator.online.delete_deployment(scope_of(request), path["endpoint"], path["name"])
        return begun(request, operation, poll_seconds, None, 202)

    async def logs(request: Request) -> Response:
        path = request.path_params
        deployment = emulator.online.deployment(scope_of(request), path["endpoint"], path["name"])
        return JSONResponse({"content": deployment.logs()})

    one = _DEPLOYMENTS + "/{name}"
    return [
        Route(_DEPLOYMENTS, listed, methods=["GET"]),
        Route(one, get, methods=["GET"]),
        Route(one, put, methods=["PUT"]),
        Route(one, delete, methods=["DELETE"]),
        Route(one + "/getLogs", logs, methods=["POST"]),
    ]
