"""The asynchronous external function `run_and_wait`: a POST starts the runs, GETs ask until they have ended.

Source: docs.snowflake.com, external-functions-implementation, "Asynchronous remote service".
"""

from collections.abc import Mapping
from typing import Any

import azure.functions as func

from bridge.domain.inputs import Violation
from bridge.domain.statuses import BridgeStatus
from bridge.handlers.answers import Caller, GetBridge, as_json, authenticated
from bridge.handlers.snowflake import run_request
from bridge.handlers.wire import Batch, read_batch, rejected, rows_answer, run_result
from bridge.payloads.external_function import UnusableRequest, read_context, write_rows
from bridge.services.accept_runs import accept_runs
from bridge.services.run_and_wait import READ_EVERY, RecentBatches, WaitedRow, wait_for_batch

#: Of this process.
recent_batches = RecentBatches()
#: What a value repeats of its run's row.
COLUMNS = (
    *("status", "run_id", "pipeline", "fingerprint", "trace_id"),
    *("outputs", "studio_url", "started_at", "ended_at"),
)
NO_BATCH_ID = "the header sf-external-function-query-batch-id is missing: only Snowflake can wait here"


def run_and_wait(request: func.HttpRequest, get_bridge: GetBridge, recent: RecentBatches) -> func.HttpResponse:
    """`run_and_wait(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)`, for each row of the batch."""

    def handle(caller: Caller) -> func.HttpResponse:
        if request.method.upper() == "GET":
            return _look(request, get_bridge, recent)
        return _start(read_batch(request, caller), get_bridge)

    return authenticated(request, get_bridge, handle)


def _start(batch: Batch, get_bridge: GetBridge) -> func.HttpResponse:
    """As `submit_run`; Snowflake comes back for the values, unless no run was started."""
    if batch.context.query_batch_id is None:
        raise UnusableRequest(400, NO_BATCH_ID)
    if len({row.number for row in batch.rows}) < len(batch.rows):
        raise UnusableRequest(400, "a row number comes twice: each row of a batch has its own")
    answers = accept_runs([run_request(row, batch) for row in batch.rows], get_bridge())
    if any(answer.status == BridgeStatus.ACCEPTED for answer in answers):
        return _come_again()
    return rows_answer(batch, [run_result(answer) for answer in answers])


def _look(request: func.HttpRequest, get_bridge: GetBridge, recent: RecentBatches) -> func.HttpResponse:
    batch_id = read_context(request.headers).query_batch_id
    if batch_id is None:
        raise UnusableRequest(400, NO_BATCH_ID)
    rows = wait_for_batch(batch_id, recent, get_bridge())
    if rows is None:
        return _come_again()
    return func.HttpResponse(write_rows([(row.number, _value(row)) for row in rows]), mimetype="application/json")


def _come_again() -> func.HttpResponse:
    headers = {"Retry-After": f"{READ_EVERY.total_seconds():.0f}"}
    return as_json({"status": "WAITING"}, status=202, headers=headers)


def _value(row: WaitedRow) -> dict[str, Any]:
    run: Mapping[str, Any] = row.run or {}
    if row.refusal is not None:
        code, message = row.refusal
        return rejected(
            Violation(code=code, message=message),
            run_id=run.get("run_id"),
            pipeline=run.get("pipeline"),
            fingerprint=run.get("request_fingerprint"),
            trace_id=run.get("trace_id"),
        )
    value = {name: run.get(name) for name in COLUMNS} | {"timed_out": not row.has_ended}
    value["status"] = value["status"] or "UNKNOWN"  # not recorded yet
    if run.get("error_code") or run.get("error_message"):
        value["error"] = {"code": run.get("error_code"), "message": run.get("error_message")}
    return value
