"""Who calls a container in Snowflake: a query, through a service function, or somebody with a key."""

from collections.abc import Mapping

from bridge.adapters.entra import snowflake_roles
from bridge.domain.callers import KEY_PRINCIPAL, SERVICE_PRINCIPAL, CallerIdentity

#: In the request only when the container's front has found the key right.
KEY_HEADER = "x-functions-key"


class ServiceAuthenticator:
    """Authenticator behind a front that lets in requests without a key on the routes of service functions alone.

    Snowflake's headers count there, and nowhere else: whoever has a key could write any role into them.
    """

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:
        if headers.get(KEY_HEADER):
            return CallerIdentity(principal=KEY_PRINCIPAL)
        return CallerIdentity(principal=SERVICE_PRINCIPAL, roles=snowflake_roles(headers))
