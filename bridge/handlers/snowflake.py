"""External functions and service functions that start runs: `submit_run`, and `ping`."""

from collections.abc import Mapping
from typing import Any

import azure.functions as func

from bridge import __version__
from bridge.domain.inputs import Violation
from bridge.handlers.answers import GetBridge
from bridge.handlers.wire import Batch, answered_batch, arguments_problem, run_result
from bridge.payloads.external_function import WireRow
from bridge.services.accept_runs import NAME_LIMIT, RunRequest, accept_runs, key_problem

SUBMIT_ARGUMENTS = (2, 3)


def submit_run(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`submit_run(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)`, for each row of the batch."""

    def values(batch: Batch) -> list[Any]:
        requests = [run_request(row, batch) for row in batch.rows]
        return [run_result(answer) for answer in accept_runs(requests, get_bridge())]

    return answered_batch(request, get_bridge, values)


def ping(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`ping()`: whether Snowflake reaches the app, and as whom."""

    def values(batch: Batch) -> list[Any]:
        value = {
            "bridge": get_bridge().name,
            "version": __version__,
            "principal": batch.caller.principal,
            "roles": list(batch.caller.roles),
            "query_id": batch.context.query_id,
            "query_batch_id": batch.context.query_batch_id,
            "correlation_id": batch.correlation_id,
        }
        return [value] * len(batch.rows)

    return answered_batch(request, get_bridge, values)


def run_request(row: WireRow, batch: Batch) -> RunRequest:
    """The run that a row asks for."""
    pipeline, inputs, key = [*row.arguments, None, None, None][:3]
    return RunRequest(
        pipeline=pipeline[:NAME_LIMIT] if isinstance(pipeline, str) else "",
        inputs=inputs if isinstance(inputs, Mapping) else {},
        idempotency_key=key if isinstance(key, str) and key else None,
        origin=batch.origin(row),
        problem=_row_problem(row, pipeline, inputs, key),
    )


def _row_problem(row: WireRow, pipeline: Any, inputs: Any, key: Any) -> Violation | None:
    """What makes the row no request at all; its inputs are looked at later."""
    miscounted = arguments_problem(row, SUBMIT_ARGUMENTS, "pipeline, inputs and idempotency_key")
    if miscounted is not None:
        return miscounted
    if not isinstance(pipeline, str) or not pipeline:
        return Violation(code="BAD_ROW", message="the pipeline's name is missing: give it as text", field="pipeline")
    if len(pipeline) > NAME_LIMIT:
        message = f"the pipeline's name has {len(pipeline)} characters: at most {NAME_LIMIT} are allowed"
        return Violation(code="BAD_ROW", message=message, field="pipeline")
    if inputs is not None and not isinstance(inputs, Mapping):
        message = "the inputs are not an object: build them with OBJECT_CONSTRUCT_KEEP_NULL(…) or {…}"
        return Violation(code="BAD_ROW", message=message, field="inputs")
    return key_problem(key)
