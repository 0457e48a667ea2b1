"""Keys that open the routes where no Functions host checks them: in a container."""

import re
from collections.abc import Mapping

from bridge.domain.errors import ConfigurationError
from bridge.settings.auth_mode import AuthMode, auth_mode

NAME = "BRIDGE_FUNCTION_KEYS"
SHORTEST = 16
#: What fits into a header and into a query.
_KEY = re.compile(r"[A-Za-z0-9+/=_.~-]{16,200}")


def read_function_keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The keys, several while one takes the place of another. Raises: ConfigurationError, which shows none of them."""
    keys = tuple(key for part in environ.get(NAME, "").split(",") if (key := part.strip()))
    bad = sum(not _KEY.fullmatch(key) for key in keys)
    problems = []
    if bad:
        problems.append(
            f"{NAME}: {bad} of {len(keys)} keys cannot be used: give at least {SHORTEST} characters of A-Z, a-z, 0-9"
            " and +/=_.~- for each, with commas between them"
        )
    if not keys and auth_mode(environ) is AuthMode.KEY:
        problems.append(
            f"{NAME} is not set, and AUTH_MODE is key: nobody checks keys for a container. Give keys; or"
            " AUTH_MODE=entra for tokens; or AUTH_MODE=service if only Snowflake's service functions reach the endpoint"
        )
    if problems:
        raise ConfigurationError(problems)
    return keys
