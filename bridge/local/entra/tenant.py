"""The tenant: which applications there are, what they trust, and the keys that sign its tokens."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.local.faults import FaultPlan

TOKEN_SECONDS = 3599
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True, kw_only=True)
class FederatedCredential:
    """Whose tokens an application takes in the place of a secret; compared letter by letter."""

    issuer: str
    subject: str
    audience: str = EXCHANGE_AUDIENCE


@dataclass(frozen=True, kw_only=True)
class Application:
    """One app registration."""

    client_id: str
    federated_credentials: tuple[FederatedCredential, ...] = ()
    #: Of the tokens that others get for it: `requestedAccessTokenVersion` of its manifest.
    token_version: int = 2


class SigningKey:
    """A private key and its name."""

    def __init__(self) -> None:
        self.kid = uuid.uuid4().hex
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def published(self) -> dict[str, Any]:
        """As the tenant's keys document has it: without `alg`, as Entra's."""
        public: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._private.public_key()))
        return {"kty": "RSA", "use": "sig", "kid": self.kid, "n": public["n"], "e": public["e"]}

    def sign(self, claims: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> str:
        return jwt.encode(dict(claims), self._private, "RS256", headers={"kid": self.kid, **(headers or {})})


class EntraEmulator:
    """One tenant."""

    def __init__(self, tenant_id: str, applications: Mapping[str, Application]) -> None:
        self.tenant_id = tenant_id
        self.applications = applications
        self.faults = FaultPlan()
        self.keys = [SigningKey()]
        #: How often each route was asked.
        self.requests: Counter[str] = Counter()

    def advance(self, seconds: float) -> None:
        """Nothing waits here."""

    def reset(self) -> None:
        """Back to the first key."""
        del self.keys[:-1]
        self.requests.clear()

    def rotate(self) -> str:
        """Sign with a new key from now on; the old ones stay published. The new key's name."""
        self.keys.insert(0, SigningKey())
        return self.keys[0].kid

    def published_keys(self) -> list[dict[str, Any]]:
        return [key.published() for key in self.keys]

    def access_token(self, client_id: str, resource: Application, audience: str) -> str:
        """What `client_id` gets for a resource; `audience` is the resource as it was asked for."""
        return self.keys[0].sign(self.claims(client_id, resource, audience))

    def claims(self, client_id: str, resource: Application, audience: str) -> dict[str, Any]:
        now = int(time.time())
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, client_id))
        shared = {
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "aio": uuid.uuid4().hex,
            "oid": identity,
            "sub": identity,
            "tid": self.tenant_id,
            "uti": uuid.uuid4().hex,
        }
        if resource.token_version == 1:
            issuer = f"https://sts.windows.net/{self.tenant_id}/"
            return {"aud": audience, "iss": issuer, "appid": client_id, "appidacr": "2", "ver": "1.0", **shared}
        issuer = f"https://login.microsoftonline.com/{self.tenant_id}/v2.0"
        return {"aud": resource.client_id, "iss": issuer, "azp": client_id, "azpacr": "2", "ver": "2.0", **shared}


def tenant_of(config: Mapping[str, Any]) -> EntraEmulator:
    """The tenant that a configuration describes: {tenant_id, applications: [{client_id, …}]}."""
    applications = [
        Application(
            client_id=each["client_id"],
            token_version=each.get("token_version", 2),
            federated_credentials=tuple(FederatedCredential(**one) for one in each.get("federated_credentials", ())),
        )
        for each in config["applications"]
    ]
    return EntraEmulator(config["tenant_id"], {each.client_id: each for each in applications})
