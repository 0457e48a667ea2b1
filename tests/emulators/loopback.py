"""The real MLClient pointed at the emulator: below the SDK, every request goes to loopback, while its URLs stay.

The bearer token policy, retries and polling therefore work on https://management.azure.com as they do in the cloud.
"""

import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import jwt
import requests
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter


class LoopbackAdapter(HTTPAdapter):
    """Sends a copy of each request to the emulator and says in a header which origin was meant."""

    def __init__(self, port: int) -> None:
        self._authority = f"127.0.0.1:{port}"
        super().__init__(pool_maxsize=16)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        wire = request.copy()
        wire.url = urlunsplit(("http", self._authority, parts.path, parts.query, ""))
        wire.headers["X-Emulated-Origin"] = f"{parts.scheme}://{parts.netloc}"
        answer = super().send(wire, *args, **options)
        answer.request, answer.url = request, str(request.url)
        return answer


class LoopbackTransport(RequestsTransport):  # type: ignore[misc]  # azure-core exports it untyped
    """A transport for all of MLClient's clients at once; closing MLClient leaves it open: call `shut`."""

    def __init__(self, port: int) -> None:
        self._shared = requests.Session()
        self._shared.trust_env = False
        self._shared.mount("https://", LoopbackAdapter(port))
        super().__init__(session=self._shared, session_owner=False)

    def shut(self) -> None:
        self._shared.close()


class LocalCredential:
    """Tokens whose audience is the one asked for, which azure-ai-ml reads before it submits a pipeline."""

    def _token(self, scope: str) -> tuple[str, int]:
        expires = int(time.time()) + 3600
        claims = {"aud": scope.removesuffix("/.default"), "tid": "11111111-2222-3333-4444-555555555555", "exp": expires}
        return jwt.encode(claims, "k" * 32, "HS256"), expires

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(*self._token(scopes[0]))

    def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo(*self._token(scopes[0]))
