"""What every answer of the control plane has in common: scope, links, errors."""

import re
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.local.aml.clock import service_time

#: The path of a workspace, as a route.
WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
_SCOPE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+",
    re.IGNORECASE,
)
REGION = "westeurope"


class ArmError(Exception):
    """A refusal, answered as the control plane writes errors."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: float | None = None,
        inner: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.inner = inner

    def response(self) -> Response:
        more = [{"type": "ComponentName", "info": {"value": "managementfrontend"}}]
        if self.inner:
            more.append({"type": "InnerError", "info": {"value": self.inner}})
        error = {"code": self.code, "message": self.message, "details": [], "additionalInfo": more}
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        return JSONResponse({"error": error}, status_code=self.status, headers=headers)


def user_error(message: str, inner: dict[str, Any] | None = None) -> ArmError:
    return ArmError(400, "UserError", message, inner=inner)


def conflict(message: str) -> ArmError:
    return ArmError(409, "Conflict", message)


def not_found(message: str) -> ArmError:
    return ArmError(404, "UserError", message)


def scope_in(path: str) -> str | None:
    """The workspace's resource id in a path, without what comes before it (run history has a prefix) and after it."""
    found = _SCOPE.search(path)
    return found.group() if found else None


def scope_of(request: Request) -> str:
    scope = scope_in(request.url.path)
    if scope is None:
        raise not_found(f"no workspace in {request.url.path}")
    return scope


def origin_of(request: Request) -> str:
    """The origin that the client believes it talks to, which is what links must begin with."""
    return request.headers.get("x-emulated-origin") or f"{request.url.scheme}://{request.url.netloc}"


def put_answer(request: Request, resource: dict[str, Any], *, is_new: bool) -> Response:
    location = f"{origin_of(request)}{request.url.path}?{request.url.query}"
    return JSONResponse(resource, status_code=201 if is_new else 200, headers={"Location": location} if is_new else {})


def system_data(created_at: datetime) -> dict[str, Any]:
    """Who made a resource and when."""
    fields = {"At": service_time(created_at), "By": "emulator", "ByType": "Application"}
    return {f"{event}{field}": value for event in ("created", "lastModified") for field, value in fields.items()}


def part(scope: str, name: str) -> str:
    """One named part of a workspace's resource id, for example part(scope, "workspaces")."""
    pieces = scope.split("/")
    lowered = [piece.lower() for piece in pieces]
    return pieces[lowered.index(name.lower()) + 1]
