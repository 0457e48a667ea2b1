"""The token endpoint: Snowflake's token in, one of the tenant out, or the error that Entra would give."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from starlette.responses import JSONResponse, Response

from bridge.local.entra.tenant import TOKEN_SECONDS, Application, EntraEmulator, FederatedCredential

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Between Snowflake's clock and this one.
_LEEWAY_SECONDS = 300


class TokenError(Exception):
    """A refusal of the token endpoint."""

    def __init__(self, status: int, error: str, code: int, description: str) -> None:
        self._status, self._error, self._code, self._description = status, error, code, description
        super().__init__(description)

    def response(self) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        document = {
            "error": self._error,
            "error_description": (
                f"AADSTS{self._code}: {self._description} "
                f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"
            ),
            "error_codes": [self._code],
            "timestamp": at,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self._code}",
        }
        return JSONResponse(document, self._status)


def exchange(emulator: EntraEmulator, tenant: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a token request. Raises: TokenError."""
    if tenant != emulator.tenant_id:
        raise TokenError(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
    for name in ("grant_type", "client_id", "scope"):
        if not fields.get(name):
            text = f"The request body must contain the following parameter: '{name}'."
            raise TokenError(400, "invalid_request", 900144, text)
    if fields["grant_type"] != "client_credentials":
        raise TokenError(400, "unsupported_grant_type", 70003, f"The grant '{fields['grant_type']}' is not supported.")
    client = _client(emulator, fields)
    _check_assertion(client, fields)
    audience, resource = _resource(emulator, fields["scope"])
    return {
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "ext_expires_in": TOKEN_SECONDS,
        "access_token": emulator.access_token(client.client_id, resource, audience),
    }


def _client(emulator: EntraEmulator, fields: Mapping[str, str]) -> Application:
    client = emulator.applications.get(fields["client_id"].lower())
    if client is None:
        text = f"Application with identifier '{fields['client_id']}' was not found in the directory."
        raise TokenError(400, "unauthorized_client", 700016, text)
    return client


def _check_assertion(client: Application, fields: Mapping[str, str]) -> None:
    """Its signature is not looked at: see the package."""
    if fields.get("client_assertion_type") != ASSERTION_TYPE or not fields.get("client_assertion"):
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise TokenError(401, "invalid_client", 7000218, text)
    options: Any = {
        "verify_signature": False,
        "verify_exp": True,
        "verify_nbf": True,
        "require": ["exp", "iss", "sub", "aud"],
    }
    try:
        claims = jwt.decode(fields["client_assertion"], options=options, leeway=_LEEWAY_SECONDS)
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        text = "Client assertion is not within its valid time range."
        raise TokenError(401, "invalid_client", 700024, text) from error
    except jwt.InvalidTokenError as error:
        raise TokenError(401, "invalid_client", 50027, f"JWT token is invalid or malformed: {error}.") from error
    _match(client.federated_credentials, claims)


def _match(credentials: tuple[FederatedCredential, ...], claims: Mapping[str, Any]) -> None:
    """One credential must agree in all three; the number of the error says which one none of them has."""
    left = credentials
    for name, code in (("issuer", 700211), ("subject", 700213), ("audience", 700212)):
        given = claims[name[:3]]
        left = tuple(each for each in left if getattr(each, name) == given)
        if not left:
            text = (
                f"No matching federated identity record found for presented assertion {name} '{given}'. "
                "Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
            )
            raise TokenError(401, "invalid_client", code, text)


def _resource(emulator: EntraEmulator, scope: str) -> tuple[str, Application]:
    """The resource as it is named, and its application."""
    name, dot, rest = scope.rpartition("/")
    if not dot or rest != ".default":
        text = f"The provided value for scope {scope} is not valid. Scopes must be in the form of resource/.default."
        raise TokenError(400, "invalid_scope", 1002012, text)
    found = emulator.applications.get(name.removeprefix("api://").lower())
    if found is None:
        text = f"The resource principal named {name} was not found in the tenant."
        raise TokenError(400, "invalid_resource", 500011, text)
    return name, found
