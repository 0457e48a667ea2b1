"""Who comes in: keys, which on Azure the Functions host checks, and routes that Snowflake may call without one."""

import hmac
import logging
from collections.abc import Mapping, Sequence

from bridge.container.functions import Function
from bridge.settings.auth_mode import AuthMode, auth_mode

log = logging.getLogger(__name__)
KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"
#: Routes of service functions, as function_app.py names them.
SERVICE_ROUTES = "v1/snowflake/"


class Refused(Exception):
    """The request does not come in; the text is for the caller."""


class Door:
    """Compares keys in constant time; a wrong one is refused even where none is asked for."""

    def __init__(self, environ: Mapping[str, str], keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]
        self._is_service = auth_mode(environ) is AuthMode.SERVICE

    def check(self, function: Function, headers: Mapping[str, str], query: Mapping[str, str]) -> dict[str, str]:
        """The headers for the function: a key is in them only if it was found right. Raises: Refused."""
        given = headers.get(KEY_HEADER) or query.get(KEY_PARAMETER) or ""
        kept = {name: value for name, value in headers.items() if name != KEY_HEADER}
        if self._is_open(function):
            return kept
        if given and self._is_right(given):
            return kept | {KEY_HEADER: given}
        if not given and self._is_service and str(function.binding.get("route", "")).startswith(SERVICE_ROUTES):
            return kept
        log.warning("a request for %s is refused: %s", function.name, "its key is wrong" if given else "it has no key")
        raise Refused(f"send a key of this app in the header {KEY_HEADER}")

    @staticmethod
    def _is_open(function: Function) -> bool:
        return str(function.binding.get("authLevel", "FUNCTION")).upper() == "ANONYMOUS"

    def _is_right(self, given: str) -> bool:
        """Every key is compared, so that the time tells nothing of which one it was."""
        return sum(hmac.compare_digest(given.encode(), key) for key in self._keys) > 0
