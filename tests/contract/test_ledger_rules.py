"""What the services may expect of a Ledger about rules and their events, in memory and on the emulator alike."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
import snowflake.connector

from bridge.adapters.snowflake import IDS_LIMIT, SnowflakeLedger
from bridge.domain import events
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.records import ActionStatus, AmlEvent, Records, RuleAction, dead_letter
from bridge.domain.statuses import BridgeStatus
from bridge.local.stack import Stack
from bridge.payloads import lossless
from bridge.ports import Ledger
from bridge.settings.app_settings import Settings
from tests.contract.ledgers import KINDS, ledger_of_kind

NOW = datetime.now(UTC).replace(microsecond=0)
_HOURS = count()


@pytest.fixture(params=KINDS, scope="module")
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    yield from ledger_of_kind(request)


def rule_action(after: int = 0, **change: Any) -> RuleAction:
    """A rule that has fired, on an occasion of its own."""
    whole: dict[str, Any] = {
        "decision_id": uuid.uuid4().hex,
        "action_id": uuid.uuid4().hex,
        "rule": "retrain",
        "event_id": uuid.uuid4().hex,
        "event_type": "t",
        "action": "submit",
        "status": ActionStatus.FIRED,
        "occurred_at": NOW + timedelta(seconds=after),
    }
    return RuleAction(**whole | change)


def later() -> datetime:
    """A time of this test's own, after those of all tests before it: questions for events see nothing else."""
    return datetime(2100, 1, 1, tzinfo=UTC) + timedelta(hours=next(_HOURS))


def aml_event(at: datetime | None, **change: Any) -> AmlEvent:
    whole: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "event_type": "Microsoft.MachineLearningServices.ModelRegistered",
        "subject": "models/m:1",
        "event_time": at,
        "data": {"ModelName": "m"},
        "topic": "/subscriptions/s",
        "door": "workspace",
        "correlation_id": uuid.uuid4().hex,
    }
    return AmlEvent(**whole | change)


def test_every_kind_of_record_is_written_at_once(ledger: Ledger) -> None:
    at, run_id = later(), "r-" + uuid.uuid4().hex[:26]
    event, wanted = aml_event(at), rule_action()
    put_aside = dead_letter(
        queue="q", message_id=run_id, body="{", reason="POISON", description="d", run_id=None, at=NOW
    )

    ledger.write(
        Records(
            run_events=(events.bridge_fact(run_id, BridgeStatus.ACCEPTED, 1, NOW),),
            aml_events=(event,),
            dead_letters=(put_aside,),
            rule_actions=(wanted,),
        )
    )

    assert ledger.run(run_id) is not None
    assert list(ledger.aml_events(since=at, limit=1)) == [event]
    assert set(ledger.dead_letters_by_id([put_aside.dead_letter_id])) == {put_aside.dead_letter_id}
    assert ledger.fired([wanted.action_id]) == {wanted.action_id: wanted.event_id}


def test_the_first_event_that_fired_an_action_is_known(ledger: Ledger) -> None:
    action_id = uuid.uuid4().hex
    first, second = (rule_action(after, action_id=action_id) for after in (1, 2))
    ledger.write(Records(rule_actions=(second,)))
    ledger.write(Records(rule_actions=(first, second, first)))

    assert ledger.fired([action_id, "unknown", action_id]) == {action_id: first.event_id}


def test_two_events_that_fired_at_once_are_told_by_their_ids(ledger: Ledger) -> None:
    action_id = uuid.uuid4().hex
    fired = [rule_action(action_id=action_id, event_id=event_id) for event_id in ("b", "a", "c")]
    ledger.write(Records(rule_actions=tuple(fired)))

    assert ledger.fired([action_id]) == {action_id: "a"}


def test_what_did_not_fire_or_only_came_of_it_has_fired_nothing(ledger: Ledger) -> None:
    others = [rule_action(status=status) for status in ActionStatus if status != ActionStatus.FIRED]
    fired = rule_action(5)
    earlier = replace(fired, status=ActionStatus.NOT_FIRED, event_id="another", occurred_at=NOW)
    ledger.write(Records(rule_actions=(*others, earlier, fired)))

    found = ledger.fired([action.action_id for action in (*others, fired)])

    assert found == {fired.action_id: fired.event_id}


