"""The lattice: any order and any repetition of a run's events ends in one and the same state."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain import events, statuses
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.events import RunEvent, fold
from bridge.domain.statuses import BridgeStatus, JobStatus, Note

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
RUN = "r-" + "a" * 26
times = st.integers(0, 10_000).map(lambda seconds: START + timedelta(seconds=seconds))
texts = st.none() | st.sampled_from(["x", "y", "z"])


def bridge_events() -> st.SearchStrategy[RunEvent]:
    return st.builds(
        lambda status, attempt, at, error, url: events.bridge_fact(
            RUN, status, attempt, at, error_message=error, studio_url=url
        ),
        st.sampled_from(BridgeStatus),
        st.integers(1, 3),
        times,
        texts,
        texts,
    )


def job_events() -> st.SearchStrategy[RunEvent]:
    return st.builds(
        lambda status, at, error, url: events.job_fact(RUN, status, at, error_message=error, studio_url=url),
        st.sampled_from([*JobStatus, "SOMETHING_NEW"]),
        times,
        texts,
        texts,
    )


def notes() -> st.SearchStrategy[RunEvent]:
    return st.builds(
        lambda name, at, distinct: events.note(RUN, name, at, distinct, {"message": "m"}),
        st.sampled_from(Note),
        times,
        st.sampled_from(["1", "2"]),
    )


#: The same fact, seen twice at the same microsecond, says the same.
histories = st.lists(
    bridge_events() | job_events() | notes(),
    min_size=1,
    max_size=12,
    unique_by=lambda event: (event.event_id, event.occurred_at),
)


@given(histories, st.randoms(use_true_random=False), st.data())
def test_any_order_and_repetition_of_events_gives_the_same_state(
    history: list[RunEvent], random: Random, data: st.DataObject
) -> None:
    repeated = history + data.draw(st.lists(st.sampled_from(history), max_size=6))
    random.shuffle(repeated)

    assert fold(repeated) == fold(history)


@given(histories, job_events())
def test_a_job_fact_outranks_every_bridge_fact(history: list[RunEvent], fact: RunEvent) -> None:
    state = fold([*history, fact])

    assert state is not None
    assert state["is_job_fact"]


@given(histories, st.lists(notes(), max_size=4))
def test_notes_never_change_the_state_nor_any_column(history: list[RunEvent], remarks: list[RunEvent]) -> None:
    facts = [event for event in history if event.rank > 0]
    if facts:
        assert fold([*facts, *remarks]) == fold(facts)


@given(histories, times)
def test_nothing_that_is_under_way_follows_an_end(history: list[RunEvent], at: datetime) -> None:
    ended = [*history, events.job_fact(RUN, JobStatus.COMPLETED, at)]

    state = fold(ended)

    assert state is not None
    assert statuses.is_terminal(state["status"])


def test_a_replay_that_is_accepted_takes_a_given_up_run_back_to_accepted() -> None:
    gave_up = events.bridge_fact(RUN, BridgeStatus.FAILED, 1, START)
    replayed = events.bridge_fact(RUN, BridgeStatus.ACCEPTED, 2, START)

    state = fold([gave_up, replayed])

    assert state is not None
    assert (state["status"], state["attempt"]) == ("ACCEPTED", 2)


def test_a_column_keeps_its_value_when_a_later_event_does_not_know_it() -> None:
    submitted = events.job_fact(RUN, JobStatus.SUBMITTED, START, studio_url="https://ml.azure.com/runs/x")
    completed = events.job_fact(RUN, JobStatus.COMPLETED, START)

    state = fold([submitted, completed])

    assert state is not None
    assert (state["status"], state["studio_url"]) == ("COMPLETED", "https://ml.azure.com/runs/x")


def test_what_went_wrong_before_there_was_a_job_is_not_shown_of_the_job() -> None:
    rejected = events.bridge_fact(RUN, BridgeStatus.REJECTED, 1, START, error_code="MISSING_INPUT")
    accepted = events.bridge_fact(RUN, BridgeStatus.ACCEPTED, 1, START)
    completed = events.job_fact(RUN, JobStatus.COMPLETED, START)

    states = [fold([rejected]), fold([rejected, accepted]), fold([rejected, accepted, completed])]

    assert [state and state["error_code"] for state in states] == ["MISSING_INPUT", None, None]


def test_why_a_job_was_cancelled_stays_with_it() -> None:
    asked = events.job_fact(RUN, JobStatus.CANCEL_REQUESTED, START, error_code="TIMED_OUT")
    cancelled = events.job_fact(RUN, JobStatus.CANCELED, START)

    state = fold([asked, cancelled])

    assert state is not None
    assert state["error_code"] == "TIMED_OUT"


def test_the_submitted_row_alone_tells_the_whole_request() -> None:
    origin = Origin(source="external_function", principal="key", correlation_id="c", query_id="q", row_number=3)
    command = SubmitRun(
        run_id=RUN, pipeline="p", inputs={"a": 1}, fingerprint="f", component="azureml:c:1", workspace="w",
        origin=origin, accepted_at=START,
    )  # fmt: skip

    state = fold([events.submitted(command, START)])

    assert state is not None
    assert (state["pipeline"], state["inputs"], state["query_id"], state["row_number"]) == ("p", {"a": 1}, "q", 3)


@pytest.mark.parametrize(
    ("aml", "ours"),
    [
        ("NotStarted", "NOT_STARTED"),
        ("running", "RUNNING"),
        ("CancelRequested", "CANCEL_REQUESTED"),
        ("NotResponding", "NOT_RESPONDING"),
        ("Canceled", "CANCELED"),
        ("Cancelled", "CANCELED"),
        ("BrandNew", "BRANDNEW"),
    ],
)
def test_amls_words_are_read_in_any_spelling(aml: str, ours: str) -> None:
    assert statuses.job_status(aml) == ours


def test_a_job_that_does_not_respond_is_not_ended() -> None:
    assert not statuses.is_terminal(JobStatus.NOT_RESPONDING)
    assert not statuses.is_terminal(JobStatus.PAUSED)


def test_an_unknown_status_ranks_as_running() -> None:
    assert statuses.job_rank("BRANDNEW") == statuses.job_rank(JobStatus.RUNNING)
