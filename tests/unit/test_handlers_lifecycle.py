"""`cancel_run`, `rerun` and `replay` as Snowflake calls them: each row is answered as data."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain.commands import CancelRun
from bridge.domain.errors import ServiceUnavailable, Throttled
from bridge.domain.queues import Queue
from bridge.domain.records import DeadLetter, Records, dead_letter
from bridge.handlers import lifecycle
from bridge.ports import Bridge
from tests.unit.invocations import BATCH_ID, batch, document, problem
from tests.unit.requests import accepted, reported, request

Handler = Callable[[func.HttpRequest, Callable[[], Bridge]], func.HttpResponse]
RUN_ID, OTHER = "r-" + "a" * 26, "r-" + "b" * 26
HANDLERS = [lifecycle.cancel_run, lifecycle.rerun, lifecycle.replay]


def answers(handler: Handler, wanted: func.HttpRequest, bridge: Bridge) -> dict[int, Any]:
    """The values of a 200 answer by row number."""
    response = handler(wanted, lambda: bridge)
    assert response.status_code == 200, response.get_body()
    return dict(document(response)["data"])


def rejected(code: str, field: str, **members: Any) -> Mapping[str, Any]:
    return {"status": "REJECTED", "code": code, "field": field, **members}


def told(value: dict[str, Any]) -> Mapping[str, Any]:
    """A rejection without its words."""
    error = value.pop("error")
    assert error.pop("message")
    return {**value, **error}


# cancel_run


def cancels(queues: MemoryQueues) -> list[CancelRun]:
    return [message.body for message in queues.sent[Queue.RUN_CONTROL] if isinstance(message.body, CancelRun)]


def test_each_row_has_its_run_cancelled(bridge: Bridge, queues: MemoryQueues) -> None:
    found = answers(lifecycle.cancel_run, batch([0, RUN_ID], [1, OTHER]), bridge)

    assert found == {
        0: {"status": "CANCEL_REQUESTED", "run_id": RUN_ID},
        1: {"status": "CANCEL_REQUESTED", "run_id": OTHER},
    }
    assert [(cancel.run_id, cancel.principal, cancel.workspace) for cancel in cancels(queues)] == [
        (RUN_ID, "key", None),
        (OTHER, "key", None),
    ]


def test_a_batch_of_cancels_that_comes_again_has_the_same_message_ids(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    answers(lifecycle.cancel_run, batch([0, RUN_ID], [1, OTHER]), bridge)
    clock.advance(bridge.record_window)

    answers(lifecycle.cancel_run, batch([0, RUN_ID], [1, OTHER]), bridge)
    answers(lifecycle.cancel_run, batch([0, RUN_ID], sf_external_function_query_batch_id="another"), bridge)

    ids = [message.message_id for message in queues.sent[Queue.RUN_CONTROL]]
    assert ids[:2] == ids[2:4]
    assert len(set(ids)) == 3
    assert ids[0] == f"{RUN_ID}:cancel.{BATCH_ID}:0:0"


def test_without_a_batch_id_the_time_tells_cancels_apart(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    for _ in range(2):
        answers(lifecycle.cancel_run, batch([0, RUN_ID], sf_external_function_query_batch_id=""), bridge)
        clock.advance(bridge.record_window)

    assert len({message.message_id for message in queues.sent[Queue.RUN_CONTROL]}) == 2


def test_a_run_that_is_named_twice_is_cancelled_once(bridge: Bridge, queues: MemoryQueues) -> None:
    found = answers(lifecycle.cancel_run, batch([7, RUN_ID], [3, RUN_ID]), bridge)

    assert [value["status"] for value in found.values()] == ["CANCEL_REQUESTED"] * 2
    assert [cancel.origin for cancel in cancels(queues)] == [f"{BATCH_ID}:7"]


@pytest.mark.parametrize("given", [None, 17, "", "r-short", RUN_ID.upper(), f"{RUN_ID} ", ["x"], {"a": 1}])
def test_what_is_no_run_id_is_rejected_and_hurts_no_neighbour(bridge: Bridge, queues: MemoryQueues, given: Any) -> None:
    found = answers(lifecycle.cancel_run, batch([0, given], [1, RUN_ID]), bridge)

    shown = given if isinstance(given, str) else None
    assert told(found[0]) == rejected("BAD_RUN_ID", "run_id", run_id=shown)
    assert found[1]["status"] == "CANCEL_REQUESTED"
    assert [cancel.run_id for cancel in cancels(queues)] == [RUN_ID]


def test_an_answer_does_not_repeat_a_novel(bridge: Bridge) -> None:
    found = answers(lifecycle.cancel_run, batch([0, "x" * 100_000]), bridge)

    assert len(json.dumps(found)) < 600


# rerun


@pytest.fixture
def run_id(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> str:
    """A run that the ledger knows; the queues are empty."""
    command = accepted(bridge, queues, request("first"))
    ledger.write(Records(run_events=tuple(reported(queues))))
    queues.sent[Queue.RUN_EVENTS].clear()
    return command.run_id


def test_each_row_starts_its_run_again(run_id: str, bridge: Bridge, queues: MemoryQueues) -> None:
    found = answers(lifecycle.rerun, batch([0, run_id, "k"], [1, run_id, None], [2, run_id]), bridge)

    commands: list[Any] = [message.body for message in queues.sent[Queue.RUN_COMMANDS]]
    assert [found[number]["run_id"] for number in range(3)] == [command.run_id for command in commands]
    assert len({command.run_id for command in commands}) == 3
    assert found[0] == {
        "status": "ACCEPTED",
        "run_id": commands[0].run_id,
        "pipeline": "train",
        "fingerprint": commands[0].fingerprint,
        "trace_id": commands[0].origin.trace_id,
        "rerun_of": run_id,
    }
    assert (commands[1].origin.query_batch_id, commands[1].origin.row_number) == (BATCH_ID, 1)
    assert {(command.origin.source, command.origin.principal) for command in commands} == {("external_function", "key")}


def test_a_batch_of_reruns_that_comes_again_is_the_same_runs(run_id: str, bridge: Bridge) -> None:
    first, second = (answers(lifecycle.rerun, batch([0, run_id, None]), bridge) for _ in range(2))

    assert first == second


def test_a_key_is_the_same_rerun_in_whichever_batch(run_id: str, bridge: Bridge) -> None:
    first, second, other = (
        answers(lifecycle.rerun, batch([0, run_id, key], sf_external_function_query_batch_id=batch_id), bridge)[0]
        for key, batch_id in (("k", "b1"), ("k", "b2"), ("", "b2"))
    )

    assert first == second != other


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([], rejected("BAD_ROW", "arguments", rerun_of=None)),
        ([OTHER, "k", "x"], rejected("BAD_ROW", "arguments", rerun_of=OTHER)),
        ([None, "k"], rejected("BAD_RUN_ID", "run_id", rerun_of=None)),
        (["latest", "k"], rejected("BAD_RUN_ID", "run_id", rerun_of="latest")),
        ([OTHER, 17], rejected("BAD_KEY", "idempotency_key", rerun_of=OTHER)),
        ([OTHER, "k"], rejected("UNKNOWN_RUN", "run_id", rerun_of=OTHER)),
    ],
)
def test_a_row_that_starts_nothing_is_rejected_and_hurts_no_neighbour(
    run_id: str, bridge: Bridge, queues: MemoryQueues, row: list[Any], expected: Mapping[str, Any]
) -> None:
    found = answers(lifecycle.rerun, batch([0, *row], [1, run_id, "k"]), bridge)

    assert told(found[0]) == {"run_id": None, **expected}
    assert found[1]["status"] == "ACCEPTED"
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_a_rerun_that_the_pipeline_does_not_take_says_why(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    accepted(bridge, queues, request("first"))
    (fact,) = reported(queues)
    ledger.write(Records(run_events=(replace(fact, inputs={"as_of": "never", "rows": -1}),)))

    found = answers(lifecycle.rerun, batch([0, fact.run_id, "k"]), bridge)[0]

    assert (found["status"], found["rerun_of"], len(found["errors"])) == ("REJECTED", fact.run_id, 2)


# replay


def kept(ledger: MemoryLedger, body: str = '{"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}') -> DeadLetter:
    letter = dead_letter(
        queue="run-commands", message_id="m1", body=body, reason="r", description="", run_id=None,
        at=MemoryClock().now(),
    )  # fmt: skip
    ledger.write(Records(dead_letters=(letter,)))
    return letter


def test_each_row_has_its_letter_replayed(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    letter = kept(ledger)

    found = answers(lifecycle.replay, batch([0, letter.dead_letter_id]), bridge)

    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert found[0] == {
        "status": "REPLAYED",
        "dead_letter_id": letter.dead_letter_id,
        "queue": "run-commands",
        "run_id": message.body.run_id,  # type: ignore[union-attr]
        "attempt": 2,
    }
    assert reported(queues)[0].payload == {"replayed_by": "key", "dead_letter_id": letter.dead_letter_id}


def test_a_replay_of_a_control_command_repeats_its_message_id_with_its_batch(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    cancel = CancelRun(run_id=RUN_ID, workspace=None, requested_at=clock.now(), principal="key")
    letter = dead_letter(
        queue="run-control", message_id="m", body=queues.text(cancel), reason="r", description="", run_id=RUN_ID,
        at=clock.now(),
    )  # fmt: skip
    ledger.write(Records(dead_letters=(letter,)))

    for _ in range(2):
        answers(lifecycle.replay, batch([0, letter.dead_letter_id]), bridge)
        clock.advance(bridge.record_window)

    assert len({message.message_id for message in queues.sent[Queue.RUN_CONTROL]}) == 1


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([], rejected("BAD_ROW", "arguments", dead_letter_id=None)),
        (["a", "b"], rejected("BAD_ROW", "arguments", dead_letter_id="a")),
        ([None], rejected("BAD_ROW", "dead_letter_id", dead_letter_id=None)),
        ([""], rejected("BAD_ROW", "dead_letter_id", dead_letter_id="")),
        ([7], rejected("BAD_ROW", "dead_letter_id", dead_letter_id=None)),
        (["x" * 101], rejected("BAD_ROW", "dead_letter_id", dead_letter_id="x" * 100)),
        (["gone"], rejected("UNKNOWN_DEAD_LETTER", "dead_letter_id", dead_letter_id="gone")),
    ],
)
def test_a_row_that_replays_nothing_is_rejected_and_hurts_no_neighbour(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, row: list[Any], expected: Mapping[str, Any]
) -> None:
    found = answers(lifecycle.replay, batch([0, *row], [1, kept(ledger).dead_letter_id]), bridge)

    assert told(found[0]) == expected
    assert found[1]["status"] == "REPLAYED"
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


# all of them


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_empty_batch_is_answered_empty(bridge: Bridge, queues: MemoryQueues, handler: Handler) -> None:
    assert answers(handler, batch(), bridge) == {}
    assert not any(queues.sent.values())


@pytest.mark.parametrize("handler", HANDLERS)
def test_while_the_queue_is_away_snowflake_is_to_send_the_batch_again(
    run_id: str, bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, handler: Handler
) -> None:
    letter = kept(ledger)
    given = letter.dead_letter_id if handler is lifecycle.replay else run_id
    queues.failures.append(ServiceUnavailable())

    response = handler(batch([0, given]), lambda: bridge)

    problem(response, 503)
    assert response.headers["Retry-After"]


class AwayLedger(MemoryLedger):
    """Cannot be asked."""

    def runs_by_id(self, _: Any) -> Any:
        raise Throttled

    def dead_letters_by_id(self, _: Any) -> Any:
        raise Throttled


@pytest.mark.parametrize("handler", [lifecycle.rerun, lifecycle.replay])
def test_while_the_ledger_is_away_snowflake_is_to_send_the_batch_again(bridge: Bridge, handler: Handler) -> None:
    problem(handler(batch([0, RUN_ID]), lambda: replace(bridge, ledger=AwayLedger())), 429)
