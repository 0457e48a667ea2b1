"""The keys with which Entra signs the tokens of one tenant.

Source: learn.microsoft.com, "Access tokens in the Microsoft identity platform", "Signing key rollover".
"""

import http.client
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.domain.errors import ServiceUnavailable

if TYPE_CHECKING:
    from jwt import PyJWK

log = logging.getLogger(__name__)
#: To connect, and between two pieces of the answer.
TIMEOUT_SECONDS = 5
#: Entra's keys roll over; a day is how long its documentation lets one keep them.
RENEW_SECONDS = 24 * 3600
#: Anybody can name an unknown key, so what that costs is limited.
PAUSE_SECONDS = 60
PAUSE_AFTER_FAILURE_SECONDS = 5


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
        key = self._keys.get(kid)  # without the lock, so that strangers' tokens do not hold up anybody
        if key is not None and self._now() < self._renew_at:
            return key
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
