"""The plan, the log reader and the watch on memory of a run of chaos."""

import random
from pathlib import Path

from bridge.local.chaos.logs import failures
from bridge.local.chaos.memory import Sample, growth
from bridge.local.chaos.plan import Door, Kind, plan
from bridge.local.chaos.storm import EMULATORS, planned

FORESEEN = """\
2026-11-20 10:00:00,000 INFO bridge.local.host Executed 'execute' (Succeeded, Id=1, 8 ms)
2026-11-20 10:00:00,001 ERROR bridge.local.host Executed 'record' (Failed, Id=2, 5017 ms)
| Traceback (most recent call last):
|   File "queues.py", line 1, in record
| azure.servicebus.exceptions.ServiceBusError: the connection is gone
| The above exception was the direct cause of the following exception:
| bridge.domain.errors.ServiceUnavailable: Service Bus, queue run-events could not be reached
2026-11-20 10:00:00,002 INFO bridge.local.host Executed 'execute' (Succeeded, Id=3, 8 ms)
"""
UNFORESEEN = """\
2026-11-20 10:00:00,001 ERROR bridge.local.host Executed 'record' (Failed, Id=2, 17 ms)
Traceback (most recent call last):
  File "queues.py", line 1, in record
KeyError: 'run_id'
2026-11-20 10:00:00,002 ERROR bridge.handlers.answers unexpected error, correlation id abc
| Traceback (most recent call last):
|   File "answers.py", line 1, in answered
| AttributeError: 'NoneType' object has no attribute 'send'
"""


def test_a_seed_makes_one_plan() -> None:
    assert plan(7, 500) == plan(7, 500)
    assert plan(7, 500) != plan(8, 500)


def test_a_plan_has_as_many_wishes_as_asked_for_through_every_door_and_of_every_kind() -> None:
    calls = plan(7, 10_000)

    wishes = [wish for call in calls for wish in call.wishes]
    assert len({wish.mark for wish in wishes}) == len(wishes) == 10_000
    assert {call.door for call in calls} == set(Door)
    assert {wish.kind for wish in wishes} == set(Kind)
    assert any(call.repeats for call in calls)


def test_only_doors_with_an_identity_of_their_own_have_wishes_without_a_key() -> None:
    keyless = {call.door for call in plan(7, 10_000) if any(wish.key is None for wish in call.wishes)}

    assert keyless == {Door.BATCH, Door.QUEUE, Door.EVENT}


def test_the_storm_reaches_every_emulator() -> None:
    rng = random.Random(7)  # noqa: S311 - no secret

    assert {planned(rng).service for _ in range(500)} == set(EMULATORS)


def test_event_grid_never_loses_what_a_caller_gave_it() -> None:
    rng = random.Random(7)  # noqa: S311 - no secret
    drops = [fault for fault in (planned(rng) for _ in range(2000)) if fault.kind == "drop"]

    assert drops
    assert all(fault.match == {"door": "workspace"} for fault in drops)


def test_a_call_that_fails_because_the_queues_are_away_was_foreseen(tmp_path: Path) -> None:
    log = tmp_path / "functions.log"
    log.write_text(FORESEEN)

    counts, unforeseen = failures([log])

    assert counts == {"record: bridge.domain.errors.ServiceUnavailable": 1}
    assert unforeseen == []


def test_any_other_failure_is_found_in_calls_and_in_answers(tmp_path: Path) -> None:
    log = tmp_path / "functions.log"
    log.write_text(UNFORESEEN)

    counts, unforeseen = failures([log])

    assert counts == {"record: KeyError": 1, "http: AttributeError": 1}
    assert len(unforeseen) == 2


def samples(pids: list[int], megabytes: list[float]) -> list[Sample]:
    return [Sample(float(at), pid, value) for at, (pid, value) in enumerate(zip(pids, megabytes, strict=True))]


def test_memory_that_grows_in_the_second_half_is_not_flat() -> None:
    found = growth({"a": samples([1] * 8, [50, 90, 100, 100, 100, 100, 105, 105])})
    assert found["a"].is_flat
    assert (found["a"].second, found["a"].last) == (100, 105)

    found = growth({"a": samples([1] * 8, [50, 90, 100, 100, 105, 110, 115, 115])})
    assert not found["a"].is_flat


def test_a_process_that_was_started_again_says_nothing_about_the_long_run() -> None:
    assert growth({"a": samples([1] * 4 + [2] * 4, [100] * 8)}) == {}
