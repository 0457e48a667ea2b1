"""Permissions, role assignments and role definitions at a scope."""

import base64
import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import ArmError, not_found
from bridge.local.aml.authorization import Assignment, Role
from bridge.local.aml.state import AmlEmulator

_PROVIDER = "/{scope:path}/providers/Microsoft.Authorization"
_ASSIGNED_TO = re.compile(r"assignedTo\('([^']*)'\)", re.IGNORECASE)
_ROLE_NAME = re.compile(r"^\s*roleName eq '([^']*)'\s*$", re.IGNORECASE)
_SUBSCRIPTION = re.compile(r"/?subscriptions/([^/]+)", re.IGNORECASE)


def authorization_routes(emulator: AmlEmulator) -> list[Route]:
    """What clients ask to find out what they, or others, may do."""

    async def permissions(request: Request) -> Response:
        found = emulator.authorization.assignments(_scope(request), _object_id(request))
        return JSONResponse({"value": [role.permissions for _, role in found]})

    async def assignments(request: Request) -> Response:
        given = _ASSIGNED_TO.search(request.query_params.get("$filter", ""))
        found = emulator.authorization.assignments(_scope(request), given[1] if given else None)
        subscription = _subscription(request)
        return JSONResponse({"value": [_assignment(each, role, subscription) for each, role in found]})

    async def definitions(request: Request) -> Response:
        wanted = _ROLE_NAME.match(request.query_params.get("$filter", ""))
        found = [role for role in emulator.authorization.roles() if wanted is None or role.name == wanted[1]]
        return JSONResponse({"value": [role.resource(_subscription(request)) for role in found]})

    async def definition(request: Request) -> Response:
        for role in emulator.authorization.roles():
            if role.guid == request.path_params["guid"]:
                return JSONResponse(role.resource(_subscription(request)))
        raise not_found(f"The specified role definition with ID '{request.path_params['guid']}' does not exist.")

    return [
        Route(f"{_PROVIDER}/permissions", permissions, methods=["GET"]),
        Route(f"{_PROVIDER}/roleAssignments", assignments, methods=["GET"]),
        Route(f"{_PROVIDER}/roleDefinitions", definitions, methods=["GET"]),
        Route(f"{_PROVIDER}/roleDefinitions/{{guid}}", definition, methods=["GET"]),
    ]


def _scope(request: Request) -> str:
    return f"/{request.path_params['scope']}"


def _subscription(request: Request) -> str:
    found = _SUBSCRIPTION.match(_scope(request))
    if found is None:
        raise ArmError(400, "InvalidScope", f"{_scope(request)} is in no subscription.")
    return found[1]


def _object_id(request: Request) -> str:
    """Of who asks, by the token, which nobody checks here."""
    try:
        payload = request.headers["authorization"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims.get("oid") or "")
    except (IndexError, KeyError, ValueError):
        return ""


def _assignment(assignment: Assignment, role: Role, subscription: str) -> dict[str, Any]:
    name = f"{role.guid[:8]}{assignment.principal[8:]}"
    return {
        "id": f"{assignment.scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": role.resource(subscription)["id"],
            "principalId": assignment.principal,
            "principalType": "ServicePrincipal",
            "scope": assignment.scope,
        },
    }
