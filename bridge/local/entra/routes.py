"""The emulator's routes: metadata, keys and tokens as in Entra, and what only the control surface can do."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.entra.exchange import TokenError, exchange
from bridge.local.entra.tenant import EntraEmulator

LOGIN = "https://login.microsoftonline.com"


def entra_app(emulator: EntraEmulator) -> Starlette:
    """What the app and the procedures see."""

    async def metadata(request: Request) -> Response:
        tenant, is_v2 = request.path_params["tenant"], "/v2.0/" in request.url.path
        return _struck(emulator, "metadata") or _for(emulator, tenant) or JSONResponse(_metadata(tenant, is_v2=is_v2))

    async def keys(request: Request) -> Response:
        known = {"keys": emulator.published_keys()}
        return _struck(emulator, "keys") or _for(emulator, request.path_params["tenant"]) or JSONResponse(known)

    async def token(request: Request) -> Response:
        fault = _struck(emulator, "token")
        if fault is not None:
            return fault
        fields = dict(parse_qsl((await request.body()).decode(errors="replace")))
        try:
            return JSONResponse(exchange(emulator, request.path_params["tenant"], fields))
        except TokenError as error:
            return error.response()

    return Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", metadata),
            Route("/{tenant}/.well-known/openid-configuration", metadata),
            Route("/{tenant}/discovery/v2.0/keys", keys),
            Route("/{tenant}/discovery/keys", keys),
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        ]
    )


def control_routes(emulator: EntraEmulator) -> list[Route]:
    """How often it was asked, keys that roll over, and tokens that no client could ask for."""

    async def rotate(_: Request) -> Response:
        return JSONResponse({"kid": emulator.rotate()})

    async def sign(request: Request) -> Response:
        """A token with `claims` over those of an ordinary one; null takes a claim away."""
        body: dict[str, Any] = await request.json()
        resource = emulator.applications[body["resource"]]
        usual = emulator.claims(body["client_id"], resource, f"api://{resource.client_id}")
        claims = {name: value for name, value in {**usual, **body.get("claims", {})}.items() if value is not None}
        return JSONResponse({"access_token": emulator.keys[0].sign(claims, body.get("headers"))})

    async def requests(_: Request) -> Response:
        return JSONResponse(dict(emulator.requests))

    return [
        Route("/requests", requests, methods=["GET"]),
        Route("/rotate", rotate, methods=["POST"]),
        Route("/tokens", sign, methods=["POST"]),
    ]


def _struck(emulator: EntraEmulator, operation: str) -> Response | None:
    """The answer of a planned fault of kind `status`; counts the request."""
    emulator.requests[operation] += 1
    fault = emulator.faults.strike("status", operation=operation)
    if fault is None:
        return None
    headers = {"Retry-After": str(fault.params["retry_after"])} if "retry_after" in fault.params else {}
    return Response("asked for by a fault", fault.params.get("status", 503), headers)


def _for(emulator: EntraEmulator, tenant: str) -> Response | None:
    if tenant == emulator.tenant_id:
        return None
    return TokenError(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.").response()


def _metadata(tenant: str, *, is_v2: bool) -> dict[str, Any]:
    """What clients read of it; addresses are those of the real Entra, as a client that is detoured here wants them."""
    version = "v2.0/" if is_v2 else ""
    return {
        "issuer": f"{LOGIN}/{tenant}/v2.0" if is_v2 else f"https://sts.windows.net/{tenant}/",
        "jwks_uri": f"{LOGIN}/{tenant}/discovery/{version}keys",
        "token_endpoint": f"{LOGIN}/{tenant}/oauth2/{version}token",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "response_types_supported": ["token"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
