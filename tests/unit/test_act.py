"""Acting: notifications, events and Data Factory, how each ends, and what a repetition does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues, MemoryTopics
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.memory_reactions import MemoryDataFactories, MemoryNotifier
from bridge.domain.actions import Deploy, Notify, Occasion, Publish, RunDataFactory
from bridge.domain.errors import AccessDenied, PermanentError, ServiceUnavailable, Throttled
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.handlers import queues as handlers
from bridge.handlers.dead_letters import read_letter
from bridge.payloads import bodies
from bridge.ports import Bridge
from bridge.services.act import act
from bridge.services.replay_dead_letters import ReplayRequest, replay_dead_letters
from tests.unit.invocations import message
from tests.unit.occasions import RUN_ID, controls, decisions, take
from tests.unit.requests import KEY, put_aside

WHY = Occasion(
    rule="r", action_id="a" * 32, event_id="e1", event_type="t", correlation_id="c7", run_id=RUN_ID, rule_chain=("r",)
)
NOTIFY = Notify(occasion=WHY, channel="ops", title="Drift", text="of churn")
FACTORY = RunDataFactory(
    occasion=WHY, factory="laptop-factory", pipeline="copy-scores", parameters={"n": 7}, key_parameter="key"
)
MAIN = "https://main.test/api/events"


def publishing(bridge: Bridge, topic: str | None = None, *, own: bool = False) -> Publish:
    event = OutgoingEvent(event_id="o1", event_type="T", subject="s", data={"n": 7}, occurred_at=bridge.clock.now())
    return Publish(topic=topic, events=(event,), occasion=None if own else WHY)


def control(command: Any, bridge: Bridge, **facts: Any) -> None:
    """By the handler, as the broker delivers it."""
    handlers.control(message(bodies.write(command), **facts), bridge)


# each of them, done


def test_a_notification_is_sent_and_said_to_be_done(
    bridge: Bridge, queues: MemoryQueues, notifier: MemoryNotifier
) -> None:
    control(NOTIFY, bridge)

    assert notifier.sent == [NOTIFY]
    (row,) = decisions(queues)
    assert (row.rule, row.action, row.status, row.reason) == ("r", "notify", "DONE", None)
    assert (row.action_id, row.event_id, row.run_id, row.correlation_id) == (WHY.action_id, "e1", RUN_ID, "c7")
    assert row.payload == {"channel": "ops", "title": "Drift"}
    assert not controls(queues)


@pytest.mark.parametrize(("topic", "endpoint"), [(None, MAIN), ("other", "https://other.test/api/events")])
def test_an_event_is_published_to_its_topic(
    bridge: Bridge, queues: MemoryQueues, topics: MemoryTopics, topic: str | None, endpoint: str
) -> None:
    command = publishing(bridge, topic)

    control(command, bridge)

    assert topics.published == {endpoint: list(command.events)}
    (row,) = decisions(queues)
    assert (row.action, row.status, row.payload) == ("publish", "DONE", {"event_ids": ["o1"], **named(topic)})


def named(topic: str | None) -> dict[str, Any]:
    return {"topic": topic}


def test_the_bridges_own_events_go_to_their_own_topic_and_leave_no_row(
    bridge: Bridge, queues: MemoryQueues, topics: MemoryTopics
) -> None:
    loud = replace(bridge, reactions=replace(bridge.reactions, events_topic="https://own.test"))

    control(publishing(bridge, own=True), loud)

    assert list(topics.published) == ["https://own.test"]
    assert not any(queues.sent.values())


def test_a_data_factory_pipeline_is_started(
    bridge: Bridge, queues: MemoryQueues, factories: MemoryDataFactories
) -> None:
    control(FACTORY, bridge)

    (run,) = factories.runs
    assert (run.factory, run.pipeline, run.parameters) == (
        "laptop-factory",
        "copy-scores",
        {"n": 7, "key": WHY.action_id},
    )
    (row,) = decisions(queues)
    assert (row.action, row.status) == ("run_data_factory", "DONE")
    assert row.payload == {
        "factory": "laptop-factory",
        "pipeline": "copy-scores",
        "data_factory_run_id": run.run_id,
    }


# repeated


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        (FACTORY, {"delivery_count": 2}),
        (replace(FACTORY, try_=1), {}),
        (replace(FACTORY, attempt=2), {}),
    ],
)
def test_whatever_may_have_started_a_pipeline_before_is_looked_for(
    bridge: Bridge, factories: MemoryDataFactories, command: RunDataFactory, facts: dict[str, int]
) -> None:
    control(FACTORY, bridge)

    control(command, bridge, **facts)

    assert len(factories.runs) == 1


def test_the_same_occasion_starts_once_also_by_two_first_tries(bridge: Bridge, factories: MemoryDataFactories) -> None:
    for _ in range(2):
        control(FACTORY, bridge)

    assert len(factories.runs) == 1


def test_a_start_whose_answer_was_lost_is_found_by_the_next_try(
    bridge: Bridge, queues: MemoryQueues, factories: MemoryDataFactories
) -> None:
    factories.lost_answers.append(ServiceUnavailable())
    control(FACTORY, bridge)
    (again,) = take(queues, Queue.RUN_CONTROL)

    control(again, bridge)

    assert len(factories.runs) == 1
    assert [row.status for row in decisions(queues)] == ["DONE"]


def test_a_repeated_outcome_is_the_same_row(bridge: Bridge, queues: MemoryQueues, notifier: MemoryNotifier) -> None:
    for _ in range(2):
        control(NOTIFY, bridge)

    first, second = decisions(queues)
    assert first == second
    assert notifier.sent[0] == notifier.sent[1]


def test_what_was_done_is_done_again_rather_than_never_told(
    bridge: Bridge, queues: MemoryQueues, notifier: MemoryNotifier
) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        control(NOTIFY, bridge)

    assert len(notifier.sent) == 1
    assert not any(queues.sent.values())


# not now


def test_an_action_that_cannot_be_done_now_is_tried_later(
    bridge: Bridge, queues: MemoryQueues, notifier: MemoryNotifier, clock: MemoryClock
) -> None:
    notifier.failures.append(Throttled(retry_after=timedelta(minutes=4)))

    control(NOTIFY, bridge)

    (copy,) = queues.sent[Queue.RUN_CONTROL]
    assert copy.body == replace(NOTIFY, try_=1)
    assert copy.message_id != NOTIFY.message_id
    assert copy.due == clock.now() + timedelta(minutes=4)
    assert not decisions(queues)


@pytest.mark.parametrize("own", [False, True])
def test_publishing_is_tried_later_too(bridge: Bridge, queues: MemoryQueues, topics: MemoryTopics, own: bool) -> None:
    loud = replace(bridge, reactions=replace(bridge.reactions, events_topic=MAIN))
    command = publishing(bridge, own=own)
    topics.failures.append(ServiceUnavailable())

    control(command, loud)

    (again,) = take(queues, Queue.RUN_CONTROL)
    assert again == replace(command, try_=1)
    control(again, loud)
    assert topics.published[MAIN] == list(command.events)


@pytest.mark.parametrize(("try_", "ends"), [(1, False), (2, True), (500, True)])
def test_the_last_try_gives_up(
    bridge: Bridge, queues: MemoryQueues, notifier: MemoryNotifier, try_: int, ends: bool
) -> None:
    notifier.failures.append(ServiceUnavailable("no answer"))

    control(replace(NOTIFY, try_=try_), bridge)

    assert len(controls(queues)) == (0 if ends else 1)
    assert [(row.status, row.reason) for row in decisions(queues)] == ([("FAILED", "GAVE_UP")] if ends else [])
    assert [letter.reason for letter in put_aside(queues)] == (["GAVE_UP"] if ends else [])
    if ends:
        assert f"{try_ + 1} tries; the last answer: no answer" in put_aside(queues)[0].description


# never


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermanentError("gone", code="REFUSED"), "REFUSED"),
        (AccessDenied("no role", code="ACCESS_DENIED"), "ACCESS_DENIED"),
    ],
)
def test_an_action_that_fails_is_a_row_and_a_dead_letter(
    bridge: Bridge, queues: MemoryQueues, notifier: MemoryNotifier, error: Exception, code: str
) -> None:
    notifier.failures.append(error)

    control(NOTIFY, bridge)

    (row,), (letter,) = decisions(queues), put_aside(queues)
    assert (row.status, row.reason, row.action) == ("FAILED", code, "notify")
    assert row.payload == {"why": [str(error)], "dead_letter_id": letter.dead_letter_id}
    assert (letter.queue, letter.reason, letter.run_id, letter.message_id) == (
        "run-control",
        code,
        RUN_ID,
        NOTIFY.message_id,
    )
    assert not controls(queues)
    (sent,) = queues.sent[Queue.RUN_EVENTS]
    assert len(sent.body) == 2, "row and letter are written together"  # type: ignore[arg-type]


@pytest.mark.parametrize(("topic", "own"), [("gone", False), (None, True)])
def test_a_topic_that_the_settings_do_not_have_any_more_is_a_failure(
    bridge: Bridge, queues: MemoryQueues, topics: MemoryTopics, topic: str | None, own: bool
) -> None:
    control(publishing(bridge, topic, own=own), bridge)

    assert [letter.reason for letter in put_aside(queues)] == ["UNKNOWN_TOPIC"]
    assert [row.status for row in decisions(queues)] == ([] if own else ["FAILED"])
    assert not topics.published


def test_without_a_default_topic_only_named_ones_are_published_to(
    bridge: Bridge, queues: MemoryQueues, topics: MemoryTopics
) -> None:
    none = replace(bridge, outbound=replace(bridge.outbound, default_topic=None))

    control(publishing(bridge), none)

    assert [row.reason for row in decisions(queues)] == ["UNKNOWN_TOPIC"]
    assert "(default)" in put_aside(queues)[0].description


# replayed


@pytest.mark.parametrize("command", [NOTIFY, FACTORY], ids=lambda command: command.op)
def test_a_dead_action_is_replayed_under_a_new_message_id_and_its_old_action_id(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, command: Notify | RunDataFactory
) -> None:
    letter = dead(replace(command, try_=2), bridge, queues, ledger)

    (answer,) = replay_dead_letters([ReplayRequest(dead_letter_id=letter, caller=KEY)], read_letter, bridge)

    assert (answer.violations, answer.run_id, answer.attempt) == ((), RUN_ID, None)
    (again,) = take(queues, Queue.RUN_CONTROL)
    assert again == replace(command, attempt=2, try_=0, replay=again.replay)
    assert again.message_id not in {command.message_id, replace(command, try_=2).message_id}
    assert again.occasion.action_id == command.occasion.action_id


def test_two_replays_of_one_letter_are_two_messages(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    letter = dead(NOTIFY, bridge, queues, ledger)
    wanted = ReplayRequest(dead_letter_id=letter, caller=KEY)

    for _ in range(2):
        replay_dead_letters([wanted], read_letter, bridge)
        clock.advance(timedelta(seconds=5))

    assert len({command.message_id for command in take(queues, Queue.RUN_CONTROL)}) == 2


def test_a_replay_ends_in_a_row_of_its_own(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, notifier: MemoryNotifier
) -> None:
    notifier.failures.append(PermanentError("gone", code="REFUSED"))
    control(NOTIFY, bridge)
    (failed,) = decisions(queues)
    ledger.write(Records(dead_letters=tuple(put_aside(queues))))
    take(queues, Queue.RUN_EVENTS)
    letter = str((failed.payload or {})["dead_letter_id"])

    replay_dead_letters([ReplayRequest(dead_letter_id=letter, caller=KEY)], read_letter, bridge)
    (again,) = take(queues, Queue.RUN_CONTROL)
    notifier.failures.append(PermanentError("gone", code="REFUSED"))
    control(again, bridge)
    (second,) = decisions(queues)

    assert failed.decision_id != second.decision_id
    assert failed.action_id == second.action_id


def test_each_attempt_that_was_carried_out_is_a_row_of_its_own(bridge: Bridge, queues: MemoryQueues) -> None:
    for attempt in (1, 2):
        control(replace(NOTIFY, attempt=attempt), bridge)

    assert len({row.decision_id for row in decisions(queues)}) == 2


def dead(command: Notify | RunDataFactory | Deploy, bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> str:
    """The id of the letter that the broker's dead-letter queue left in the ledger."""
    handlers.dead(message(bodies.write(command), application_properties={}), Queue.RUN_CONTROL, bridge)
    (letter,) = put_aside(queues)
    assert letter.run_id == RUN_ID
    ledger.write(Records(dead_letters=(letter,)))
    take(queues, Queue.RUN_EVENTS)
    return letter.dead_letter_id


