"""External functions for runs that are there: `cancel_run`, `rerun`, and `replay` of dead letters."""

from typing import Any

import azure.functions as func

from bridge.domain.inputs import Violation
from bridge.handlers.answers import GetBridge
from bridge.handlers.dead_letters import read_letter, replayed
from bridge.handlers.wire import (
    Batch,
    answered_batch,
    arguments_problem,
    rejected,
    run_id_problem,
    run_result,
)
from bridge.payloads.external_function import WireRow
from bridge.services.accept_runs import RunAnswer, key_problem
from bridge.services.cancel_run import CancelRequest, request_cancels
from bridge.services.replay_dead_letters import ReplayAnswer, ReplayRequest, replay_dead_letters
from bridge.services.rerun import RerunRefusal, RerunRequest, rerun_runs

#: Characters of what a caller gives as an id that an answer repeats.
ID_LIMIT = 100


def cancel_run(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`cancel_run(run_id VARCHAR)`, for each row of the batch."""

    def values(batch: Batch) -> list[Any]:
        problems = [arguments_problem(row, (1,), "run_id") or run_id_problem(row.arguments[0]) for row in batch.rows]
        wanted = [
            CancelRequest(run_id=row.arguments[0], origin=batch.key(row) or "")
            for row, problem in zip(batch.rows, problems, strict=True)
            if problem is None
        ]
        request_cancels(wanted, batch.caller, get_bridge())
        return [
            {"status": "CANCEL_REQUESTED", "run_id": row.arguments[0]}
            if problem is None
            else rejected(problem, run_id=_shown_id(row))
            for row, problem in zip(batch.rows, problems, strict=True)
        ]

    return answered_batch(request, get_bridge, values)


def rerun(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`rerun(run_id VARCHAR, idempotency_key VARCHAR)`, for each row of the batch."""

    def values(batch: Batch) -> list[Any]:
        requests = [_rerun_request(row, batch) for row in batch.rows]
        answers = rerun_runs(requests, get_bridge())
        return [_rerun_result(row, answer) for row, answer in zip(batch.rows, answers, strict=True)]

    return answered_batch(request, get_bridge, values)


def replay(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """`replay(dead_letter_id VARCHAR)`, for each row of the batch."""

    def values(batch: Batch) -> list[Any]:
        requests = [_replay_request(row, batch) for row in batch.rows]
        return [
            _replay_result(row, answer)
            for row, answer in zip(batch.rows, replay_dead_letters(requests, read_letter, get_bridge()), strict=True)
        ]

    return answered_batch(request, get_bridge, values)


def _rerun_request(row: WireRow, batch: Batch) -> RerunRequest:
    run_id, key = [*row.arguments, None, None][:2]
    problem = arguments_problem(row, (1, 2), "run_id and idempotency_key") or run_id_problem(run_id) or key_problem(key)
    return RerunRequest(
        run_id=str(run_id),
        idempotency_key=key if isinstance(key, str) and key else None,
        origin=batch.origin(row),
        problem=problem,
    )


def _rerun_result(row: WireRow, answer: RunAnswer | RerunRefusal) -> dict[str, Any]:
    if isinstance(answer, RerunRefusal):
        return rejected(answer.violation, run_id=None, rerun_of=_shown_id(row))
    return {**run_result(answer), "rerun_of": row.arguments[0]}


def _replay_request(row: WireRow, batch: Batch) -> ReplayRequest:
    problem = arguments_problem(row, (1,), "dead_letter_id") or _letter_id_problem(row.arguments[0])
    return ReplayRequest(
        dead_letter_id=str(row.arguments[0]) if problem is None else "",
        caller=batch.caller,
        occasion=batch.key(row),
        problem=problem,
    )


def _letter_id_problem(dead_letter_id: Any) -> Violation | None:
    if isinstance(dead_letter_id, str) and 0 < len(dead_letter_id) <= ID_LIMIT:
        return None
    message = f"the dead letter's id is missing: give it as text of at most {ID_LIMIT} characters"
    return Violation(code="BAD_ROW", message=message, field="dead_letter_id")


def _replay_result(row: WireRow, answer: ReplayAnswer) -> dict[str, Any]:
    if answer.violations:
        return rejected(*answer.violations, dead_letter_id=_shown_id(row))
    return dict(replayed(answer))


def _shown_id(row: WireRow) -> str | None:
    given = row.arguments[0] if row.arguments else None
    return given[:ID_LIMIT] if isinstance(given, str) else None
