"""Access keys as the real host checks them: the header before the query, the master key opens everything."""

import hmac
from collections.abc import Mapping

from starlette.requests import Request

#: Authorization level -> the app settings whose keys open it; the first one switches the check on.
KEYS = {
    "FUNCTION": ("LOCAL_FUNCTION_KEY", "LOCAL_MASTER_KEY"),
    "ADMIN": ("LOCAL_MASTER_KEY",),
    "SYSTEM": ("LOCAL_SYSTEM_KEY", "LOCAL_MASTER_KEY"),
}


class Keys:
    """The keys of one app."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._accepted = {
            level: [environment[name] for name in names if environment.get(name)] if environment.get(names[0]) else []
            for level, names in KEYS.items()
        }

    def allow(self, request: Request, level: str) -> bool:
        """Whether the request may enter at this level (ANONYMOUS, FUNCTION, ADMIN or SYSTEM)."""
        accepted = self._accepted.get(level.upper())
        given = request.headers.get("x-functions-key")
        if given is None:
            given = request.query_params.get("code", "")
        return not accepted or any(hmac.compare_digest(given.encode(), key.encode()) for key in accepted)