def test_a_rule_action_is_written_with_every_column(settings: Settings, emulators: Stack) -> None:
    real = SnowflakeLedger(settings.snowflake.connection_arguments())
    payload = {"n": 10**37, "text": 'é " \n', "none": None}
    full = rule_action(reason="r", run_id="r-1", correlation_id="c", payload=payload)
    real.write(Records(rule_actions=(full,)))
    real.close()

    with snowflake.connector.connect(**emulators.endpoints["snowflake"], paramstyle="qmark") as reader:
        cursor = reader.cursor(snowflake.connector.DictCursor)
        (found,) = cursor.execute("SELECT * FROM RULE_ACTIONS WHERE DECISION_ID = ?", [full.decision_id]).fetchall()

    found["PAYLOAD"] = lossless.loads(found["PAYLOAD"])
    assert {name: found[name.upper()] for name in vars(full)} == vars(full)


def test_events_are_read_from_a_time_on_oldest_first_and_repeats_once(ledger: Ledger) -> None:
    at = later()
    before, first, second, third = (aml_event(at + timedelta(seconds=second)) for second in (-1, 0, 1, 2))
    by_another_door = replace(first, door="custom", event_time=at + timedelta(seconds=3))
    ledger.write(Records(aml_events=(third, first, second)))
    ledger.write(Records(aml_events=(before, first, by_another_door, third)))

    whole = [first, second, third, by_another_door]
    assert list(ledger.aml_events(since=at, limit=100)) == whole
    assert list(ledger.aml_events(since=at, limit=2)) == whole[:2]
    assert list(ledger.aml_events(since=at + timedelta(microseconds=1), limit=100)) == whole[1:]
    assert list(ledger.aml_events(since=at.astimezone(timezone(timedelta(hours=5))), limit=1)) == whole[:1]
    assert list(ledger.aml_events(since=at + timedelta(minutes=1), limit=100)) == []


def test_an_event_comes_back_as_it_was_written(ledger: Ledger) -> None:
    at = later()
    data = {
        "DriftCoefficient": Decimal("0.1"),
        "big": 12345678901234567890123456789012345678,
        "nested": {"list": [1, None, {"deep": Decimal("1.50")}], "empty": {}},
        "text": 'quote " \\ \n é 漢',
        "none": None,
        "yes": True,
    }
    event = aml_event(at + timedelta(microseconds=123456), data=data, subject="", correlation_id=None)
    ledger.write(Records(aml_events=(event,)))

    (found,) = ledger.aml_events(since=at, limit=5)

    assert found == event


def test_events_without_a_time_count_by_when_they_were_recorded(ledger: Ledger) -> None:
    untimed = aml_event(None)
    since = datetime.now(UTC) - timedelta(minutes=5)
    ledger.write(Records(aml_events=(untimed,)))

    assert untimed in ledger.aml_events(since=since, limit=1000)
    assert untimed not in ledger.aml_events(since=since + timedelta(hours=1), limit=1000)


def test_more_ids_than_one_statement_takes_are_read_as_well(settings: Settings, emulators: Stack) -> None:
    real = SnowflakeLedger(settings.snowflake.connection_arguments())
    actions = [rule_action() for _ in range(IDS_LIMIT + 1)]
    real.write(Records(rule_actions=tuple(actions)))
    before = emulators.call("snowflake", "GET", "/statements")["total"]

    found = real.fired([action.action_id for action in actions * 2])

    after = emulators.call("snowflake", "GET", "/statements")["total"]
    nothing = (real.fired([]), real.runs_by_id([]), real.dead_letters_by_id([]), real.ended([]))
    at_the_end = emulators.call("snowflake", "GET", "/statements")["total"]
    real.close()
    assert found == {action.action_id: action.event_id for action in actions}
    assert after - before == 2
    assert nothing == ({}, {}, {}, frozenset())
    assert at_the_end == after


def test_a_ledger_that_did_not_answer_is_not_asked_for_hints_for_a_while(settings: Settings, emulators: Stack) -> None:
    """What is asked for each event must not hold up all others while Snowflake is away."""
    ledger = SnowflakeLedger(settings.snowflake.connection_arguments())
    emulators.outage("snowflake", down=True)
    try:
        with pytest.raises(ServiceUnavailable):
            ledger.fired(["a"])
    finally:
        emulators.outage("snowflake", down=False)

    with pytest.raises(ServiceUnavailable, match="a moment ago"):
        ledger.fired(["a"])
    assert ledger.run("r-none") is None  # anything else is asked
    ledger.close()
