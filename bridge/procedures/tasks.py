"""What tasks do with runs: start one for each run of the task, wait for one, and send the requests of a table."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

ENDED = ("COMPLETED", "FAILED", "CANCELED", "REJECTED")
#: Between two looks: quick for short runs, and not too many statements for long ones.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
REQUESTS_AT_ONCE = 500
#: A task is ended by Snowflake after an hour, and would not say what it had done.
SENDING_SECONDS = 2_400.0
#: When requests fail for so long, the app is away and the next call of the task will do.
FAILING_SECONDS = 600.0
_RUN_ID = re.compile(r"r-[a-z2-7]{26}")
_LOOK = """
SELECT OBJECT_CONSTRUCT_KEEP_NULL(
  'run_id', RUN_ID, 'status', STATUS, 'pipeline', PIPELINE, 'attempt', ATTEMPT, 'accepted_at', ACCEPTED_AT,
  'submitted_at', SUBMITTED_AT, 'started_at', STARTED_AT, 'ended_at', ENDED_AT, 'inputs', INPUTS, 'outputs', OUTPUTS,
  'error_code', ERROR_CODE, 'error_message', ERROR_MESSAGE, 'studio_url', STUDIO_URL, 'fingerprint', FINGERPRINT,
  'rerun_of', RERUN_OF, 'conflicts', CONFLICTS
)
FROM RUNS_ALL WHERE RUN_ID = ?
"""
_THIS_TASK = """
SELECT CURRENT_DATABASE() || '.' || CURRENT_SCHEMA() || '.' || SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME'),
  SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')
