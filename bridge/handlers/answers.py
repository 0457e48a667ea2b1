"""HTTP answers: JSON for results, RFC 9457 problems for everything else, never a body or a traceback."""

import logging
import math
import re
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import azure.functions as func
from pydantic import ValidationError

from bridge.domain.callers import CallerIdentity
from bridge.domain.context import current_trace
from bridge.domain.errors import (
    BridgeError,
    CallerRefused,
    ConfigurationError,
    PermanentError,
    RetryableError,
    Throttled,
    Unauthenticated,
)
from bridge.domain.masking import masked
from bridge.domain.signals import SILENT, Telemetry
from bridge.handlers.tracing import TRACE_HEADER, serving
from bridge.payloads import lossless
from bridge.payloads.external_function import UnusableRequest
from bridge.ports import Bridge

#: Handlers ask for the bridge inside of `answered`, where wrong settings become an answer.
GetBridge = Callable[[], Bridge]
log = logging.getLogger(__name__)
CORRELATION_HEADER = "x-correlation-id"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:@/+-]{1,128}")
_QUOTED = re.compile(r'".*"', re.DOTALL)
RETRY_AFTER = timedelta(seconds=5)


def correlation_id(request: func.HttpRequest) -> str:
    """The caller's id, else the query batch's, else a new one; what cannot be a harmless header is not repeated."""
    for header in (CORRELATION_HEADER, "sf-external-function-query-batch-id"):
        given = request.headers.get(header) or ""
        if _CORRELATION_ID.fullmatch(given):
            return str(given)
    return str(uuid.uuid4())


def retry_seconds(error: RetryableError) -> str:
    """For Retry-After, which takes whole seconds."""
    return str(max(1, math.ceil((error.retry_after or RETRY_AFTER).total_seconds())))


def as_json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    return func.HttpResponse(
        lossless.dumps(value), status_code=status, mimetype="application/json", headers=dict(headers or {})
    )


def problem(
    status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> func.HttpResponse:
    """RFC 9457. `members` are further fields that a program may read."""
    document = {"type": "about:blank", "status": status, "title": title, "detail": detail, **members}
    return func.HttpResponse(
        lossless.dumps(document),
        status_code=status,
        mimetype="application/problem+json",
        headers=dict(headers or {}),
    )


def answered(
    request: func.HttpRequest, handle: Callable[[str], func.HttpResponse], telemetry: Telemetry = SILENT
) -> func.HttpResponse:
    """The handler's answer, or the problem that its error stands for; every answer carries the ids to look for."""
    correlation = correlation_id(request)
    with serving(request, correlation, telemetry) as span:
        response = _response(correlation, handle)
        span.tell({"http.response.status_code": response.status_code})
        if response.status_code >= 500:
            span.fail(str(response.status_code))
        trace = current_trace()
    response.headers[CORRELATION_HEADER] = correlation
    if trace is not None:
        response.headers[TRACE_HEADER] = trace.trace_id
    return response


def _response(correlation: str, handle: Callable[[str], func.HttpResponse]) -> func.HttpResponse:
    try:
        response = handle(correlation)
    except Unauthenticated as error:
        headers = {"WWW-Authenticate": "Bearer"}
        response = problem(401, "Not authenticated", str(error), headers=headers, correlation_id=correlation)
    except CallerRefused as error:
        response = problem(403, "Not allowed", str(error), correlation_id=correlation)
    except UnusableRequest as error:
        log.warning("a request is refused with %d: %s", error.status, _reason(error))
        members: dict[str, Any] = {"code": error.code} if error.code else {}
        title = "The request cannot be used"
        response = problem(error.status, title, str(error), **members, correlation_id=correlation)
    except RetryableError as error:
        response = _retry(error, correlation)
    except ConfigurationError as error:
        log.critical("%s", error)
        detail = "the app is not set up rightly; its log and `GET /api/v1/health` say more"
        response = problem(503, "Not configured", detail, headers={"Retry-After": "60"}, correlation_id=correlation)
    except PermanentError as error:
        log.warning("refused: %s", error)
        response = problem(502, "A service refused", str(error), code=error.code, correlation_id=correlation)
    except Exception:
        log.exception("unexpected error, correlation id %s", correlation)
        detail = "this is a defect of the bridge; the app's log has more under the correlation id"
        response = problem(500, "Unexpected error", detail, correlation_id=correlation)
    return response


@contextmanager
def undisclosed() -> Iterator[None]:
    """For functions that fail by raising: the platform itself writes to the log what they raise."""
    try:
        yield
    except Exception as error:
        told = "".join(traceback.format_exception(error))
        if masked(told) == told:
            raise
        safe = BridgeError(told)
    else:
        return
    raise safe from None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks."""

    identity: CallerIdentity
    correlation_id: str

    @property
    def principal(self) -> str:
        return self.identity.principal


def authenticated(
    request: func.HttpRequest, get_bridge: GetBridge, handle: Callable[[Caller], func.HttpResponse]
) -> func.HttpResponse:
    """As `answered`, for callers who may call at all: a stranger's request is not even read."""

    def checked(correlation: str) -> func.HttpResponse:
        identity = get_bridge().authenticator.identify(request.headers)
        return handle(Caller(identity=identity, correlation_id=correlation))

    return answered(request, checked, _telemetry(get_bridge))


def _telemetry(get_bridge: GetBridge) -> Telemetry:
    """Wrong settings are an answer of their own, which `checked` finds."""
    try:
        return get_bridge().telemetry
    except Exception:
        return SILENT


def _reason(error: UnusableRequest) -> str:
    """Why, for the log, without what the answer repeats of the request: that is for its sender."""
    if isinstance(error.__cause__, ValidationError):
        return "it has another form than the route takes"
    return error.code or _QUOTED.sub('"…"', str(error))


def _retry(error: RetryableError, correlation: str) -> func.HttpResponse:
    log.warning("try later: %s", error)
    status = 429 if isinstance(error, Throttled) else 503
    return problem(
        status,
        "Try again later",
        f"{error}; send the same request again",
        headers={"Retry-After": retry_seconds(error)},
        correlation_id=correlation,
    )
