"""Who checks callers; apart from the other settings, because the routes need it before anything else is read."""

from collections.abc import Mapping
from enum import StrEnum

#: Set by `python -m bridge.container` in its own process, never by an operator.
HOSTING = "BRIDGE_HOSTING"
CONTAINER = "container"


class AuthMode(StrEnum):
    """Who finds out who calls by HTTP."""

    #: The Functions host, or the container in its place, by keys.
    KEY = "key"
    #: The app, by tokens of Entra; the host lets everybody through.
    ENTRA = "entra"
    #: Snowflake, which lets its service functions alone reach a container's endpoint; by keys on all other routes.
    SERVICE = "service"


def auth_mode(environ: Mapping[str, str]) -> AuthMode:
    """For the routes and for the app itself, so that the two never differ; anything unknown leaves it to the host."""
    given = environ.get("AUTH_MODE", "").strip().lower()
    return next((mode for mode in AuthMode if mode == given), AuthMode.KEY)


def is_container(environ: Mapping[str, str]) -> bool:
    """Whether the container's own front stands before the app, which knows the routes of service functions."""
    return environ.get(HOSTING) == CONTAINER