"""
_REQUESTS = """
SELECT REQUEST_KEY, PIPELINE, TO_JSON(INPUTS) FROM RUN_REQUESTS WHERE ANSWER IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY PIPELINE, REQUEST_KEY, TO_JSON(INPUTS) ORDER BY REQUESTED_AT) = 1
ORDER BY REQUESTED_AT LIMIT ?
"""
_ANSWER = """
UPDATE RUN_REQUESTS SET ANSWER = PARSE_JSON(?), ANSWERED_AT = CURRENT_TIMESTAMP()
WHERE REQUEST_KEY = ? AND PIPELINE = ? AND TO_JSON(INPUTS) IS NOT DISTINCT FROM ? AND ANSWER IS NULL
"""


class Statement(Protocol):
    """What Snowpark makes of an SQL text."""

    def collect(self) -> Sequence[Any]: ...


class Session(Protocol):
    """As much of a Snowpark session as is needed."""

    def sql(self, query: str, params: Sequence[Any] | None = None) -> Statement: ...


def wait_for_run(session: Session, run_id: Any, seconds: Any, fingerprint: str | None = None) -> dict[str, Any]:
    """The run's row once it has ended, or when the time is up: then with `timed_out`, and status NULL if unknown.

    Raises: RuntimeError when the key of this run was used before for something else, whose row this would be.
    """
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"{run_id!r:.100} is no run id: they look like r-abcdefghijklmnopqrstuvwxyz")
    if seconds is None or seconds < 0:
        raise ValueError("say how many seconds to wait at most, 0 for one look")
    deadline, pause = time.monotonic() + float(seconds), FIRST_PAUSE_SECONDS
    while True:
        found = session.sql(_LOOK, [run_id]).collect()
        row = json.loads(found[0][0]) if found else {"run_id": run_id, "status": None, "fingerprint": None}
        _check_fingerprint(row, fingerprint)
        left = deadline - time.monotonic()
        if row["status"] in ENDED or left <= 0:
            return {**row, "timed_out": row["status"] not in ENDED}
        time.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _check_fingerprint(row: Mapping[str, Any], wanted: str | None) -> None:
    found = row["fingerprint"]
    if wanted is not None and found is not None and found != wanted:
        raise RuntimeError(
            f"run {row['run_id']} does something else than was asked for (fingerprint {found}, wanted {wanted}): "
            "its idempotency key was used before with another pipeline version or other inputs; take a new key"
        )


def start_run_in_task(session: Session, pipeline: str, inputs_json: str | None, home: str) -> dict[str, Any]:
    """Start the run of this run of the task, and leave its id for the next tasks of the graph.

    With the caller's rights, because those of an owner may not set a return value. Hence it also runs in the schema of
    the task, of which the key is made: `home` is the bridge's own, as DATABASE.SCHEMA.

    A repeated run of the graph keeps its group, so it meets the same run again. Once for each pipeline in one task: a
    second call for the same pipeline would meet the first one's run.

    Raises: RuntimeError when the run is rejected, so that the task fails.
    """
    try:
        task, group = session.sql(_THIS_TASK).collect()[0]
    except Exception as error:
        raise RuntimeError(f"this works in tasks only, CALL START_RUN works everywhere: {error}") from error
    answer = _start_run(session, pipeline, inputs_json or "{}", f"task:{task}:{group}", f"{home}.")
    run_id = answer.get("run_id")
    if answer.get("status") == "REJECTED":
        errors = answer.get("errors") or [answer.get("error")]
        raise RuntimeError(f"the run was rejected: {'; '.join(_told(error) for error in errors)} (run id {run_id})")
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise RuntimeError(f"START_RUN gave no run id: {json.dumps(answer)[:500]}")
    session.sql(f"CALL SYSTEM$SET_RETURN_VALUE('{run_id}')").collect()
    return answer


def send_run_requests(session: Session, limit: int = REQUESTS_AT_ONCE) -> dict[str, Any]:
    """Start the runs of RUN_REQUESTS that have no answer yet, oldest first, and write the answers there.

    Sending one twice is harmless, as the key stays; so is a crash between the sending and the writing.

    Raises: RuntimeError when some could not be sent, after all others were: they are sent by the next call.
    """
    deadline = time.monotonic() + SENDING_SECONDS
    statuses: list[str] = []
    failures: dict[tuple[str, str], str] = {}
    failing_seconds, is_more = 0.0, True
    while is_more and failing_seconds <= FAILING_SECONDS and time.monotonic() < deadline:
        # Those that failed are still among the oldest.
        found = session.sql(_REQUESTS, [limit + len(failures)]).collect()
        waiting = [row for row in found if (row[0], row[1]) not in failures]
        is_more = len(waiting) >= limit
        for key, pipeline, inputs in waiting:
            began = time.monotonic()
            try:
                answer = _answer_to(session, key, pipeline, inputs)
                session.sql(_ANSWER, [json.dumps(answer), key, pipeline, inputs]).collect()
                statuses.append(str(answer.get("status")))
            except Exception as error:
                failures[key, pipeline] = f"'{key}': {_last_line(error)}"
                failing_seconds += time.monotonic() - began
            if failing_seconds > FAILING_SECONDS or began > deadline:
                is_more = True
                break
    if failures:
        raise RuntimeError(
            f"{len(failures)} requests could not be sent and stay in RUN_REQUESTS for the next call, "
            f"{len(statuses)} were answered. The first: {next(iter(failures.values()))[:2_000]}"
        )
    return {"answered": len(statuses), "rejected": statuses.count("REJECTED"), "more": is_more}


def _answer_to(session: Session, key: str, pipeline: str, inputs: str | None) -> dict[str, Any]:
    text = inputs if inputs not in {None, "null"} else "{}"
    if not str(text).lstrip().startswith("{"):
        error = {"code": "BAD_ROW", "message": "INPUTS is no object: build it with OBJECT_CONSTRUCT", "field": "inputs"}
        return {"status": "REJECTED", "run_id": None, "pipeline": pipeline, "fingerprint": None, "error": error}
    return _start_run(session, pipeline, str(text), key)


def _start_run(session: Session, pipeline: str, inputs_json: str, key: str, place: str = "") -> dict[str, Any]:
    row = session.sql(f"CALL {place}START_RUN_JSON(?, ?, ?)", [pipeline, inputs_json, key]).collect()[0]
    answer = json.loads(row[0])
    return answer if isinstance(answer, dict) else {"status": None, "answer": answer}


def _last_line(error: Exception) -> str:
    """What a procedure said; Snowflake puts its whole traceback in front."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if re.match(r"\w*(Error|Failed)\b.*: ", line.strip())]
    return (said or lines or [repr(error)])[-1].strip()


def _told(error: Any) -> str:
    return f"{error.get('code')}: {error.get('message')}" if isinstance(error, dict) else str(error)
