"""The app's identity: managed in Azure, a service principal elsewhere, a developer's own, an invented one for tests."""

import os
import threading
import time
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential

#: A token this close to its end is renewed.
RENEW_SECONDS = 300
#: Tenant, object and application of the invented identity.
EMULATED = {
    "tid": "00000000-0000-0000-0000-000000000000",
    "oid": "00000000-0000-0000-0000-000000000002",
    "appid": "00000000-0000-0000-0000-000000000004",
}


def app_credential(
    client_id: str,
    aml_endpoint: str,
    *,
    tenant_id: str = "",
    client_secret: str = "",
    certificate_file: str = "",
    token_file: str = "",
) -> "Callable[[], TokenCredential]":
    """A factory that loads azure-identity when the first token is wanted, and keeps the one credential it makes.

    No DefaultAzureCredential: trying one source after the other costs seconds, and which one answers is a surprise. A
    secret, a certificate or a token of the cluster makes `client_id` a service principal of `tenant_id`.
    """

    @cache
    def credential() -> "TokenCredential":
        if aml_endpoint:
            return EmulatorCredential()
        from azure import identity

        if client_secret:
            return identity.ClientSecretCredential(tenant_id, client_id, client_secret)
        if certificate_file:
            return identity.CertificateCredential(tenant_id, client_id, certificate_file)
        if token_file:
            return identity.WorkloadIdentityCredential(
                tenant_id=tenant_id, client_id=client_id, token_file_path=token_file
            )
        if client_id or "IDENTITY_ENDPOINT" in os.environ:
            return identity.ManagedIdentityCredential(client_id=client_id or None)
        return CachedCredential(identity.AzureCliCredential(process_timeout=30))

    return credential


class CachedCredential:
    """Keeps tokens: the CLI's credential starts a process for each one."""

    def __init__(self, inner: "TokenCredential") -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, ...], AccessToken] = {}

    def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        with self._lock:
            token = self._tokens.get(scopes)
            if token is None or token.expires_on < time.time() + RENEW_SECONDS:
                token = self._tokens[scopes] = self._inner.get_token(*scopes, **options)
            return token


class EmulatorCredential:
    """Tokens that prove nothing, in the form that the SDK looks into for its audience and the tenant."""

    def get_token(self, *scopes: str, **_: Any) -> "AccessToken":
        from azure.core.credentials import AccessToken

        return AccessToken(*_emulator_token(scopes))

    def get_token_info(self, *scopes: str, options: Any = None) -> "AccessTokenInfo":  # noqa: ARG002 - the SDK passes it
        from azure.core.credentials import AccessTokenInfo

        return AccessTokenInfo(*_emulator_token(scopes))


def _emulator_token(scopes: tuple[str, ...]) -> tuple[str, int]:
    """Valid for one to two hours; kept, as azure-identity keeps its tokens."""
    expires = (int(time.time()) // 3600 + 2) * 3600
    return _signed(scopes, expires), expires


@lru_cache(maxsize=8)
def _signed(scopes: tuple[str, ...], expires: int) -> str:
    import jwt

    claims = {"aud": scopes[0].removesuffix("/.default"), "exp": expires, **EMULATED}
    return jwt.encode(claims, "emulator only, no secret at all!", "HS256")
