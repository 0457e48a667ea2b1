"""Who calls, by a token of Entra: what one must say to count here, and what else counts with it.

Source: learn.microsoft.com, "Access tokens in the Microsoft identity platform", "Access token claims reference".
"""

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from bridge.adapters.entra_keys import PublishedKeys
from bridge.domain.callers import CallerIdentity, app_principal
from bridge.domain.errors import CallerRefused, Unauthenticated
from bridge.payloads import client_principal
from bridge.payloads.context_headers import current_role

if TYPE_CHECKING:
    from jwt import PyJWK

log = logging.getLogger(__name__)
AUTHORITY = "https://login.microsoftonline.com"
ALGORITHM = "RS256"
#: Between the clocks of Entra and of this machine.
LEEWAY_SECONDS = 60
_BEARER = re.compile(r"Bearer +([A-Za-z0-9_.=-]+) *", re.IGNORECASE)
_REQUIRED = ["exp", "nbf", "iat", "iss", "aud"]
_MISSING = "send a token of Entra for this app, in the header Authorization: Bearer …"


class EntraAuthenticator:
    """Authenticator that lets in applications of one tenant, by their ids; loads PyJWT with the first token.

    Where app roles are asked for, users come in as well, by the roles that they were assigned; without, an id alone
    would let in everybody who can sign in to that application. Which user it is makes no difference.
    """

    def __init__(
        self,
        *,
        tenant_id: str,
        audiences: Collection[str],
        client_ids: Collection[str],
        app_roles: Collection[str] = (),
        snowflake_client_ids: Collection[str] = (),
        trust_platform_headers: bool = False,
        authority: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audiences = list(audiences)
        self._client_ids = frozenset(client_ids)
        self._app_roles = frozenset(app_roles)
        self._snowflake_client_ids = frozenset(snowflake_client_ids)
        self._trust_platform_headers = trust_platform_headers
        #: Issuer -> the claim with the calling application, of either version of tokens.
        self._issuers = {
            f"https://sts.windows.net/{tenant_id}/": "appid",
            f"{AUTHORITY}/{tenant_id}/v2.0": "azp",
        }
        self._keys = PublishedKeys(f"{authority or AUTHORITY}/{tenant_id}/discovery/v2.0/keys", monotonic)

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:
        claims = self._claims(headers)
        app_id = claims.get(self._issuers[claims["iss"]])
        if not isinstance(app_id, str) or not app_id:
            raise _refusal("names no application", f"no {self._issuers[claims['iss']]} in it")
        if app_id.lower() not in self._client_ids:
            raise _refused_caller(f"the application {app_id[:100]} is not among ALLOWED_CLIENT_IDS of this app")
        app_roles = self._checked_app_roles(claims)
        roles = snowflake_roles(headers) if app_id.lower() in self._snowflake_client_ids else ()
        return CallerIdentity(principal=app_principal(app_id), roles=roles, app_roles=app_roles)

    def _claims(self, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """What the token says; without one, what the platform says of the one that it has seen, if that counts."""
        authorization = headers.get("authorization")
        principal = headers.get(client_principal.HEADER) if self._trust_platform_headers else None
        if authorization:
            found = _BEARER.fullmatch(authorization)
            if found is None:
                raise _refusal("is none", "the header Authorization has another form than Bearer TOKEN")
            token = found[1]
            return self._checked(lambda: self._decoded(token, self._key(token)))
        if principal:
            return self._checked(lambda: self._platform_claims(principal))
        log.warning("a request is refused: it has no token")
        raise Unauthenticated(_MISSING)

    def _checked_app_roles(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of the caller, who needs one where any are asked for. Raises: Unauthenticated; CallerRefused."""
        given = claims.get("roles") or []
        if not isinstance(given, list) or not all(isinstance(role, str) for role in given):
            raise _refusal("cannot be read", "its claim roles is no list of texts")
        if self._app_roles and self._app_roles.isdisjoint(given):
            wanted = ", ".join(sorted(self._app_roles))
            raise _refused_caller(f"the caller has none of the app roles {wanted} (ALLOWED_APP_ROLES of this app)")
        if not self._app_roles and (claims.get("scp") or claims.get("idtyp") == "user"):
            raise _refused_caller("the token is a user's: those count only where ALLOWED_APP_ROLES names an app role")
        return tuple(sorted(set(given)))

    def _decoded(self, token: str, key: "PyJWK") -> Mapping[str, Any]:
        import jwt

        return dict(jwt.decode(token, key, algorithms=[ALGORITHM], **self._expected(), options={"require": _REQUIRED}))

    def _platform_claims(self, header: str) -> Mapping[str, Any]:
        """The platform has seen the signature; everything else is asked again, in the way of every token."""
        import jwt

        try:
            unsigned = jwt.encode(client_principal.read_client_principal(header), "", "none")
        except ValueError as error:
            raise ValueError(f"the header {client_principal.HEADER}: {error}") from error
        checks: Any = {f"verify_{claim}": True for claim in ("exp", "nbf", "iat", "aud", "iss")}
        options: Any = {"verify_signature": False, "require": _REQUIRED, **checks}
        claims = dict(jwt.decode(unsigned, options=options, **self._expected()))
        if not self._issuers.values() & claims.keys():
            # An id token: a person has signed in to this very application in a browser. It names nobody else, and no
            # program gets one for itself.
            claims |= {self._issuers[claims["iss"]]: claims["aud"], "idtyp": "user"}
        return claims

    def _expected(self) -> dict[str, Any]:
        return {"audience": self._audiences, "issuer": list(self._issuers), "leeway": LEEWAY_SECONDS}

    @staticmethod
    def _checked(decode: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What is in a token, or the refusal that its error stands for. Raises: Unauthenticated; ServiceUnavailable."""
        import jwt

        try:
            return decode()
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
            raise _refusal("has expired, or is not valid yet", error) from error
        except jwt.InvalidAudienceError as error:
            raise _refusal("is not for this app", error) from error
        except jwt.InvalidIssuerError as error:
            raise _refusal("is not of this app's tenant", error) from error
        except jwt.InvalidSignatureError as error:
            raise _refusal("has a wrong signature", error) from error
        # A header of thousands of brackets ends the parser's patience, not its grammar.
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _refusal("cannot be read", error) from error

    def _key(self, token: str) -> "PyJWK":
        """The key that the token says it is signed with; nothing is fetched for one that cannot be right anyway."""
        import jwt

        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(kid, str):
            raise _refusal("has a wrong signature", f"algorithm {header.get('alg')!r:.50}, key {kid!r:.100}")
        key = self._keys.find(kid)
        if key is None:
            raise _refusal("has a wrong signature", f"the tenant has no key {kid!r:.100}")
        return key


def snowflake_roles(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The role in which the query runs, as Snowflake itself tells it."""
    try:
        role = current_role(headers)
    except ValueError as error:
        raise _refused_caller(str(error)) from error
    return (role,) if role else ()


def _refused_caller(why: str) -> CallerRefused:
    log.warning("a caller is refused: %s", why)
    return CallerRefused(why)


def _refusal(what: str, why: object) -> Unauthenticated:
    """For the caller in general terms; the log has the reason, the token is nowhere."""
    log.warning("a token is refused, it %s: %.200r", what, str(why))
    return Unauthenticated(f"the token {what}: {_MISSING}")
