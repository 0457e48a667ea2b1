"""Who checks callers; apart from the other settings, because the routes need it before anything else is read."""

from collections.abc import Mapping
from enum import StrEnum


class AuthMode(StrEnum):
    """Who finds out who calls by HTTP."""

    #: The Functions host, by its keys.
    KEY = "key"
    #: The app, by tokens of Entra; the host lets everybody through.
    ENTRA = "entra"


def auth_mode(environ: Mapping[str, str]) -> AuthMode:
    """For the routes and for the app itself, so that the two never differ; anything unknown leaves it to the host."""
    return AuthMode.ENTRA if environ.get("AUTH_MODE", "").strip().lower() == AuthMode.ENTRA else AuthMode.KEY
