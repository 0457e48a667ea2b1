"""Places of a pipeline with a limit, as one process knows them."""

import threading
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock
from bridge.domain.errors import Paced
from bridge.domain.places import ANSWERED_AFTER, LOOKS_APART, PERIOD, SHOWS_AFTER, Places

NOBODY: frozenset[str] = frozenset()


def take_all(places: Places, clock: MemoryClock, count: int = 100, prefix: str = "r") -> list[str]:
    """Those of so many runs that find a place."""
    names = [f"{prefix}-{number}" for number in range(count)]
    return [name for name in names if places.take("p", name, clock.now())]


def test_as_many_find_a_place_as_are_free(clock: MemoryClock) -> None:
    places = Places()
    places.saw("p", limit=10, active=7, listed=NOBODY, now=clock.now())

    assert len(take_all(places, clock)) == 3


def test_nobody_finds_a_place_before_azure_ml_was_asked(clock: MemoryClock) -> None:
    assert take_all(Places(), clock) == []


@pytest.mark.parametrize("instances", [1, 2, 4, 7, 100])
@pytest.mark.parametrize("active", [0, 3, 9])
def test_all_processes_together_exceed_the_limit_by_less_than_one_each(
    clock: MemoryClock, instances: int, active: int
) -> None:
    started = 0
    for _ in range(instances):  # all of them have asked before any of them started a run
        places = Places(instances)
        places.saw("p", limit=10, active=active, listed=NOBODY, now=clock.now())
        started += len(take_all(places, clock))

    assert active + started >= min(10, active + instances)
    assert active + started <= 10 + instances - 1


def test_no_process_goes_by_an_answer_that_is_older_than_those_of_the_others(clock: MemoryClock) -> None:
    """Else one could start runs in two of its periods while another still sees nothing of them."""
    early, late = Places(2), Places(2)
    late.saw("p", limit=8, active=0, listed=NOBODY, now=clock.now() + timedelta(seconds=25))
    early.saw("p", limit=8, active=0, listed=NOBODY, now=clock.now())

    clock.advance(PERIOD)

    assert not early.is_known("p", clock.now())
    assert not late.is_known("p", clock.now())


def test_a_full_pipeline_has_none(clock: MemoryClock) -> None:
    places = Places(4)
    places.saw("p", limit=10, active=12, listed=NOBODY, now=clock.now())

    assert take_all(places, clock) == []


def test_a_run_keeps_its_place_when_it_is_tried_again(clock: MemoryClock) -> None:
    places = Places()
    places.saw("p", limit=1, active=0, listed=NOBODY, now=clock.now())

    assert [places.take("p", "r-1", clock.now()) for _ in range(3)] == [True] * 3
    assert not places.take("p", "r-2", clock.now())


def test_a_place_that_was_given_back_is_free(clock: MemoryClock) -> None:
    places = Places()
    places.saw("p", limit=1, active=0, listed=NOBODY, now=clock.now())
    places.take("p", "r-1", clock.now())

    places.give_back("p", "r-1")
    places.give_back("p", "r-1")

    assert take_all(places, clock) == ["r-0"]


def test_a_new_run_counts_until_the_list_shows_it(clock: MemoryClock) -> None:
    places = Places()
    places.saw("p", limit=2, active=0, listed=NOBODY, now=clock.now())
    places.take("p", "r-1", clock.now())
    clock.advance(PERIOD)

    places.saw("p", limit=2, active=0, listed=NOBODY, now=clock.now())
    assert len(take_all(places, clock, prefix="late")) == 1
    places.saw("p", limit=2, active=1, listed=frozenset({"r-1", "late-0"}), now=clock.now())
    assert len(take_all(places, clock, prefix="later")) == 1, "one of the two has ended"


def test_a_run_that_never_shows_up_is_forgotten(clock: MemoryClock) -> None:
    places = Places()
    places.saw("p", limit=1, active=0, listed=NOBODY, now=clock.now())
    places.take("p", "r-1", clock.now())
    clock.advance(SHOWS_AFTER)

    places.saw("p", limit=1, active=0, listed=NOBODY, now=clock.now())

    assert take_all(places, clock) == ["r-0"]


def test_an_answer_counts_for_half_a_minute_at_most(clock: MemoryClock) -> None:
    places = Places()
    assert not places.is_known("p", clock.now())
    places.saw("p", limit=1, active=0, listed=NOBODY, now=clock.now())

    clock.advance(PERIOD - timedelta(seconds=1))
    assert places.is_known("p", clock.now())
    clock.advance(timedelta(seconds=1))
    assert not places.is_known("p", clock.now())


def test_thousands_that_wait_come_back_one_by_one_and_not_before_azure_ml_is_asked_again(clock: MemoryClock) -> None:
    places = Places()
    places.saw("p", limit=1, active=1, listed=NOBODY, now=clock.now())
    clock.advance(timedelta(seconds=10))

    waits = [places.next_look("p", clock.now()) for _ in range(3000)]

    assert waits == [PERIOD - timedelta(seconds=10) + number * LOOKS_APART for number in range(3000)]


def test_pipelines_do_not_wait_for_each_other(clock: MemoryClock) -> None:
    places = Places()
    for _ in range(1000):
        places.next_look("p", clock.now())
    places.saw("q", limit=1, active=0, listed=NOBODY, now=clock.now())

    assert places.take("q", "r-1", clock.now())
    assert places.next_look("q", clock.now()) == PERIOD


def test_those_who_meet_a_question_under_way_come_back_soon_and_one_by_one(
    monkeypatch: pytest.MonkeyPatch, clock: MemoryClock
) -> None:
    monkeypatch.setattr("bridge.domain.places.PATIENCE", timedelta(milliseconds=1))
    places, waits = Places(), list[timedelta]()

    def ask() -> None:
        try:
            with places.asking("p", clock.now()):
                pass
        except Paced as paced:
            waits.append(paced.retry_after or timedelta())

    with places.asking("p", clock.now()):
        others = [threading.Thread(target=ask) for _ in range(3)]
        for other in others:
            other.start()
        for other in others:
            other.join()

    assert sorted(waits) == [ANSWERED_AFTER + number * LOOKS_APART for number in range(3)]
    with places.asking("p", clock.now()):
        pass


def test_a_run_whose_job_azure_ml_has_shown_needs_no_place(clock: MemoryClock) -> None:
    """Its job exists: a second message of the run would else wait for itself."""
    places = Places()
    places.saw("p", limit=1, active=1, listed=frozenset({"r-1"}), now=clock.now())

    assert places.take("p", "r-1", clock.now())
    assert not places.take("p", "r-2", clock.now())
    places.give_back("p", "r-1")
    assert not places.take("p", "r-2", clock.now()), "it had taken none"
