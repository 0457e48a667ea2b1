"""Batches of external functions and service functions: rows in, a value a row out."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import Origin
from bridge.domain.context import current_traceparent
from bridge.domain.identity import is_run_id
from bridge.domain.inputs import Violation
from bridge.handlers.answers import Caller, GetBridge, authenticated
from bridge.payloads import external_function
from bridge.payloads.external_function import WireContext, WireRow
from bridge.services.accept_runs import RunAnswer

log = logging.getLogger(__name__)
SOURCE = "external_function"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One call of an external function."""

    rows: list[WireRow]
    context: WireContext
    caller: CallerIdentity
    correlation_id: str
    traceparent: str | None

    def origin(self, row: WireRow) -> Origin:
        """Where a row's request came from."""
        return Origin(
            source=SOURCE,
            principal=self.caller.principal,
            roles=self.caller.roles,
            app_roles=self.caller.app_roles,
            correlation_id=self.correlation_id,
            query_id=self.context.query_id,
            query_batch_id=self.context.query_batch_id,
            row_number=row.number,
            batch_rows=len(self.rows),
            traceparent=self.traceparent,
        )

    def key(self, row: WireRow) -> str | None:
        """The row's own name, the same when the batch is sent again; None when Snowflake did not name the batch."""
        batch_id = self.context.query_batch_id
        return None if batch_id is None else f"{batch_id}:{row.number}"


def answered_batch(
    request: func.HttpRequest, get_bridge: GetBridge, values: Callable[[Batch], list[Any]]
) -> func.HttpResponse:
    """The values of a batch's rows, in their order, in Snowflake's wire format."""

    def handle(caller: Caller) -> func.HttpResponse:
        batch = read_batch(request, caller)
        found = values(batch)
        _log_refusals(batch, found)
        return rows_answer(batch, found)

    return authenticated(request, get_bridge, handle)


def _log_refusals(batch: Batch, values: list[Any]) -> None:
    """One line however many rows. What is known of a run is logged where its request is judged."""
    refused = [value for value in values if value.get("status") == "REJECTED" and "fingerprint" not in value]
    if refused:
        codes = Counter(value["error"]["code"] for value in refused)
        found = ", ".join(f"{count} {code}" for code, count in codes.most_common(10))
        log.warning("of %d rows by %s: %s", len(values), batch.caller.principal, found)


def read_batch(request: func.HttpRequest, caller: Caller) -> Batch:
    """Raises: UnusableRequest."""
    body = external_function.unpack(request.get_body(), request.headers.get("content-encoding"))
    return Batch(
        rows=external_function.read_rows(body),
        context=external_function.read_context(request.headers),
        caller=caller.identity,
        correlation_id=caller.correlation_id,
        traceparent=current_traceparent(),
    )


def rows_answer(batch: Batch, values: list[Any]) -> func.HttpResponse:
    numbered = [(row.number, value) for row, value in zip(batch.rows, values, strict=True)]
    return func.HttpResponse(external_function.write_rows(numbered), mimetype="application/json")


def run_result(answer: RunAnswer) -> dict[str, Any]:
    """What SQL sees of one request for a run."""
    result: dict[str, Any] = {
        "status": answer.status.value,
        "run_id": answer.run_id,
        "pipeline": answer.pipeline,
        "fingerprint": answer.fingerprint,
        "trace_id": answer.trace_id,
    }
    if answer.violations:
        result |= errors_of(*answer.violations)
    return result


def rejected(*violations: Violation, **members: Any) -> dict[str, Any]:
    """What SQL sees of a request that cannot be done."""
    return {"status": "REJECTED", **members, **errors_of(*violations)}


def errors_of(*violations: Violation) -> dict[str, Any]:
    """The first as `error`; all as `errors` when there are several."""
    result: dict[str, Any] = {"error": violation_fields(violations[0])}
    if len(violations) > 1:
        result["errors"] = [violation_fields(violation) for violation in violations]
    return result


def violation_fields(violation: Violation) -> dict[str, Any]:
    return {"code": str(violation.code), "message": violation.message, "field": violation.field}


def run_id_problem(run_id: Any) -> Violation | None:
    """A run id has the form of ours; whether there is such a run is another question."""
    if isinstance(run_id, str) and is_run_id(run_id):
        return None
    given = f'"{run_id[:100]}"' if isinstance(run_id, str) else "this"
    message = f"{given} is no run id: they look like r-abcdefghijklmnopqrstuvwxyz"
    return Violation(code="BAD_RUN_ID", message=message, field="run_id")


def arguments_problem(row: WireRow, counts: tuple[int, ...], names: str) -> Violation | None:
    """A row has one of these numbers of arguments; `names` tells which they are."""
    if len(row.arguments) in counts:
        return None
    message = f"the row has {len(row.arguments)} arguments: give {names}"
    return Violation(code="BAD_ROW", message=message, field="arguments")
