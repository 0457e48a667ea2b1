"""The whole service as one app: its routes, how it refuses, and what it says of everything else."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.local.aml.arm import ArmError
from bridge.local.aml.authorization_routes import authorization_routes
from bridge.local.aml.component_routes import component_routes
from bridge.local.aml.endpoint_routes import endpoint_routes
from bridge.local.aml.factory_routes import factory_routes
from bridge.local.aml.front import Front
from bridge.local.aml.job_routes import job_routes
from bridge.local.aml.model_routes import model_routes
from bridge.local.aml.operation_routes import operation_routes
from bridge.local.aml.service_bus_routes import service_bus_routes
from bridge.local.aml.site_routes import site_routes
from bridge.local.aml.state import AmlEmulator
from bridge.local.aml.system_topics import system_topic_routes
from bridge.local.aml.workspace_routes import workspace_routes

_METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]


def arm_app(emulator: AmlEmulator) -> ASGIApp:
    """What clients see."""
    routes = [
        *workspace_routes(emulator.options),
        *component_routes(emulator),
        *model_routes(emulator),
        *job_routes(emulator),
        *endpoint_routes(emulator),
        *operation_routes(emulator),
        *factory_routes(emulator),
        *service_bus_routes(emulator.options),
        *authorization_routes(emulator),
        *system_topic_routes(emulator),
        *site_routes(emulator),
        Route("/{path:path}", _not_emulated, methods=_METHODS),
    ]
    return Front(Starlette(routes=routes, exception_handlers={ArmError: _refused}), emulator)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, ArmError):
        raise error
    return error.response()


async def _not_emulated(request: Request) -> Response:
    raise ArmError(501, "NotEmulated", f"not emulated: {request.method} {request.url.path}")
