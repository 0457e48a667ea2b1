"""What RULE_DECISIONS and TIMELINE show: each decision once, and all that belongs together, in order."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.snowflake import STATEMENTS
from bridge.domain import events
from bridge.domain.events import RunEvent
from bridge.domain.records import ActionStatus, AmlEvent, Records, RuleAction
from bridge.domain.statuses import BridgeStatus, JobStatus, Note
from bridge.local.processes import EMULATOR_PYTHON
from bridge.payloads import lossless
from bridge.payloads.records import row
from tests.emulators.snowflake_service import SnowflakeService, rows
from tests.sql.ledger_scripts import schema

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DRIFT = "Microsoft.MachineLearningServices.DatasetDriftDetected"
MODEL = "Microsoft.MachineLearningServices.ModelRegistered"
DECISION = "STATUS, REASON, RUN_ID, PAYLOAD, DECIDED_AT, SETTLED_AT"


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def tables(service: SnowflakeService) -> Any:
    return schema(service, "RULES")


@pytest.fixture
def ledger(tables: Any) -> Any:
    for table in ("RULE_ACTIONS", "AML_EVENTS", "RUN_EVENTS"):
        rows(tables, f"DELETE FROM {table}")  # noqa: S608 - from above
    return tables


def write(ledger: Any, records: Records) -> None:
    for table in ("run_events", "aml_events", "rule_actions"):
        found = [row(record) for record in getattr(records, table)]
        if found:
            rows(ledger, STATEMENTS[f"insert_{table}"], [lossless.dumps(found)])


def action(status: ActionStatus, minute: float, **change: Any) -> RuleAction:
    """A row about one rule and one event."""
    whole: dict[str, Any] = {
        "decision_id": f"{change.get('rule', 'retrain')}-{status}-{minute}",
        "action_id": "a-1",
        "rule": "retrain",
        "event_id": "e-1",
        "event_type": DRIFT,
        "action": "submit",
        "status": status,
        "correlation_id": "c-1",
        "occurred_at": at(minute),
    }
    return RuleAction(**whole | change)


def decisions(ledger: Any, wanted: str = DECISION) -> list[Any]:
    return rows(ledger, f"SELECT {wanted} FROM RULE_DECISIONS ORDER BY RULE, EVENT_ID")  # noqa: S608 - from above


def timeline(ledger: Any, correlation_id: str, columns: str = "KIND, NAME, ID, STATUS, DETAIL") -> list[Any]:
    asked = f"SELECT {columns} FROM TIMELINE WHERE CORRELATION_ID = ? ORDER BY OCCURRED_AT"  # noqa: S608 - from above
    return rows(ledger, asked, [correlation_id])


# RULE_DECISIONS

FIRED = action(ActionStatus.FIRED, 1, run_id="r-1", payload={"planned": {"pipeline": "train"}})


def test_a_decision_that_is_recorded_twice_is_one_row(ledger: Any) -> None:
    write(ledger, Records(rule_actions=(FIRED, FIRED)))
    write(ledger, Records(rule_actions=(FIRED,)))

    assert decisions(ledger, "RULE, EVENT_TYPE, EVENT_ID, ACTION, STATUS, RUN_ID, ACTION_ID, CORRELATION_ID") == [
        ("retrain", DRIFT, "e-1", "submit", "FIRED", "r-1", "a-1", "c-1")
    ]
    ((payload, decided, settled),) = decisions(ledger, "PAYLOAD, DECIDED_AT, SETTLED_AT")
    assert (json.loads(payload), decided, settled) == ({"planned": {"pipeline": "train"}}, at(1), None)


def test_each_rule_has_a_decision_on_each_event(ledger: Any) -> None:
    write(
        ledger,
        Records(
            rule_actions=(
                FIRED,
                action(ActionStatus.NOT_FIRED, 2, event_id="e-2", reason="cool_down"),
                action(ActionStatus.FIRED, 1, rule="tell", action_id="a-2", action="notify"),
            )
        ),
    )

    assert decisions(ledger, "RULE, EVENT_ID, STATUS, REASON") == [
        ("retrain", "e-1", "FIRED", None),
        ("retrain", "e-2", "NOT_FIRED", "cool_down"),
        ("tell", "e-1", "FIRED", None),
    ]


NOT_FIRED = action(ActionStatus.NOT_FIRED, 0, reason="where", payload={"why": ["data.x is 1, not at least 2"]})
FAILED = action(ActionStatus.FAILED, 2, reason="QUOTA", payload={"message": "no more machines"})
DONE = action(ActionStatus.DONE, 3)


@pytest.mark.parametrize("order", [*permutations((NOT_FIRED, FIRED, FAILED, DONE))])
def test_the_latest_outcome_counts_in_whatever_order_rows_come(ledger: Any, order: Sequence[RuleAction]) -> None:
    write(ledger, Records(rule_actions=(*order, order[0])))

    ((status, reason, run_id, _, decided, settled),) = decisions(ledger)

    assert (status, reason, run_id, decided, settled) == ("DONE", None, "r-1", at(1), at(3))


def test_a_failure_after_a_success_counts_with_its_reason_and_payload(ledger: Any) -> None:
    again = replace(FAILED, occurred_at=at(4))
    write(ledger, Records(rule_actions=(again, DONE, FIRED)))

    ((status, reason, run_id, payload, _, settled),) = decisions(ledger)

    assert (status, reason, run_id, settled) == ("FAILED", "QUOTA", "r-1", at(4))
    assert json.loads(payload) == {"message": "no more machines"}


def test_what_was_done_stays_done_when_the_event_is_judged_otherwise_later(ledger: Any) -> None:
    write(ledger, Records(rule_actions=(FIRED, replace(NOT_FIRED, occurred_at=at(9)))))

    ((status, reason, _, payload, decided, _),) = decisions(ledger)

    assert (status, reason, decided) == ("FIRED", None, at(1))
    assert json.loads(payload) == {"planned": {"pipeline": "train"}}


def test_what_came_of_it_stays_when_the_same_event_fires_again(ledger: Any) -> None:
    """As when the ledger could not be asked: the action has the same id, and is not done again."""
    write(ledger, Records(rule_actions=(DONE, replace(FIRED, occurred_at=at(9)), FIRED)))

    ((status, _, _, _, decided, settled),) = decisions(ledger)

    assert (status, decided, settled) == ("DONE", at(1), at(3))


def test_of_several_reasons_not_to_fire_the_last_is_shown(ledger: Any) -> None:
    later = action(ActionStatus.NOT_FIRED, 5, reason="dry_run")
    write(ledger, Records(rule_actions=(later, NOT_FIRED)))

    ((status, reason, _, _, decided, settled),) = decisions(ledger)

    assert (status, reason, decided, settled) == ("NOT_FIRED", "dry_run", at(5), None)


def test_an_outcome_may_be_recorded_before_its_decision(ledger: Any) -> None:
    write(ledger, Records(rule_actions=(DONE,)))

    ((status, _, _, _, decided, settled),) = decisions(ledger)

    assert (status, decided, settled) == ("DONE", None, at(3))


def test_a_row_of_an_older_version_is_no_decision(ledger: Any) -> None:
    rows(ledger, "INSERT INTO RULE_ACTIONS (ACTION_ID, RULE) SELECT 'a', 'r'")

    assert decisions(ledger) == []
    assert rows(ledger, "SELECT * FROM TIMELINE") == []


# TIMELINE


def event(event_id: str, kind: str, minute: float, subject: str, **change: Any) -> AmlEvent:
    whole: dict[str, Any] = {
        "id": event_id,
        "event_type": kind,
        "subject": subject,
        "event_time": at(minute),
        "data": {},
        "topic": "t",
        "door": "workspace",
        "correlation_id": "c-1",
    }
    return AmlEvent(**whole | change)


def run(correlation_id: str, run_id: str = "r-1") -> tuple[RunEvent, ...]:
    """The rows of a run: what was asked for has the correlation id, what Azure ML said of the job has none."""
    asked: dict[str, Any] = {"correlation_id": correlation_id, "pipeline": "train"}
    return (
        events.bridge_fact(run_id, BridgeStatus.ACCEPTED, 1, at(2), **asked),
        events.bridge_fact(run_id, BridgeStatus.SUBMITTING, 1, at(3), **asked),
        events.note(run_id, Note.RETRY_SCHEDULED, at(3.5), "1", {"error": "HTTP 503"}),
        events.job_fact(run_id, JobStatus.SUBMITTED, at(4), **asked),
        events.job_fact(run_id, JobStatus.RUNNING, at(5)),
        events.job_fact(run_id, JobStatus.COMPLETED, at(6), ended_at=at(6)),
    )


def test_a_chain_from_drift_to_notification_is_told_in_order(ledger: Any) -> None:
    deploy = {"rule": "deploy", "action_id": "a-2", "event_id": "e-2", "event_type": MODEL, "action": "deploy"}
    tell = {"rule": "tell", "action_id": "a-3", "event_id": "e-3", "action": "notify", "event_type": "x"}
    chain = Records(
        aml_events=(
            event("e-1", DRIFT, 0, "drift/d"),
            event("e-2", MODEL, 7, "models/m:1"),
            event("e-3", "Bridge.DeploymentEnded", 20, "endpoints/e", door="bridge"),
        ),
        rule_actions=(
            FIRED,
            action(ActionStatus.FIRED, 8, **deploy),
            action(ActionStatus.DONE, 19, **deploy, payload={"message": "model m:1 has 100 % of the traffic"}),
            action(ActionStatus.FIRED, 21, **tell, payload={"planned": {"title": "Model m:1 is live"}}),
            action(ActionStatus.DONE, 22, **tell),
            action(ActionStatus.NOT_FIRED, 23, rule="drill", reason="where", payload={"why": ["data.a is 1, not 2"]}),
        ),
        run_events=run("c-1"),
    )
    write(ledger, chain)
    write(ledger, chain)  # repeats

    assert timeline(ledger, "c-1") == [
        ("event", DRIFT, "e-1", None, "drift/d"),
        ("rule", "retrain", "a-1", "FIRED", "submit"),
        ("run", "train", "r-1", "ACCEPTED", None),
        ("run", "train", "r-1", "SUBMITTING", None),
        ("run", "train", "r-1", "RETRY_SCHEDULED", "HTTP 503"),
        ("run", "train", "r-1", "SUBMITTED", None),
        ("run", "train", "r-1", "RUNNING", None),
        ("run", "train", "r-1", "COMPLETED", None),
        ("event", MODEL, "e-2", None, "models/m:1"),
        ("rule", "deploy", "a-2", "FIRED", "deploy"),
        ("rule", "deploy", "a-2", "DONE", "deploy: model m:1 has 100 % of the traffic"),
        ("event", "Bridge.DeploymentEnded", "e-3", None, "endpoints/e"),
        ("rule", "tell", "a-3", "FIRED", "notify: Model m:1 is live"),
        ("rule", "tell", "a-3", "DONE", "notify"),
        ("rule", "drill", "a-1", "NOT_FIRED", "submit: where: data.a is 1, not 2"),
    ]


def test_what_belongs_to_something_else_is_not_told(ledger: Any) -> None:
    write(
        ledger,
        Records(
            aml_events=(event("e-1", DRIFT, 0, "s"), event("e-2", DRIFT, 1, "s", correlation_id=None)),
            rule_actions=(FIRED, replace(FIRED, correlation_id="c-2"), replace(FIRED, correlation_id=None)),
            run_events=(*run("c-1"), *run("c-2", "r-2")),
        ),
    )

    assert {(kind, id_) for kind, id_ in timeline(ledger, "c-2", "KIND, ID")} == {("rule", "a-1"), ("run", "r-2")}
    assert {id_ for (id_,) in rows(ledger, "SELECT ID FROM TIMELINE")} == {"e-1", "a-1", "r-1", "r-2"}


def test_a_run_that_was_asked_for_twice_is_told_whole_under_both_ids(ledger: Any) -> None:
    (again, *_) = run("c-2")
    write(ledger, Records(run_events=(*run("c-1"), replace(again, occurred_at=at(9)))))

    first, second = (timeline(ledger, correlation_id) for correlation_id in ("c-1", "c-2"))

    assert first == second
    assert len(first) == 6


def test_an_error_is_told_and_a_pipeline_known_from_any_row(ledger: Any) -> None:
    failed = events.job_fact("r-1", JobStatus.FAILED, at(6), error_code="X", error_message="out of memory")
    write(ledger, Records(run_events=(run("c-1")[0], replace(failed, error_message=None), failed)))

    assert timeline(ledger, "c-1", "NAME, STATUS, DETAIL") == [
        ("train", "ACCEPTED", None),
        ("train", "FAILED", "out of memory"),
    ]


def test_an_event_without_a_time_stands_where_it_was_recorded(ledger: Any) -> None:
    write(ledger, Records(aml_events=(event("e-1", "t", 0, "s", event_time=None),)))

    ((told, recorded),) = rows(ledger, "SELECT t.OCCURRED_AT, e.RECORDED_AT FROM TIMELINE t, AML_EVENTS e")

    assert told == recorded


def test_an_event_that_came_by_two_doors_is_two_events(ledger: Any) -> None:
    write(ledger, Records(aml_events=(event("e", "t", 0, "s"), event("e", "t", 0, "s", door="custom"))))

    assert len(timeline(ledger, "c-1")) == 2


def test_a_question_folds_only_what_belongs_to_its_correlation_id() -> None:
    """Of 8,000 facts of a year, with eight of each run, 20 runs belong together."""
    script = Path(__file__).with_name("timeline_reads.py")
    done = subprocess.run([EMULATOR_PYTHON, script], capture_output=True, check=True, timeout=60)
    read = json.loads(done.stdout)

    assert (read["all"], read["found"], read["folded"]) == (8000, 160, 160)
