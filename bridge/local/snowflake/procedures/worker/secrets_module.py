"""The module `_snowflake`, through which `snowflake.snowpark.secrets` finds the secrets of the running procedure."""

import secrets
import sys
import threading
import time
import types
from dataclasses import dataclass

from bridge.local.snowflake.procedures.messages import SecretValue
from bridge.local.snowflake.procedures.worker.context import running

#: Tokens are signed with a key that ends with this process: nobody can take them for real ones.
_SIGNING_KEY = secrets.token_hex(32)
_TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class UsernamePassword:
    """A secret of type PASSWORD."""

    username: str
    password: str


def get_generic_secret_string(secret_name: str) -> str:
    return _secret(secret_name, "GENERIC_STRING").values["SECRET_STRING"]


def get_username_password(secret_name: str) -> UsernamePassword:
    values = _secret(secret_name, "PASSWORD").values
    return UsernamePassword(values["USERNAME"], values["PASSWORD"])


def get_secret_type(secret_name: str) -> str:
    return _secret(secret_name).kind


def get_wif_token(secret_name: str, audience: str) -> str:
    """A token in the form of Snowflake's, for emulators that read it: issuer, subject, audience."""
    import jwt

    values = _secret(secret_name, "WORKLOAD_IDENTITY_FEDERATION").values
    now = int(time.time())
    claims = {
        "iss": values["ISSUER"],
        "sub": values["SUBJECT"],
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + _TOKEN_SECONDS,
    }
    return jwt.encode(claims, _SIGNING_KEY, "HS256", headers={"kid": "laptop"})


def get_oauth_access_token(secret_name: str) -> str:
    raise NotImplementedError(f"The laptop's Snowflake has no OAuth token for the secret '{secret_name}'.")


def get_cloud_provider_token(secret_name: str) -> object:
    raise NotImplementedError(f"The laptop's Snowflake has no cloud provider token for the secret '{secret_name}'.")


def install() -> None:
    module = types.ModuleType("_snowflake")
    for function in (
        get_generic_secret_string,
        get_username_password,
        get_secret_type,
        get_wif_token,
        get_oauth_access_token,
        get_cloud_provider_token,
    ):
        setattr(module, function.__name__, function)
    sys.modules["_snowflake"] = module


def _secret(name: str, kind: str | None = None) -> SecretValue:
    now = running.get()
    if now is None or now.thread != threading.get_ident():
        raise RuntimeError("Secrets can only be accessed from the main thread.")
    found = now.invocation.secrets.get(name)
    if found is None:
        raise ValueError(f"Secret '{name}' is not among the SECRETS of procedure {now.invocation.name}.")
    if kind is not None and found.kind != kind:
        raise ValueError(f"Secret '{name}' is of type {found.kind}, not {kind}.")
    return found
