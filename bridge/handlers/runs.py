"""The REST routes for curl, Logic Apps and the command line."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar

import azure.functions as func
from pydantic import AfterValidator, Field, StrictBool, ValidationError

from bridge import __version__
from bridge.domain.commands import Origin
from bridge.domain.context import current_traceparent
from bridge.domain.errors import ConfigurationError, RetryableError
from bridge.domain.inputs import Violation
from bridge.domain.pipelines import inputs_schema
from bridge.domain.statuses import BridgeStatus
from bridge.handlers.answers import (
    Caller,
    GetBridge,
    answered,
    as_json,
    authenticated,
    problem,
    retry_seconds,
)
from bridge.handlers.wire import run_id_problem, run_result, violation_fields
from bridge.payloads import lossless
from bridge.payloads.commands import write_submit
from bridge.payloads.external_function import UnusableRequest, unpack
from bridge.payloads.shape import Shape, complaints, in_utc
from bridge.ports import Bridge, RunFilter
from bridge.services.accept_runs import (
    NAME_LIMIT,
    RunAnswer,
    RunRequest,
    accept_runs,
    idempotency_key,
    key_problem,
)
from bridge.services.cancel_run import request_cancel
from bridge.services.find_runs import find_run, find_runs
from bridge.services.rerun import RerunRefusal, RerunRequest, rerun_runs

log = logging.getLogger(__name__)
SOURCE = "http"
#: Our own procedures in Snowflake say so. Only for the reader: it gives no rights.
SOURCE_HEADER = "x-bridge-source"
SOURCES = frozenset({SOURCE, "procedure"})
#: The key of the function may come in the query; the platform has looked at it and hands it on.
KEY_PARAMETER = "code"
#: HTTP status of a rejection, by the first violation's code.
REJECTION_STATUS = {
    "UNKNOWN_PIPELINE": 404,
    "UNKNOWN_RUN": 404,
    "UNKNOWN_DEAD_LETTER": 404,
    "UNKNOWN_QUEUE": 404,
    "NOT_ALLOWED": 403,
    "TOO_LARGE": 413,
    "IDEMPOTENCY_CONFLICT": 409,
    "INPUTS_NOT_KEPT": 409,
    "ACCESS_DENIED": 502,
    "EVENT_REFUSED": 502,
}
Model = TypeVar("Model", bound=Shape)


class CreateRunBody(Shape):
    """`POST /api/v1/runs`."""

    pipeline: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    inputs: dict[str, Any] | None = None
    idempotency_key: str | None = None
    dry_run: StrictBool = False


class RerunBody(Shape):
    """`POST /api/v1/runs/{run_id}/rerun`; the body may be left out."""

    idempotency_key: str | None = None


class RunsQuery(Shape):
    """The query of `GET /api/v1/runs`."""

    status: Annotated[str, Field(pattern="^[A-Za-z_]{1,40}$")] | None = None
    pipeline: Annotated[str, Field(max_length=200)] | None = None
    query_batch_id: Annotated[str, Field(max_length=200)] | None = None
    since: Annotated[datetime, AfterValidator(in_utc)] | None = None
    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0, le=1_000_000)


def create(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Start one run: 202 with its id, or a problem that says what would be right."""

    def handle(caller: Caller) -> func.HttpResponse:
        body = read_body(request, CreateRunBody)
        wanted = _run_request(body, request, caller)
        # Fixed before anything is sent, so that a caller without a key can send the same request again after a 503.
        key = idempotency_key(wanted)
        wanted = RunRequest(pipeline=wanted.pipeline, inputs=wanted.inputs, idempotency_key=key, origin=wanted.origin)
        try:
            answer = accept_runs([wanted], get_bridge(), dry_run=body.dry_run)[0]
        except RetryableError as error:
            return _not_taken(error, key, caller.correlation_id)
        return _answer(answer, caller.correlation_id, dry_run=body.dry_run)

    return authenticated(request, get_bridge, handle)


