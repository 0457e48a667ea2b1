"""How long-running operations are answered, and where they are polled."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import WORKSPACE, origin_of, scope_of
from bridge.local.aml.operations import Operation
from bridge.local.aml.state import AmlEmulator


def begun(request: Request, operation: Operation, poll_seconds: float, resource: Any, status: int) -> Response:
    """The answer to a request whose work goes on: where to ask for it, and how soon."""
    query = f"api-version={request.query_params.get('api-version', '')}"
    place = origin_of(request) + scope_of(request)
    headers = {
        "Azure-AsyncOperation": f"{place}/mfeOperationsStatus/{operation.id}?{query}",
        "x-ms-async-operation-timeout": "PT2H",
        **_retry_after(poll_seconds),
    }
    if resource is not None:
        return JSONResponse(resource, status_code=status, headers=headers)
    headers["Location"] = f"{place}/mfeOperationResults/{operation.id}?{query}"
    return Response(status_code=status, headers=headers)


def operation_routes(emulator: AmlEmulator) -> list[Route]:
    """Status and result of an operation."""
    headers = _retry_after(emulator.options.poll_seconds)

    async def status(request: Request) -> Response:
        operation = emulator.operations.get(request.path_params["operation"])
        return JSONResponse(operation.resource(), headers={} if operation.is_over else headers)

    async def result(request: Request) -> Response:
        name = request.path_params["operation"]
        if name.startswith("jc:"):
            return Response(status_code=200)  # the cancelling of a job, whose progress its status shows
        return Response(
            status_code=204 if emulator.operations.get(name).is_over else 202,
            headers={**headers, "Location": f"{origin_of(request)}{request.url.path}?{request.url.query}"},
        )

    return [
        Route(WORKSPACE + "/mfeOperationsStatus/{operation}", status, methods=["GET"]),
        Route(WORKSPACE + "/mfeOperationResults/{operation}", result, methods=["GET"]),
    ]


def _retry_after(seconds: float) -> dict[str, str]:
    """The service tells whole seconds; parts of one, which only tests want, go by the other header of azure-core."""
    if seconds.is_integer():
        return {"Retry-After": f"{seconds:.0f}"}
    return {"retry-after-ms": f"{seconds * 1000:g}"}
