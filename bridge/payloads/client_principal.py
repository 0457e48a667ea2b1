"""What App Service's own authentication ("Easy Auth") says of a caller, in the header X-MS-CLIENT-PRINCIPAL.

Source: learn.microsoft.com, "Work with user identities in Azure App Service authentication".
"""

import base64
import binascii
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bridge.payloads import lossless
from bridge.payloads.shape import complaints

HEADER = "x-ms-client-principal"
#: Of Entra; other identity providers have other words.
ENTRA = "aad"
#: The platform gives some claims longer names than the token has.
_SHORT = {
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
}
#: Those that decide, each of which a token has once.
_SINGLE = frozenset({"aud", "iss", "iat", "nbf", "exp", "appid", "azp", "scp", "idtyp"})


class _Claim(BaseModel):
    model_config = ConfigDict(frozen=True)
    typ: str
    val: str


class _ClientPrincipal(BaseModel):
    """Further members are the platform's to add."""

    model_config = ConfigDict(frozen=True)
    auth_typ: str
    claims: list[_Claim]
    role_typ: str = "roles"


def read_client_principal(header: str) -> dict[str, Any]:
    """The claims that decide, under the names that they have in a token. Raises: ValueError, without the header."""
    try:
        document = lossless.loads(base64.b64decode(header, validate=True))
        found = _ClientPrincipal.model_validate(document)
    except ValidationError as error:
        raise ValueError(complaints(error)) from error
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
    if found.auth_typ != ENTRA:
        raise ValueError("another identity provider than Entra has signed the caller in")
    claims: dict[str, Any] = {"roles": []}
    for claim in found.claims:
        name = "roles" if claim.typ == found.role_typ else _SHORT.get(claim.typ, claim.typ)
        if name == "roles":
            claims[name].append(claim.val)
        elif name in _SINGLE and claims.setdefault(name, claim.val) != claim.val:
            raise ValueError(f"it has the claim {name} twice")
    return claims