def listing(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Runs from the ledger, newest first."""

    def handle(_: Caller) -> func.HttpResponse:
        query = read_query(request, RunsQuery)
        wanted = RunFilter(
            status=query.status.upper() if query.status else None,
            pipeline=query.pipeline,
            query_batch_id=query.query_batch_id,
            since=query.since,
            limit=query.limit,
            offset=query.offset,
        )
        return as_json({"runs": list(find_runs(wanted, get_bridge())), "limit": query.limit, "offset": query.offset})

    return authenticated(request, get_bridge, handle)


def show(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """One run: live from Azure ML, else from the ledger."""

    def handle(caller: Caller) -> func.HttpResponse:
        run_id = request.route_params["run_id"]
        bridge = get_bridge()
        found = find_run(run_id, bridge)
        if found is not None:
            return as_json(found)
        detail = no_such_run(run_id, bridge)
        return problem(404, "No such run", detail, code="UNKNOWN_RUN", correlation_id=caller.correlation_id)

    return authenticated(request, get_bridge, handle)


def no_such_run(run_id: str, bridge: Bridge) -> str:
    """What to tell whoever asks for one that neither Azure ML nor the ledger has."""
    return (
        f'no run "{run_id[:100]}": ids look like r-abcdefghijklmnopqrstuvwxyz, and a run that was just accepted '
        f"shows up within about {bridge.record_window.total_seconds() + 30:.0f} seconds"
    )


def pipelines(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """The catalogue: what can be run, with which inputs."""

    def handle(_: Caller) -> func.HttpResponse:
        catalogue = get_bridge().catalogue
        found = [pipeline for name in catalogue.names() if (pipeline := catalogue.find(name))]
        return as_json(
            [
                {"name": each.name, "description": each.description, "inputs_schema": inputs_schema(each)}
                for each in found
            ]
        )

    return authenticated(request, get_bridge, handle)


def cancel(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Ask for a run to be cancelled: 202, and the run's row tells what became of it."""

    def handle(caller: Caller) -> func.HttpResponse:
        run_id = _run_id(request)
        request_cancel(run_id, caller.identity, get_bridge())
        return as_json(
            {"run_id": run_id, "status": "CANCEL_REQUESTED", "correlation_id": caller.correlation_id}, status=202
        )

    return authenticated(request, get_bridge, handle)


def rerun(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Start a run once more: 202 with the new run's id, or a problem that says why not."""

    def handle(caller: Caller) -> func.HttpResponse:
        run_id = _run_id(request)
        body = read_body(request, RerunBody) if request.get_body() else RerunBody()
        # As for a new run: fixed before anything is sent.
        key = _key(body.idempotency_key, request) or str(uuid.uuid4())
        wanted = RerunRequest(run_id=run_id, idempotency_key=key, origin=_origin(request, caller))
        try:
            (answer,) = rerun_runs([wanted], get_bridge())
        except RetryableError as error:
            return _not_taken(error, key, caller.correlation_id)
        if isinstance(answer, RerunRefusal):
            return refusal([answer.violation], caller.correlation_id, rerun_of=run_id)
        return _answer(answer, caller.correlation_id, rerun_of=run_id)

    return authenticated(request, get_bridge, handle)


def health(request: func.HttpRequest, get_problems: Callable[[], ConfigurationError | None]) -> func.HttpResponse:
    """For probes. Whoever asks needs no key, so the problems themselves stay in the log."""

    def handle(_: str) -> func.HttpResponse:
        problems = get_problems()
        if problems is None:
            return as_json({"status": "ok", "version": __version__})
        detail = f"{str(problems).partition(':')[0]}; the app's log lists them"
        return problem(503, "Not configured", detail)

    return answered(request, handle)


def source(request: func.HttpRequest) -> str:
    """The door, as the request names it, if it is one."""
    named = request.headers.get(SOURCE_HEADER) or SOURCE
    return named if named in SOURCES else SOURCE


def read_body(request: func.HttpRequest, model: type[Model]) -> Model:
    """Raises: UnusableRequest."""
    try:
        document = lossless.loads(unpack(request.get_body(), request.headers.get("content-encoding")))
        return model.model_validate(document)
    except ValidationError as error:
        raise UnusableRequest(400, complaints(error)) from error
    except ValueError as error:
        raise UnusableRequest(400, f"the body is {error}") from error


def read_query(request: func.HttpRequest, model: type[Model]) -> Model:
    """Raises: UnusableRequest."""
    try:
        return model.model_validate({name: value for name, value in request.params.items() if name != KEY_PARAMETER})
    except ValidationError as error:
        raise UnusableRequest(400, f"query: {complaints(error)}") from error


def refusal(violations: Sequence[Violation], correlation: str, **members: Any) -> func.HttpResponse:
    """The problem that a refusal is, which is logged; `members` say what it is about."""
    log.warning("a request is refused: %s, correlation id %s", violations[0].code, correlation)
    return _rejection(violations, correlation, **members)


def _rejection(violations: Sequence[Violation], correlation: str, **members: Any) -> func.HttpResponse:
    first = violations[0]
    return problem(
        REJECTION_STATUS.get(str(first.code), 422),
        "Rejected",
        "; ".join(violation.message for violation in violations),
        code=str(first.code),
        errors=[violation_fields(violation) for violation in violations],
        correlation_id=correlation,
        **members,
    )


def _run_id(request: func.HttpRequest) -> str:
    run_id = str(request.route_params["run_id"])
    bad = run_id_problem(run_id)
    if bad is not None:
        raise UnusableRequest(404, bad.message, str(bad.code))
    return run_id


def _key(in_body: str | None, request: func.HttpRequest) -> str | None:
    header = request.headers.get("idempotency-key")
    if header is not None and in_body is not None and header != in_body:
        raise UnusableRequest(400, "the header Idempotency-Key and the field idempotency_key differ: give one")
    key = header if in_body is None else in_body
    bad_key = key_problem(key)
    if bad_key is not None:
        raise UnusableRequest(400, bad_key.message, str(bad_key.code))
    return key


def _origin(request: func.HttpRequest, caller: Caller) -> Origin:
    return Origin(
        source=source(request),
        **asdict(caller.identity),
        correlation_id=caller.correlation_id,
        traceparent=current_traceparent(),
    )


def _run_request(body: CreateRunBody, request: func.HttpRequest, caller: Caller) -> RunRequest:
    return RunRequest(
        pipeline=body.pipeline,
        inputs=body.inputs or {},
        idempotency_key=_key(body.idempotency_key, request),
        origin=_origin(request, caller),
    )


def _answer(answer: RunAnswer, correlation: str, *, dry_run: bool = False, **members: Any) -> func.HttpResponse:
    if answer.status == BridgeStatus.REJECTED:
        known = {"run_id": answer.run_id, "trace_id": answer.trace_id}
        return _rejection(answer.violations, correlation, **known, **members)
    if dry_run and answer.command is not None:
        return as_json({"dry_run": True, "would_submit": write_submit(answer.command)})
    result: Mapping[str, Any] = {**run_result(answer), "idempotency_key": answer.idempotency_key, **members}
    return as_json(result, status=202, headers={"Location": f"/api/v1/runs/{answer.run_id}"})


def _not_taken(error: RetryableError, key: str, correlation: str) -> func.HttpResponse:
    return problem(
        503,
        "Try again later",
        f"{error}; send the same request again with this idempotency_key, and it still makes one run",
        headers={"Retry-After": retry_seconds(error)},
        idempotency_key=key,
        correlation_id=correlation,
    )
