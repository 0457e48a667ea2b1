"""A night of runs, invented: for pages that have something to show."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain import events
from bridge.domain.events import RunEvent
from bridge.domain.identity import short_hash
from bridge.domain.records import ActionStatus, DeadLetter, Records, RuleAction, dead_letter
from bridge.domain.statuses import BridgeStatus, JobStatus, Note

#: Pipeline, runs in a night, minutes that one takes, of a hundred how many fail.
PIPELINES = (
    ("churn-training", 9, 34, 4),
    ("churn-scoring", 46, 6, 2),
    ("churn-retraining", 24, 18, 12),
    ("returns-risk", 14, 11, 5),
    ("price-elasticity", 6, 52, 8),
)
ERRORS = (
    ("UserError", "ValueError: column CUSTOMER_SINCE has 1,204 nulls, none are allowed\n  File train.py, line 88"),
    ("UserError", "KeyError: 'SEGMENT' is not among the columns of ML.FEATURES.CUSTOMERS"),
    ("ServiceError", "The compute cpu-cluster ran out of nodes: 4 of 4 are busy"),
)
HOURS = 23


def night(now: datetime, seed: int = 7) -> Records:
    """Records as the app itself would have written them; the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    runs = [facts for each in PIPELINES for facts in _runs(rng, now, each)]
    runs += [_waiting(now), _rejected(now), _gave_up(now), _running(now, 3), _running(now, 17)]
    return Records(
        run_events=tuple(fact for facts in runs for fact in facts),
        dead_letters=tuple(_letters(now)),
        rule_actions=tuple(_actions(rng, now)),
    )


def run_id(name: str) -> str:
    """Like a real one, and the same for the same name."""
    text = short_hash(["night", name])
    letters = "".join("abcdefghijklmnopqrstuvwxyz234567"[int(text[i : i + 1], 16) * 2] for i in range(26))
    return f"r-{letters}"


FAILED = run_id("churn-retraining 3")
GAVE_UP = run_id("gave up")


def _runs(rng: random.Random, now: datetime, kind: tuple[str, int, int, int]) -> Iterator[list[RunEvent]]:
    pipeline, count, minutes, failing = kind
    for number in range(count):
        back = timedelta(minutes=rng.triangular(3, HOURS * 60, HOURS * 22))
        lasts = timedelta(minutes=minutes * rng.lognormvariate(0, 0.3))
        fails = rng.randrange(100) < failing or (pipeline, number) == ("churn-retraining", 3)
        yield _run(rng, run_id(f"{pipeline} {number}"), pipeline, (now - back, lasts, now), fails=fails)


def _run(
    rng: random.Random, name: str, pipeline: str, times: tuple[datetime, timedelta, datetime], *, fails: bool
) -> list[RunEvent]:
    began, lasts, now = times
    columns: dict[str, Any] = {
        "pipeline": pipeline,
        "inputs": {"as_of": f"{began:%Y-%m-%d}", "table": "ML.FEATURES.CUSTOMERS", "rows": 250_000},
        "source": rng.choice(("external_function", "procedure", "http")),
        "principal": rng.choice(("key", "app:5b6d0c1e-77aa-4c1f-9f0e-2d8a3c1b9e44")),
        "workspace": "laptop-ws",
        "component": f"azureml:{pipeline.replace('-', '_')}:3",
        "fingerprint": short_hash([name]),
        "query_id": "01b8c0de-0000-4a00-0000-00000000a001",
        "correlation_id": f"nightly-{began:%Y-%m-%d}",
    }
    submitted, started = began + timedelta(seconds=4), began + timedelta(seconds=rng.randrange(40, 400))
    ended = started + lasts
    facts = [
        events.bridge_fact(name, BridgeStatus.ACCEPTED, 1, began, **columns),
        events.job_fact(
            name, JobStatus.SUBMITTED, submitted, studio_url=f"https://ml.azure.com/runs/{name}", **columns
        ),
        events.job_fact(name, JobStatus.RUNNING, started, started_at=started),
    ]
    if ended > now:
        return facts
    code, message = rng.choice(ERRORS) if fails else (None, None)
    status = JobStatus.FAILED if fails else JobStatus.COMPLETED
    outputs = None if fails else {"model": f"azureml:{pipeline}:{rng.randrange(9, 40)}"}
    ends = {"started_at": started, "ended_at": ended, "outputs": outputs}
    return [*facts, events.job_fact(name, status, ended, error_code=code, error_message=message, **ends)]


