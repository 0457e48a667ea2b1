"""Shared access signatures, checked as the service checks them: signature, expiry, and what the token covers."""

import base64
import hashlib
import hmac
import urllib.parse
from dataclasses import dataclass

from bridge.local.servicebus.errors import UnauthorizedError

KEY_NAME = "RootManageSharedAccessKey"
_SCHEME = "SharedAccessSignature "


@dataclass(frozen=True)
class Grant:
    """What a valid token allows."""

    #: Lower case, without slashes at its ends; empty for the whole namespace.
    path: str

    def covers(self, path: str) -> bool:
        """Whether `path` is the granted one or lies below it."""
        wanted = path.strip("/").lower()
        return not self.path or wanted == self.path or wanted.startswith(self.path + "/")


@dataclass(frozen=True)
class SharedKey:
    """The namespace's key."""

    name: str
    value: str

    def verify(self, token: str, now: float) -> Grant:
        """The grant of a token; raises UnauthorizedError for any that the service would not take."""
        if not token.startswith(_SCHEME):
            raise UnauthorizedError("Only shared access signatures are understood here.")
        fields = dict(part.partition("=")[::2] for part in token.removeprefix(_SCHEME).split("&"))
        missing = {"sr", "sig", "se", "skn"} - fields.keys()
        if missing:
            raise UnauthorizedError(f"The token lacks {', '.join(sorted(missing))}.")
        if urllib.parse.unquote_plus(fields["skn"]) != self.name:
            raise UnauthorizedError("The token names an unknown key.")
        # Signed is the text as it was sent, not what it decodes to.
        if not hmac.compare_digest(self._signature(f"{fields['sr']}\n{fields['se']}"), _unquoted(fields["sig"])):
            raise UnauthorizedError("40103: Invalid authorization token signature.")
        if not fields["se"].isdecimal() or int(fields["se"]) <= now:
            raise UnauthorizedError("ExpiredToken: the token has expired.")
        return Grant(path_of(urllib.parse.unquote_plus(fields["sr"])))

    def _signature(self, text: str) -> bytes:
        digest = hmac.new(self.value.encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest)


def path_of(address: str) -> str:
    """The entity path in a link address or a resource address, whatever its scheme and host; lower case."""
    if "://" in address:
        address = address.partition("://")[2].partition("/")[2]
    return address.strip("/").lower()


def _unquoted(signature: str) -> bytes:
    return urllib.parse.unquote(signature).encode()
