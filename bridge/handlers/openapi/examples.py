"""Requests and what came back, as the laptop stack answers them; a test holds their fields equal to real answers."""

from typing import Any

RUN_ID = "r-tvtfimrig4yi6cq27taz3ia22v"
RERUN_ID = "r-lap2tiptpawzfrmyny67avju4n"
LETTER_ID = "c44680905df2cab8cb9c6d662cc5c851"
_FINGERPRINT = "e2120552b46ef9f9dcd18311f4ddf46db89bdf96512178690b3fe1d984058750"
_BATCH_ID = "01b8c0de-0000-4a00-0000-00000000b001:1"
_QUERY_ID = "01b8c0de-0000-4a00-0000-00000000a001"
_TRACE_ID = "8322d77c8cbf559075cd60a5037d35b5"
_CORRELATION_ID = "996bad15-0298-4c76-868b-8588b0469726"
_PIPELINE = "churn-training"
_INPUTS = {"as_of": "2026-11-01"}
_STUDIO = "https://ml.azure.com/runs/r-tvtfimrig4yi6cq27taz3ia22v"

# Snowflake's external functions: arguments and values of one row

RUN_ARGUMENTS: list[Any] = [_PIPELINE, _INPUTS, "nightly-2026-11-01"]
EVENT_ARGUMENTS: list[Any] = ["Team.ScoresWritten", "tables/scores", {"rows": 1000}, None]
MESSAGE_ARGUMENTS: list[Any] = ["run-commands", {"pipeline": _PIPELINE, "inputs": _INPUTS}, None]
ROW_ACCEPTED = {"status": "ACCEPTED", "run_id": RUN_ID, "pipeline": _PIPELINE, "fingerprint": _FINGERPRINT} | {
    "trace_id": _TRACE_ID,
}
ROW_CANCELLED = {"status": "CANCEL_REQUESTED", "run_id": RUN_ID}
ROW_RERUN = {**ROW_ACCEPTED, "run_id": RERUN_ID, "rerun_of": RUN_ID}
ROW_REPLAYED = {"status": "REPLAYED", "dead_letter_id": LETTER_ID, "queue": "run-commands"} | {
    "run_id": RUN_ID,
    "attempt": 2,
}
ROW_REJECTED = {
    "status": "REJECTED",
    "run_id": RUN_ID,
    "pipeline": _PIPELINE,
    "fingerprint": None,
    "trace_id": _TRACE_ID,
    "error": {"code": "MISSING_INPUT", "message": "input as_of is required", "field": "as_of"},
}
ROW_ENDED = {
    **ROW_ACCEPTED,
    "status": "COMPLETED",
    "outputs": {"model": "azureml:churn:4"},
    "studio_url": _STUDIO,
    "started_at": "2026-11-20T11:24:31+00:00",
    "ended_at": "2026-11-20T11:30:02+00:00",
    "timed_out": False,
}
ROW_PING = {"bridge": "laptop", "version": "0.1.0", "principal": "key", "roles": []} | {
    "query_id": _QUERY_ID,
    "query_batch_id": _BATCH_ID,
    "correlation_id": _BATCH_ID,
}

# The other routes

RUN_BODY = {"pipeline": _PIPELINE, "inputs": _INPUTS, "idempotency_key": "nightly-2026-11-01"}
RERUN_BODY = {"idempotency_key": "nightly-2026-11-01-again"}
EVENT_BODY = {"type": "Team.ScoresWritten", "subject": "tables/scores", "data": {"rows": 1000}}
MESSAGE_BODY = {"queue": "run-commands", "body": {"pipeline": _PIPELINE, "inputs": _INPUTS}}
ACCEPTED = {**ROW_ACCEPTED, "idempotency_key": RUN_BODY["idempotency_key"]}
RERUN = {**ROW_RERUN, "idempotency_key": RERUN_BODY["idempotency_key"]}
DRY_RUN = {"dry_run": True, "would_submit": {"schema_version": 1, "run_id": RUN_ID, "pipeline": _PIPELINE}}
RUN = {
    "run_id": RUN_ID,
    "status": "RUNNING",
    "pipeline": _PIPELINE,
    "fingerprint": _FINGERPRINT,
    "job_name": RUN_ID,
    "workspace": "laptop-ws",
    "studio_url": _STUDIO,
    "submitted_at": "2026-11-20T11:24:30+00:00",
    "started_at": "2026-11-20T11:24:31+00:00",
    "ended_at": None,
    "error_code": None,
    "error_message": None,
    "outputs": None,
}
RUNS = {"runs": [RUN], "limit": 50, "offset": 0}
CANCELLED = {**ROW_CANCELLED, "correlation_id": _CORRELATION_ID}
REPLAYED = {**ROW_REPLAYED, "correlation_id": _CORRELATION_ID}
LETTER = {
    "dead_letter_id": LETTER_ID,
    "queue": "run-commands",
    "body": '{"pipelin": "churn-training"}',
    "body_sha256": "47d4b6735915103cdd69388fd9dba73cd2cc709414d1fdfdb458feabac1b56cc",
    "reason": "POISON",
    "description": "pipeline: Field required; pipelin: Extra inputs are not permitted",
    "message_id": "m1",
    "run_id": None,
    "door": None,
    "occurred_at": "2026-11-20T11:24:31+00:00",
}
LETTERS = {"dead_letters": [{**LETTER, "body_characters": 29}], "limit": 50, "offset": 0}
PUBLISHED = {"status": "PUBLISHED", "event_id": "b965b334-5c90-43d9-a2ba-a174b2c62606", "topic": "custom"}
SENT = {"status": "SENT", "message_id": "23078446-0889-4b91-880c-e30328663e29", "queue": "run-commands"}
PIPELINES = [
    {
        "name": _PIPELINE,
        "description": "Train the churn model on one day's snapshot.",
        "inputs_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"as_of": {"type": "string", "format": "date"}},
            "required": ["as_of"],
            "additionalProperties": False,
        },
    }
]
HEALTH = {"status": "ok", "version": "0.1.0"}
DOCUMENT = {"openapi": "3.0.3", "info": {"title": "AML bridge", "version": "0.1.0"}, "paths": {}}
PROBLEM = {
    "type": "about:blank",
    "status": 422,
    "title": "Rejected",
    "detail": "input as_of is required",
    "code": "MISSING_INPUT",
    "errors": [{"code": "MISSING_INPUT", "message": "input as_of is required", "field": "as_of"}],
    "correlation_id": _CORRELATION_ID,
}
