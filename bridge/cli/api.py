"""The app's HTTP API as a client sees it: answers as JSON, everything else as a refusal in plain words.

The key goes to the address that was given and nowhere else: not into a message, not along a redirect, and never over
plain HTTP to another machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from bridge.cli.failures import Refused, WrongUsage
from bridge.payloads import lossless

if TYPE_CHECKING:
    import requests

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECT_SECONDS = 10
_HTTP_WORDS = {
    401: "the key was not accepted: is BRIDGE_KEY of this app?",
    403: "the key may not do this",
    404: "there is no such address: is BRIDGE_URL the app's, without /api?",
}


@dataclass(frozen=True, kw_only=True)
class Api:
    """One app, by its address."""

    #: Without `/api`.
    url: str
    key: str = field(default="", repr=False)
    #: Of Entra, for apps with AUTH_MODE=entra.
    token: str = field(default="", repr=False)
    #: How long an answer may take.
    seconds: int
    #: What to think of when nobody answers there.
    hint: str = ""

    def __post_init__(self) -> None:
        """Raises: WrongUsage."""
        parts = _split(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise WrongUsage("the address has to be like https://my-app.azurewebsites.net: set BRIDGE_URL or --url")
        if parts.username or parts.query or parts.fragment:
            raise WrongUsage("the address has more than host and path: give the key in BRIDGE_KEY instead")
        if not (self.key or self.token):
            raise WrongUsage("there is no key: set BRIDGE_KEY (or BRIDGE_TOKEN to a token of Entra)")
        if not all(text.isascii() and text.isprintable() for text in (self.key, self.token)):
            raise WrongUsage("the key or the token has characters that no key has: set it again")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise WrongUsage("the key would travel unencrypted: give an address with https://")

    def get(self, *path: str, **query: Any) -> Any:
        """The answer. Raises: Refused; WrongUsage."""
        return self._call("GET", path, {name: value for name, value in query.items() if value is not None}, None)

    def post(self, *path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer. Raises: Refused; WrongUsage."""
        return self._call("POST", path, {}, None if body is None else lossless.dumps(body).encode())

    def _call(self, method: str, path: tuple[str, ...], query: Mapping[str, Any], body: bytes | None) -> Any:
        import requests

        if not {"", ".", ".."}.isdisjoint(path):  # they would make it another address
            raise WrongUsage("the id is empty, or cannot be one: is a variable of the shell not set?")
        base = self.url.rstrip("/").removesuffix("/v1").removesuffix("/api")
        address = "/".join([base, "api", "v1", *(quote(part, safe="", errors="replace") for part in path)])
        with requests.Session() as session:
            session.trust_env = urlsplit(address).hostname not in LOOPBACK
            session.auth = self._sign  # so that no .netrc has a say
            try:
                answer = session.request(
                    method,
                    address,
                    params=query,
                    data=body,
                    timeout=(CONNECT_SECONDS, self.seconds),
                    allow_redirects=False,
                )
            except requests.Timeout as error:
                hint = "" if method == "GET" else "; it may have been done all the same"
                raise Refused(
                    f"{self.url} did not answer within {self.seconds} seconds{hint}", is_passing=True
                ) from error
            except requests.RequestException as error:
                words = f"{self.url} cannot be reached ({type(error).__name__}){self.hint}"
                raise Refused(words, is_passing=True) from error
            return _read(answer)

    def _sign(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        if self.key:
            request.headers["x-functions-key"] = self.key
        if self.token:
            request.headers["authorization"] = f"Bearer {self.token}"
        if request.body is not None:
            request.headers["content-type"] = "application/json"
        return request


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _read(answer: "requests.Response") -> Any:
    try:
        document = lossless.loads(answer.content)
    except ValueError:
        document = None
    if answer.ok and not answer.is_redirect and document is not None:
        return document
    is_passing = answer.status_code == 429 or answer.status_code >= 500
    wait = answer.headers.get("retry-after", "")
    retry_after = float(wait) if wait.isdecimal() else 0.0
    raise Refused(_words(answer, document), document=document, is_passing=is_passing, retry_after=retry_after)


def _words(answer: "requests.Response", document: Any) -> str:
    """Two lines at most."""
    problem = document if isinstance(document, Mapping) else {}
    if answer.is_redirect:
        return f"the address leads elsewhere ({answer.status_code}): give the one that it leads to"
    if answer.ok:
        return f"what answers there is not the app: {answer.status_code} without JSON"
    detail = problem.get("detail") or _HTTP_WORDS.get(answer.status_code) or answer.reason or "no reason given"
    first = f"{problem.get('title') or answer.status_code}: {detail}"
    rest = []
    if wait := answer.headers.get("retry-after"):
        rest.append(f"try again in {wait} seconds" if wait.isdigit() else f"try again after {wait}")
    if correlation := problem.get("correlation_id") or answer.headers.get("x-correlation-id"):
        rest.append(f"correlation id {correlation}")
    return "\n".join([first, *([", ".join(rest)] if rest else [])])
