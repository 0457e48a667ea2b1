"""What the page may expect of a Ledger that counts and lists, in memory and on the emulator alike."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.adapters.snowflake import SnowflakeLedger
from bridge.domain import events
from bridge.domain.events import RunEvent
from bridge.domain.records import ActionStatus, Records, RuleAction, dead_letter
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.local.stack import Stack
from bridge.ports import ACTIVE, DecisionFilter, Ledger, RunSearch
from bridge.settings.app_settings import Settings
from tests.contract.ledgers import KINDS, ledger_of_kind

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
DAY_AGO = NOW - timedelta(days=1)


@pytest.fixture(params=KINDS, scope="module")
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    yield from ledger_of_kind(request)


def new_run() -> str:
    return "r-" + uuid.uuid4().hex[:26]


def run_of(pipeline: str, status: str, *, ago: timedelta = HOUR, seconds: int = 0, **columns: Any) -> list[RunEvent]:
    """A run that began so long ago and took so long."""
    run_id, began = new_run(), NOW - ago
    facts = [events.bridge_fact(run_id, BridgeStatus.ACCEPTED, 1, began, pipeline=pipeline, **columns)]
    if status in set(JobStatus):
        times = {"started_at": began, "ended_at": began + timedelta(seconds=seconds)} if seconds else {}
        facts.append(events.job_fact(run_id, status, began, **times, error_message=columns.get("error_message")))
    return facts


def write(ledger: Ledger, *runs: list[RunEvent]) -> list[str]:
    ledger.write(Records(run_events=tuple(fact for facts in runs for fact in facts)))
    return [facts[0].run_id for facts in runs]


def found(ledger: Ledger, **wanted: Any) -> list[str]:
    return [row["run_id"] for row in ledger.search(RunSearch(**{"since": DAY_AGO, **wanted}))]


def test_runs_are_listed_newest_first_page_by_page(ledger: Ledger) -> None:
    pipeline = uuid.uuid4().hex
    old, new, newest = write(ledger, *(run_of(pipeline, "COMPLETED", ago=n * HOUR) for n in (3, 2, 1)))

    assert found(ledger, pipeline=pipeline) == [newest, new, old]
    assert found(ledger, pipeline=pipeline, limit=2) == [newest, new]
    assert found(ledger, pipeline=pipeline, limit=2, offset=2) == [old]


def test_what_has_not_ended_is_looked_at_however_old_it_is(ledger: Ledger) -> None:
    pipeline = uuid.uuid4().hex
    _, running = write(
        ledger,
        run_of(pipeline, "FAILED", ago=timedelta(days=2)),
        run_of(pipeline, "RUNNING", ago=timedelta(days=3)),
    )

    assert found(ledger, pipeline=pipeline) == [running]
    assert found(ledger, pipeline=pipeline, status=ACTIVE) == [running]
    assert len(found(ledger, pipeline=pipeline, since=NOW - timedelta(days=4))) == 2


def test_runs_are_found_by_their_status(ledger: Ledger) -> None:
    pipeline = uuid.uuid4().hex
    completed, failed, waiting = write(ledger, *(run_of(pipeline, each) for each in ("COMPLETED", "FAILED", "none")))

    assert found(ledger, pipeline=pipeline, status="FAILED") == [failed]
    assert found(ledger, pipeline=pipeline, status="COMPLETED") == [completed]
    assert found(ledger, pipeline=pipeline, status=ACTIVE) == [waiting]
    assert found(ledger, pipeline=pipeline, status="REJECTED") == []


@pytest.mark.parametrize("column", ["error_message", "principal", "query_id", "correlation_id", "rerun_of", "source"])
def test_runs_are_found_by_a_part_of_what_is_known_of_them(ledger: Ledger, column: str) -> None:
    pipeline, word = uuid.uuid4().hex, uuid.uuid4().hex
    columns: dict[str, Any] = {column: f"Some {word.upper()} ' % _ text"}
    wanted, _ = write(
        ledger,
        run_of(pipeline, "FAILED", **columns),
        run_of(pipeline, "FAILED"),
    )

    assert found(ledger, text=word[3:30]) == [wanted]
    assert found(ledger, pipeline=pipeline, text=f"{word} ' % _") == [wanted]
    assert found(ledger, pipeline=pipeline, text="%") == [wanted]
    assert found(ledger, text=f"{word}'; --") == []


def test_runs_are_found_by_a_part_of_their_pipelines_name(ledger: Ledger) -> None:
    word = uuid.uuid4().hex
    (wanted, _) = write(ledger, run_of(f"Churn-{word}", "RUNNING"), run_of(f"churn-{uuid.uuid4().hex}", "RUNNING"))

    assert found(ledger, text=f"churn-{word}") == [wanted]
    assert found(ledger, text=f"churn-{word[:20]}") == [wanted]
    assert found(ledger, text=word[3:]) == [wanted]


def test_runs_are_found_by_their_id_and_by_ids_that_the_text_leads_to(ledger: Ledger) -> None:
    pipeline = uuid.uuid4().hex
    first, second = write(ledger, *(run_of(pipeline, "RUNNING") for _ in range(2)))

    assert found(ledger, text=first.upper()) == [first]
    assert found(ledger, text="no such text", run_ids=(new_run(), second)) == [second]


def test_a_row_of_the_list_has_what_the_list_shows(ledger: Ledger) -> None:
    pipeline = uuid.uuid4().hex
    write(ledger, run_of(pipeline, "FAILED", seconds=90, principal="key", error_message="x" * 900))

    (row,) = ledger.search(RunSearch(since=DAY_AGO, pipeline=pipeline))

    assert (row["status"], row["pipeline"], row["principal"]) == ("FAILED", pipeline, "key")
    assert (row["run_seconds"], row["error_message"]) == (90, "x" * 500)
    assert datetime.fromisoformat(row["began_at"]) == NOW - HOUR
    assert row.keys() == {
        "run_id", "status", "pipeline", "attempt", "source", "principal", "rerun_of", "run_seconds", "started_at",
        "ended_at", "error_code", "error_message", "began_at",
    }  # fmt: skip


def counted(ledger: Ledger, kind: str, **wanted: Any) -> list[Mapping[str, Any]]:
    rows = ledger.totals(RunSearch(**{"since": DAY_AGO, **wanted}), HOUR)
    return sorted((row for row in rows if row["kind"] == kind), key=lambda row: (row["name"] or "", row["status"]))


def test_runs_are_counted_by_time_and_pipeline_and_together(ledger: Ledger) -> None:
    word = uuid.uuid4().hex
    first, second = f"a-{word}", f"b-{word}"
    write(
        ledger,
        *(run_of(first, "COMPLETED", seconds=n) for n in (10, 20, 60)),
        run_of(first, "FAILED", ago=2 * HOUR, seconds=5),
        run_of(second, "RUNNING", ago=2 * HOUR),
    )
    hour = int((NOW - HOUR).timestamp() // 3600)

    by_time = counted(ledger, "time", text=word)
    assert [(row["name"], row["status"], row["amount"]) for row in by_time] == [
        (str(hour - 1), "FAILED", 1),
        (str(hour - 1), "RUNNING", 1),
        (str(hour), "COMPLETED", 3),
    ]
    assert [(row["median_seconds"], row["slow_seconds"]) for row in by_time] == [
        (5, 5),
        (None, None),
        (20, pytest.approx(56)),
    ]
    assert [(row["name"], row["status"], row["amount"]) for row in counted(ledger, "pipeline", text=word)] == [
        (first, "COMPLETED", 3),
        (first, "FAILED", 1),
        (second, "RUNNING", 1),
    ]
    together = counted(ledger, "all", text=word, status="FAILED")  # of every status, whichever is looked at
    assert [(row["status"], row["amount"]) for row in together] == [("COMPLETED", 3), ("FAILED", 1), ("RUNNING", 1)]
    assert datetime.fromisoformat(together[1]["latest_at"]) == NOW - 2 * HOUR


def test_what_was_refused_before_its_pipeline_was_found_is_counted_without_a_name(ledger: Ledger) -> None:
    word = uuid.uuid4().hex
    asked = [
        events.bridge_fact(new_run(), BridgeStatus.REJECTED, 1, NOW, pipeline=f"{n}-{word}", error_code=code)
        for n, code in enumerate(("UNKNOWN_PIPELINE", "BAD_KEY", "WRONG_TYPE"))
    ]
    ledger.write(Records(run_events=tuple(asked)))

    rows = counted(ledger, "pipeline", text=word)

    assert [(row["name"], row["amount"]) for row in rows] == [(None, 2), (f"2-{word}", 1)]


def test_up_to_when_the_ledger_is_written_is_told(ledger: Ledger) -> None:
    write(ledger, run_of(uuid.uuid4().hex, "RUNNING"))

    rows = ledger.totals(RunSearch(since=DAY_AGO), HOUR)

    (recorded,) = [row for row in rows if row["kind"] == "recorded"]
    assert recorded["amount"] > 0
    assert datetime.fromisoformat(recorded["latest_at"]) >= NOW - timedelta(minutes=5)


def letter(queue: str, run_id: str | None = None, ago: timedelta = HOUR) -> Any:
    return dead_letter(
        queue=queue, message_id=uuid.uuid4().hex, body="{", reason="POISON", description="why", run_id=run_id,
        at=NOW - ago,
    )  # fmt: skip


def action(rule: str, status: str, ago: timedelta = HOUR, **columns: Any) -> RuleAction:
    whole: dict[str, Any] = {
        "decision_id": uuid.uuid4().hex,
        "action_id": uuid.uuid4().hex,
        "event_id": uuid.uuid4().hex,
        "event_type": "t",
        "action": "submit",
    }
    return RuleAction(**{**whole, "rule": rule, "status": status, "occurred_at": NOW - ago, **columns})


def test_dead_letters_and_rules_are_counted_once(ledger: Ledger) -> None:
    queue, rule = uuid.uuid4().hex, uuid.uuid4().hex
    put_aside, fired = letter(queue), action(rule, ActionStatus.FIRED)
    ledger.write(
        Records(
            dead_letters=(put_aside, letter(queue), letter(queue, ago=timedelta(days=2))),
            rule_actions=(fired, action(rule, ActionStatus.NOT_FIRED, reason="where"), action(rule, "FAILED")),
        )
    )
    ledger.write(Records(dead_letters=(put_aside,), rule_actions=(fired,)))

    letters = [row for row in counted(ledger, "dead_letter") if row["name"] == queue]
    rules = [row for row in counted(ledger, "rule") if row["name"] == rule]

    assert [row["amount"] for row in letters] == [2]
    assert [(row["status"], row["amount"]) for row in rules] == [("FAILED", 1), ("FIRED", 1)]


def test_what_surrounds_a_run_is_found_by_the_run_and_by_what_it_belongs_to(ledger: Ledger) -> None:
    matter, rule = uuid.uuid4().hex, uuid.uuid4().hex
    facts = run_of("p", "FAILED", correlation_id=matter)
    run_id = facts[0].run_id
    write(ledger, facts)
    put_aside = letter("run-commands", run_id, ago=3 * HOUR)
    of_the_matter = action(rule, ActionStatus.FIRED, ago=2 * HOUR, correlation_id=matter)
    of_the_run = action(rule, ActionStatus.NOT_FIRED, run_id=run_id, reason="cool_down")
    others = (action(rule, ActionStatus.NOT_FIRED, run_id=run_id, reason="where"), action(rule, "DONE"))
    for _ in range(2):
        ledger.write(
            Records(dead_letters=(put_aside, letter("run-commands")), rule_actions=(of_the_matter, of_the_run, *others))
        )

    lines = ledger.surroundings(run_id)

    assert [(line["kind"], line["name"], line["status"], line["detail"]) for line in lines] == [
        ("dead_letter", "run-commands", "POISON", "why"),
        ("rule", rule, "FIRED", "submit"),
        ("rule", rule, "NOT_FIRED", "submit: cool_down"),
    ]
    assert lines[0]["id"] == put_aside.dead_letter_id
    assert datetime.fromisoformat(lines[0]["occurred_at"]) == NOW - 3 * HOUR
    assert ledger.surroundings(new_run()) == []


def test_a_decision_is_shown_as_far_as_it_got(ledger: Ledger) -> None:
    rule = uuid.uuid4().hex
    same = {"event_id": "e1", "action_id": "a1"}
    done = action(rule, "DONE", ago=2 * HOUR, payload={"message": "started"}, run_id="r-x", **same)
    ledger.write(
        Records(
            rule_actions=(
                done,
                action(rule, ActionStatus.FIRED, ago=3 * HOUR, **same),
                action(rule, ActionStatus.NOT_FIRED, ago=HOUR, reason="cool_down", **same),
                action(rule, ActionStatus.NOT_FIRED, event_id="e2", reason="where"),
                action(rule, ActionStatus.FIRED, ago=timedelta(days=2)),
                action(uuid.uuid4().hex, ActionStatus.FIRED),
            )
        )
    )

    def decided(**wanted: Any) -> list[tuple[str, str, str | None]]:
        rows = ledger.decisions(DecisionFilter(**{"since": DAY_AGO, "rule": rule, **wanted}))
        return [(row["event_id"], row["status"], row["reason"]) for row in rows]

    (row,) = ledger.decisions(DecisionFilter(since=DAY_AGO, rule=rule))
    assert (row["payload"], row["run_id"], row["event_type"]) == ({"message": "started"}, "r-x", "t")
    assert decided() == [("e1", "DONE", None)]
    assert decided(not_fired=True) == [("e2", "NOT_FIRED", "where"), ("e1", "DONE", None)]
    assert decided(not_fired=True, limit=1, offset=1) == [("e1", "DONE", None)]
    assert len(ledger.decisions(DecisionFilter(since=DAY_AGO))) >= 2


def test_each_of_these_questions_is_one_statement(settings: Settings, emulators: Stack) -> None:
    real = SnowflakeLedger(settings.snowflake.connection_arguments())
    real.run(new_run())  # connects

    def asked() -> int:
        return int(emulators.call("snowflake", "GET", "/statements")["total"])

    before = asked()
    real.search(RunSearch(since=DAY_AGO))
    real.totals(RunSearch(since=DAY_AGO), HOUR)
    real.surroundings(new_run())
    real.decisions(DecisionFilter(since=DAY_AGO))
    real.close()

    assert asked() - before == 4
