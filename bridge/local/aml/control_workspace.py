"""Control of what a workspace has besides jobs: models, endpoints, deployments, and events on demand."""

from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml import events
from bridge.local.aml.arm import ArmError
from bridge.local.aml.endpoints import Deployment, Endpoint
from bridge.local.aml.models import Model
from bridge.local.aml.state import AmlEmulator


def workspace_routes(emulator: AmlEmulator) -> list[Route]:
    """Register models, force deployments, publish events, look inside."""
    return [*_model_routes(emulator), *_endpoint_routes(emulator), *_event_routes(emulator)]


def _workspace(emulator: AmlEmulator, body: dict[str, Any]) -> str:
    scope = body.get("workspace") or emulator.workspace
    if not scope:
        raise HTTPException(409, 'say "workspace", start with --workspace-scope, or let a client ask first')
    return str(scope)


def _model_routes(emulator: AmlEmulator) -> list[Route]:
    async def listed(_: Request) -> Response:
        emulator.settle()
        return JSONResponse([_model(model) for model in emulator.models.all()])

    async def register(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        more = {name: dict(body.get(name) or {}) for name in ("tags", "properties")}
        version = str(body["version"]) if body.get("version") else None
        try:
            model = emulator.models.register(_workspace(emulator, body), str(body["name"]), version, **more)
        except ArmError as error:
            return error.response()
        return JSONResponse(_model(model), status_code=201)

    return [Route("/models", listed, methods=["GET"]), Route("/models", register, methods=["POST"])]


def _endpoint_routes(emulator: AmlEmulator) -> list[Route]:
    async def listed(_: Request) -> Response:
        emulator.settle()
        return JSONResponse([_endpoint(endpoint) for endpoint in emulator.online.all()])

    async def add(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        endpoint = emulator.online.add(_workspace(emulator, body), str(body["name"]))
        return JSONResponse(_endpoint(endpoint), status_code=201)

    async def force_endpoint(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        found = emulator.online.of(_workspace(emulator, body)).get(request.path_params["endpoint"])
        if found is None:
            return Response(status_code=404)
        found.life.enter(str(body["provisioning_state"]), _error(body))
        return JSONResponse(_endpoint(found))

    async def force_deployment(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        endpoint = emulator.online.of(_workspace(emulator, body)).get(request.path_params["endpoint"])
        found = endpoint.deployments.get(request.path_params["name"]) if endpoint else None
        if found is None:
            return Response(status_code=404)
        emulator.online.enter(found, str(body["provisioning_state"]), _error(body))
        return JSONResponse(_deployment(found))

    return [
        Route("/endpoints", listed, methods=["GET"]),
        Route("/endpoints", add, methods=["POST"]),
        Route("/endpoints/{endpoint}", force_endpoint, methods=["POST"]),
        Route("/deployments/{endpoint}/{name}", force_deployment, methods=["POST"]),
    ]


def _event_routes(emulator: AmlEmulator) -> list[Route]:
    async def publish(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        at = datetime.fromisoformat(body["event_time"]) if body.get("event_time") else emulator.clock.utc()
        scope, data = _workspace(emulator, body), dict(body.get("data") or {})
        event = events.event(scope, str(body["type"]), data, at, body.get("subject"))
        return _published(event | ({"id": str(body["id"])} if body.get("id") else {}))

    async def breach(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        scope = _workspace(emulator, body)
        return _published(events.monitor_breach(scope, str(body["monitor"]), body, emulator.clock.utc()))

    def _published(event: dict[str, Any]) -> Response:
        emulator.publisher.publish([event])
        return JSONResponse(event, status_code=201)

    return [Route("/events", publish, methods=["POST"]), Route("/monitor-breach", breach, methods=["POST"])]


def _error(body: dict[str, Any]) -> dict[str, Any] | None:
    """The error of a forced failure: an object, or only its message."""
    error = body.get("error")
    return {"code": "UserError", "message": error} if isinstance(error, str) else error


def _model(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "tags": model.tags,
        "properties": model.properties,
        "job": model.job,
        "workspace": model.scope,
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "workspace": endpoint.scope,
        "provisioning_state": endpoint.life.state,
        "traffic": endpoint.traffic,
        "tags": endpoint.tags,
        "deployments": [_deployment(deployment) for deployment in endpoint.deployments.values()],
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return {
        "name": deployment.name,
        "provisioning_state": deployment.life.state,
        "error": deployment.life.error,
        "model": deployment.model.reference if deployment.model else None,
        "traffic": deployment.endpoint.traffic.get(deployment.name, 0),
        "tags": deployment.tags,
        "puts": deployment.puts,
        "instance_type": deployment.properties.get("instanceType"),
        "instance_count": deployment.sku.get("capacity"),
        "environment": deployment.properties.get("environmentId"),
    }
