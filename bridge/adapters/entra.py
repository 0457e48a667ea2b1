"""Who calls, by a token of Entra: which keys sign such tokens, and what one must say to count here.

Source: learn.microsoft.com, "Access tokens in the Microsoft identity platform", "Access token claims reference".
"""

import http.client
import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bridge.domain.callers import app_principal
from bridge.domain.errors import CallerRefused, ServiceUnavailable, Unauthenticated

if TYPE_CHECKING:
    from jwt import PyJWK

log = logging.getLogger(__name__)
AUTHORITY = "https://login.microsoftonline.com"
ALGORITHM = "RS256"
#: Between the clocks of Entra and of this machine.
LEEWAY_SECONDS = 60
#: To connect, and between two pieces of the answer.
TIMEOUT_SECONDS = 5
#: Entra's keys roll over; a day is how long its documentation lets one keep them.
RENEW_SECONDS = 24 * 3600
#: Anybody can name an unknown key, so what that costs is limited.
PAUSE_SECONDS = 60
PAUSE_AFTER_FAILURE_SECONDS = 5
_BEARER = re.compile(r"Bearer +([A-Za-z0-9_.=-]+) *", re.IGNORECASE)
_MISSING = "send a token of Entra for this app, in the header Authorization: Bearer …"


class EntraAuthenticator:
    """Authenticator that lets in applications of one tenant, by their ids; loads PyJWT with the first token.

    A user's token counts as its application: who the user is makes no difference.
    """

    def __init__(
        self,
        *,
        tenant_id: str,
        audiences: Collection[str],
        client_ids: Collection[str],
        authority: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audiences = list(audiences)
        self._client_ids = frozenset(client_ids)
        #: Issuer -> the claim with the calling application, of either version of tokens.
        self._issuers = {
            f"https://sts.windows.net/{tenant_id}/": "appid",
            f"{AUTHORITY}/{tenant_id}/v2.0": "azp",
        }
        self._keys = PublishedKeys(f"{authority or AUTHORITY}/{tenant_id}/discovery/v2.0/keys", monotonic)

    def principal(self, authorization: str | None) -> str:
        if not authorization:
            raise Unauthenticated(_MISSING)
        found = _BEARER.fullmatch(authorization)
        if found is None:
            raise _refusal("is none", "the header Authorization has another form than Bearer TOKEN")
        claims = self._claims(found[1])
        app_id = claims.get(self._issuers[claims["iss"]])
        if not isinstance(app_id, str) or not app_id:
            raise _refusal("names no application", f"no {self._issuers[claims['iss']]} in it")
        if app_id.lower() not in self._client_ids:
            log.warning("the application %r is refused: it is not among ALLOWED_CLIENT_IDS", app_id[:100])
            raise CallerRefused(f"the application {app_id[:100]} is not among ALLOWED_CLIENT_IDS of this app")
        return app_principal(app_id)

    def _claims(self, token: str) -> Mapping[str, Any]:
        """What the token says, every word of it checked. Raises: Unauthenticated; ServiceUnavailable."""
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(token),
                algorithms=[ALGORITHM],
                audience=self._audiences,
                issuer=list(self._issuers),
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "nbf", "iat", "iss", "aud"]},
            )
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
        return claims

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


class PublishedKeys:
    """The tenant's public keys, kept; fetched when they are old, or when a token names one that is not among them.

    Keys that cannot be renewed go on being used: an outage of Entra's is no reason to lock everybody out.
    """

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._now = monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, PyJWK] = {}
        self._renew_at = self._try_at = monotonic()
        self._is_away = False

    def find(self, kid: str) -> "PyJWK | None":
        """The key of this name, None when the tenant has none. Raises: ServiceUnavailable."""
        if self._is_good(kid):  # without the lock, so that strangers' tokens do not hold up anybody
            return self._keys[kid]
        with self._lock:
            if not self._is_good(kid) and self._now() >= self._try_at:
                self._fetch()
            key = self._keys.get(kid)
            if key is None and self._is_away:
                message = "Entra, which publishes the keys of tokens, could not be reached"
                raise ServiceUnavailable(message, retry_after=timedelta(seconds=PAUSE_AFTER_FAILURE_SECONDS))
            return key

    def _is_good(self, kid: str) -> bool:
        return kid in self._keys and self._now() < self._renew_at

    def _fetch(self) -> None:
        import jwt

        client = jwt.PyJWKClient(self._url, cache_jwk_set=False, timeout=TIMEOUT_SECONDS)
        try:
            found = {str(key.key_id): key for key in client.get_signing_keys() if key.key_type == "RSA"}
        except (jwt.PyJWTError, OSError, ValueError, http.client.HTTPException) as error:
            log.warning("the keys at %s could not be fetched: %s", self._url, error)
            self._is_away, self._try_at = True, self._now() + PAUSE_AFTER_FAILURE_SECONDS
        else:
            self._keys = found
            self._is_away, self._try_at = False, self._now() + PAUSE_SECONDS
            self._renew_at = self._now() + RENEW_SECONDS


def _refusal(what: str, why: object) -> Unauthenticated:
    """For the caller in general terms; the log has the reason, the token is nowhere."""
    log.warning("a token is refused, it %s: %.200r", what, str(why))
    return Unauthenticated(f"the token {what}: {_MISSING}")
