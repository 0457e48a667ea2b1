"""Who calls by HTTP, as `allow` in pipelines.yaml knows callers."""

from collections.abc import Mapping
from dataclasses import dataclass

#: With function keys every caller is the same principal.
KEY_PRINCIPAL = "key"
#: Of service functions, which Snowflake lets reach the container; everybody's queries are the same principal.
SERVICE_PRINCIPAL = "service"
#: Of entries of `allow` that name an app role of Entra in the place of a principal.
APP_ROLE_PREFIX = "approle:"


@dataclass(frozen=True, kw_only=True)
class CallerIdentity:
    """Who asks, and what its door vouches for."""

    principal: str
    #: Snowflake roles, as CURRENT_ROLE spells them.
    roles: tuple[str, ...] = ()
    #: App roles of Entra.
    app_roles: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What entries of `allow.principals` may name."""
        return (self.principal, *(APP_ROLE_PREFIX + role for role in self.app_roles))


class KeyAuthenticator:
    """Authenticator for function keys: the host has checked the key before the app is asked, and tells nobody whose."""

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:  # noqa: ARG002 - no header says more
        return CallerIdentity(principal=KEY_PRINCIPAL)


def app_principal(app_id: str) -> str:
    """Of an application that has proved who it is by a token of Entra."""
    return f"app:{app_id.lower()}"
