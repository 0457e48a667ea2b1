"""The function app as a resource: where it is, which identity it has, and its settings."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import REGION, not_found
from bridge.local.aml.state import AmlEmulator

_SITE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites/{site}"


def site_routes(emulator: AmlEmulator) -> list[Route]:
    """Apps from {"sites": [{id, host, identity, settings}]}, and the subscriptions in which they are."""

    def sites() -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = emulator.resources.get("sites", [])
        return found

    def site(request: Request) -> Mapping[str, Any]:
        wanted = _SITE.format(**request.path_params).lower()
        for each in sites():
            if each["id"].lower() == wanted:
                return each
        raise not_found(f"The Resource 'Microsoft.Web/sites/{request.path_params['site']}' was not found.")

    async def subscriptions(_: Request) -> Response:
        ids = sorted({each["id"].split("/")[2] for each in sites()})
        return JSONResponse({"value": [{"id": f"/subscriptions/{each}", "subscriptionId": each} for each in ids]})

    async def shown(request: Request) -> Response:
        found = site(request)
        return JSONResponse(
            {
                "id": found["id"],
                "name": found["id"].rpartition("/")[2],
                "type": "Microsoft.Web/sites",
                "kind": "functionapp,linux",
                "location": REGION,
                "identity": found["identity"],
                "properties": {"state": "Running", "defaultHostName": found["host"]},
            }
        )

    async def settings(request: Request) -> Response:
        return JSONResponse({"name": "appsettings", "properties": site(request)["settings"]})

    return [
        Route("/subscriptions", subscriptions, methods=["GET"]),
        Route(_SITE, shown, methods=["GET"]),
        Route(_SITE + "/config/appsettings/list", settings, methods=["POST"]),
    ]
