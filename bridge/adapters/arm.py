"""Plain calls to Azure's management API through azure-core: no second of loading, no hundred megabytes of SDK."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from bridge.adapters.pacing import asked_pause
from bridge.domain.errors import AccessDenied, PermanentError, RetryableError, ServiceUnavailable, Throttled
from bridge.domain.inputs import shown
from bridge.domain.masking import masked
from bridge.payloads import lossless

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import TokenCredential
    from azure.core.exceptions import HttpResponseError
    from azure.core.pipeline.transport import RequestsTransport

MANAGEMENT = "https://management.azure.com"
JSON = {"Content-Type": "application/json"}
MANAGEMENT_SCOPE = f"{MANAGEMENT}/.default"
#: Where the token may go. Answers carry links, and whoever could change one would be handed the app's identity.
_TRUSTED = re.compile(
    r"https://(?:management\.azure\.com|[a-z0-9.-]+\.azureml\.ms|[a-z0-9-]+\.experiments\.azureml\.net)(?::443)?(?:[/?]|$)",
    re.IGNORECASE,
)
#: No resource has these in its name; some servers take them for parts of the path, even when they are quoted.
_NO_NAME = re.compile(r"[/\\?#%\x00-\x1f\x7f]|^\.{0,2}$")


def segment(name: str) -> str:
    """A resource's name as one part of a URL or of an ARM id. Raises: PermanentError."""
    if _NO_NAME.search(name):
        raise PermanentError(f"{shown(name)} is no name of a resource in Azure", code="BAD_NAME")
    return quote(name, safe="")


class ArmClient:
    """GET and POST as the app's identity; no retries of its own, because the queue has them."""

    def __init__(
        self,
        credential: "Callable[[], TokenCredential]",
        transport: "Callable[[], RequestsTransport]",
        service: str = "Azure ML",
        read_seconds: int | None = None,
    ) -> None:
        self._credential = credential
        #: None for the transport's.
        self._options: dict[str, Any] = {} if read_seconds is None else {"read_timeout": read_seconds}
        #: As errors name what was asked.
        self._service = service
        self._transport = transport
        self._lock = threading.Lock()
        self._client: PipelineClient[Any, Any] | None = None

    def get(self, url: str, params: Mapping[str, str]) -> Any | None:
        """The JSON answer; None for 404. Raises: RetryableError, PermanentError."""
        return self._send("GET", url, params)

    def post(self, url: str, params: Mapping[str, str], body: Any = None) -> Any | None:
        """As `get`; `body` goes as JSON, None is no body."""
        return self._send("POST", url, params, body)

    def _send(self, method: str, url: str, params: Mapping[str, str], body: Any = None) -> Any | None:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        if not _TRUSTED.match(url):
            raise PermanentError(f"{self._service} named {_host(url)}, which is not Azure's", code="FOREIGN_LINK")
        with translated(f"{self._service}, {method} {urlsplit(url).path.rpartition('/')[2]}"):
            request = HttpRequest(method, url, params=dict(params))
            if body is not None:  # azure-core itself knows no decimals
                request = HttpRequest(method, url, params=dict(params), content=lossless.dumps(body), headers=JSON)
            response = self._connected().send_request(request, **self._options)
            if response.status_code == 404:
                return None
            if response.status_code >= 300:  # a redirect would take the token elsewhere
                raise HttpResponseError(response=response)
            return response.json() if response.content else {}

    def _connected(self) -> "PipelineClient[Any, Any]":
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, UserAgentPolicy

        with self._lock:
            if self._client is None:
                policies = [
                    UserAgentPolicy("aml-bridge"),
                    BearerTokenCredentialPolicy(self._credential(), MANAGEMENT_SCOPE),
                ]
                self._client = PipelineClient(MANAGEMENT, policies=policies, transport=self._transport())
            return self._client


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Azure's errors in the bridge's words, by what has to be done next."""
    from azure.core import exceptions

    try:
        yield
    except exceptions.ClientAuthenticationError as error:
        # 401, or no token: roles and identities may take minutes to arrive.
        raise RetryableError(f"{what}: the app's identity was not accepted: {_text(error)}") from error
    except exceptions.HttpResponseError as error:
        raise _by_status(what, error) from error
    except (exceptions.AzureError, OSError) as error:
        raise ServiceUnavailable(f"{what}: no answer: {type(error).__name__}") from error


def _host(url: str) -> str:
    try:
        return shown(urlsplit(url).netloc.rpartition("@")[2])
    except ValueError:
        return "no address"


def _by_status(what: str, error: "HttpResponseError") -> Exception:
    status = error.status_code or 0
    text = f"{what}: {status} {_text(error)}"
    if status == 429:
        return Throttled(text, retry_after=retry_after(error))
    if status in {408, 409} or status >= 500 or status == 0:
        return ServiceUnavailable(text, retry_after=retry_after(error))
    if status == 403:
        return AccessDenied(text, code="ACCESS_DENIED")
    return PermanentError(text, code=_code(error))


def retry_after(error: "HttpResponseError") -> timedelta | None:
    """What the service asked for."""
    return asked_pause(getattr(error.response, "headers", None) or {})


def _code(error: "HttpResponseError") -> str:
    return str(error.error.code) if error.error and error.error.code else "REFUSED"


def _text(error: Exception) -> str:
    """The service's own sentence, without the request that the SDK appends."""
    message = getattr(getattr(error, "error", None), "message", None) or getattr(error, "message", None) or str(error)
    # Masked before it is cut: half a secret does not look like one any more.
    return masked(str(message)).partition("\n")[0][:500]
