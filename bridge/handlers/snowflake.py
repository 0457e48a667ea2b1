"""External functions and service functions: Snowflake's wire format in, a value a row out."""

from collections.abc import Mapping
from typing import Any

import azure.functions as func

from bridge import __version__
from bridge.domain.commands import Origin
from bridge.domain.inputs import Violation
from bridge.handlers.answers import GetBridge, answered, traceparent
from bridge.payloads import external_function
from bridge.payloads.external_function import WireContext, WireRow
from bridge.services.accept_runs import RunAnswer, RunRequest, accept_runs

#: With function keys every caller is the same principal.
KEY_PRINCIPAL = "key"
SOURCE = "external_function"
SUBMIT_ARGUMENTS = (2, 3)
#: No pipeline's name is longer; what a caller gives instead is not repeated in answers and rows beyond this.
NAME_LIMIT = 200


def submit_run(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`submit_run(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)`, for each row of the batch."""

    def handle(correlation: str) -> func.HttpResponse:
        context, rows = _read(request)
        requests = [_run_request(row, len(rows), context, correlation, request) for row in rows]
        answers = accept_runs(requests, get_bridge())
        return _rows([(row.number, row_result(answer)) for row, answer in zip(rows, answers, strict=True)])

    return answered(request, handle)


def ping(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`ping()`: whether Snowflake reaches the app, and as whom."""

    def handle(correlation: str) -> func.HttpResponse:
        context, rows = _read(request)
        value = {
            "bridge": get_bridge().name,
            "version": __version__,
            "principal": KEY_PRINCIPAL,
            "query_id": context.query_id,
            "query_batch_id": context.query_batch_id,
            "correlation_id": correlation,
        }
        return _rows([(row.number, value) for row in rows])

    return answered(request, handle)


def row_result(answer: RunAnswer) -> dict[str, Any]:
    """What SQL sees of one request."""
    result: dict[str, Any] = {
        "status": answer.status.value,
        "run_id": answer.run_id,
        "pipeline": answer.pipeline,
        "fingerprint": answer.fingerprint,
    }
    if answer.violations:
        result["error"] = violation_fields(answer.violations[0])
        if len(answer.violations) > 1:
            result["errors"] = [violation_fields(violation) for violation in answer.violations]
    return result


def violation_fields(violation: Violation) -> dict[str, Any]:
    return {"code": str(violation.code), "message": violation.message, "field": violation.field}


def _read(request: func.HttpRequest) -> tuple[WireContext, list[WireRow]]:
    body = external_function.unpack(request.get_body(), request.headers.get("content-encoding"))
    return external_function.read_context(request.headers), external_function.read_rows(body)


def _run_request(
    row: WireRow, batch_rows: int, context: WireContext, correlation: str, request: func.HttpRequest
) -> RunRequest:
    origin = Origin(
        source=SOURCE,
        principal=KEY_PRINCIPAL,
        correlation_id=correlation,
        query_id=context.query_id,
        query_batch_id=context.query_batch_id,
        row_number=row.number,
        batch_rows=batch_rows,
        traceparent=traceparent(request),
    )
    pipeline, inputs, key = [*row.arguments, None, None, None][:3]
    problem = _row_problem(row, pipeline, inputs, key)
    return RunRequest(
        pipeline=pipeline[:NAME_LIMIT] if isinstance(pipeline, str) else "",
        inputs=inputs if isinstance(inputs, Mapping) else {},
        idempotency_key=key if isinstance(key, str) and key else None,
        origin=origin,
        problem=problem,
    )


def _row_problem(row: WireRow, pipeline: Any, inputs: Any, key: Any) -> Violation | None:
    """What makes the row no request at all; its inputs are looked at later."""
    if len(row.arguments) not in SUBMIT_ARGUMENTS:
        message = f"the row has {len(row.arguments)} arguments: give pipeline, inputs and idempotency_key"
        return Violation(code="BAD_ROW", message=message, field="arguments")
    if not isinstance(pipeline, str) or not pipeline:
        return Violation(code="BAD_ROW", message="the pipeline's name is missing: give it as text", field="pipeline")
    if len(pipeline) > NAME_LIMIT:
        message = f"the pipeline's name has {len(pipeline)} characters: at most {NAME_LIMIT} are allowed"
        return Violation(code="BAD_ROW", message=message, field="pipeline")
    if inputs is not None and not isinstance(inputs, Mapping):
        message = "the inputs are not an object: build them with OBJECT_CONSTRUCT_KEEP_NULL(…) or {…}"
        return Violation(code="BAD_ROW", message=message, field="inputs")
    return key_problem(key)


def key_problem(key: Any) -> Violation | None:
    """A key is text that fits into ids and logs."""
    if key is None or (isinstance(key, str) and len(key) <= 500 and key.isprintable()):
        return None
    message = "the idempotency key must be text of at most 500 printable characters, or NULL"
    return Violation(code="BAD_KEY", message=message, field="idempotency_key")


def _rows(values: list[tuple[int, Any]]) -> func.HttpResponse:
    return func.HttpResponse(external_function.write_rows(values), mimetype="application/json")