def _waiting(now: datetime) -> list[RunEvent]:
    name, at = run_id("waiting"), now - timedelta(minutes=12)
    return [
        events.bridge_fact(name, BridgeStatus.ACCEPTED, 1, at, pipeline="churn-training", principal="key", inputs={}),
        events.bridge_fact(name, BridgeStatus.SUBMITTING, 1, at + timedelta(seconds=2)),
        events.note(name, Note.WAITING, at + timedelta(seconds=2), "1", {"message": "4 of 4 places are taken"}),
    ]


def _running(now: datetime, minutes: int) -> list[RunEvent]:
    name, at = run_id(f"running {minutes}"), now - timedelta(minutes=minutes)
    columns: dict[str, Any] = {"pipeline": "price-elasticity", "principal": "key", "inputs": {}}
    return [
        events.bridge_fact(name, BridgeStatus.ACCEPTED, 1, at, **columns),
        events.job_fact(name, JobStatus.SUBMITTED, at, **columns),
        events.job_fact(name, JobStatus.RUNNING, at + timedelta(minutes=1), started_at=at + timedelta(minutes=1)),
    ]


def _rejected(now: datetime) -> list[RunEvent]:
    error = {
        "error_code": "WRONG_TYPE",
        "error_message": 'input "as_of" is "yesterday": give a date such as 2026-11-01',
    }
    name = run_id("rejected")
    return [
        events.bridge_fact(name, BridgeStatus.REJECTED, 1, now, pipeline="churn-training", principal="key", **error)
    ]


def _gave_up(now: datetime) -> list[RunEvent]:
    at, error = (
        now - timedelta(hours=5),
        {"error_code": "GAVE_UP", "error_message": "Azure ML did not answer 200 times"},
    )
    columns: dict[str, Any] = {"pipeline": "churn-scoring", "principal": "key", "inputs": {"table": "CUSTOMERS"}}
    return [
        events.bridge_fact(GAVE_UP, BridgeStatus.ACCEPTED, 1, at, source="http", **columns),
        events.bridge_fact(GAVE_UP, BridgeStatus.FAILED, 1, at + timedelta(hours=1), **columns, **error),
    ]


def _letters(now: datetime) -> Iterator[DeadLetter]:
    body = '{"pipeline":"churn-scoring","inputs":{"table":"CUSTOMERS"},"idempotency_key":"nightly"}'
    at = now - timedelta(hours=4)
    yield dead_letter(
        queue="run-commands", message_id="m1", body=body, reason="GAVE_UP", run_id=GAVE_UP, at=at,
        description="Azure ML did not answer 200 times: 503 ServiceUnavailable",
    )  # fmt: skip
    yield dead_letter(
        queue="inbound-events", message_id="m2", body='{"id": 1', reason="POISON", run_id=None, door="custom",
        at=at + timedelta(hours=2), description="the message is no JSON: it ends in the middle of an object",
    )  # fmt: skip


def _actions(rng: random.Random, now: datetime) -> Iterator[RuleAction]:
    for number, (rule, action, kind) in enumerate(
        [
            ("retrain-on-drift", "submit", "Microsoft.MachineLearningServices.DatasetDriftDetected"),
            ("deploy-production-models", "deploy", "Microsoft.MachineLearningServices.ModelRegistered"),
            ("tell-of-failures", "notify", "Bridge.RunEnded"),
            ("tell-of-failures", "notify", "Bridge.RunEnded"),
        ]
    ):
        at = now - timedelta(hours=rng.randrange(1, 9))
        both: dict[str, Any] = {
            "action_id": f"a{number}", "rule": rule, "event_id": f"e{number}", "event_type": kind, "action": action,
        }  # fmt: skip
        yield RuleAction(decision_id=f"f{number}", status=ActionStatus.FIRED, occurred_at=at, **both)
        ended = {"status": ActionStatus.FAILED, "reason": "REFUSED"} if number == 3 else {"status": ActionStatus.DONE}
        words = {"message": "the receiver answered 410: it is gone"} if number == 3 else {"message": "done"}
        yield RuleAction(
            decision_id=f"d{number}", occurred_at=at + timedelta(seconds=9), payload=words, **both, **ended
        )


def today() -> Records:
    """The night that ends now."""
    return night(datetime.now(UTC).replace(microsecond=0))