def test_what_is_dead_lettered_goes_on_by_itself_only_where_something_is_under_way(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    dead(NOTIFY, bridge, queues, ledger)

    assert not controls(queues)


def test_an_action_that_the_broker_gave_up_has_failed(bridge: Bridge, queues: MemoryQueues) -> None:
    properties = {"DeadLetterReason": "MaxDeliveryCountExceeded"}
    handlers.dead(message(bodies.write(NOTIFY), application_properties=properties), Queue.RUN_CONTROL, bridge)

    (letter,), (row,) = put_aside(queues), decisions(queues)
    assert (row.status, row.reason, row.action_id) == ("FAILED", "DEAD_LETTERED", WHY.action_id)
    assert row.payload == {"why": ["MaxDeliveryCountExceeded"], "dead_letter_id": letter.dead_letter_id}


def test_every_command_has_a_message_id_that_the_broker_takes(bridge: Bridge) -> None:
    long = replace(WHY, rule="r" * 200)
    for command in (NOTIFY, FACTORY, publishing(bridge)):
        assert (
            len({command.message_id, replace(command, try_=1).message_id, replace(command, attempt=2).message_id}) == 3
        )
        assert len(replace(command, occasion=long).message_id) <= 128


def test_act_takes_a_command_as_it_is(bridge: Bridge, notifier: MemoryNotifier) -> None:
    act(NOTIFY, bridge)

    assert notifier.sent == [NOTIFY]
