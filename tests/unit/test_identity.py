"""Ids are stable, legal and unique."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain import identity
from bridge.domain.retry import RetryPolicy

texts = st.text(max_size=60)


@given(texts, texts, texts)
def test_a_run_id_is_a_legal_job_name(bridge: str, pipeline: str, key: str) -> None:
    assert identity.is_run_id(identity.run_id(bridge, pipeline, key))


@given(st.lists(st.tuples(texts, texts, texts), unique=True, max_size=30))
def test_different_requests_have_different_run_ids(requests: list[tuple[str, str, str]]) -> None:
    assert len({identity.run_id(*request) for request in requests}) == len(requests)


def test_moving_a_character_from_one_part_to_the_next_gives_another_run() -> None:
    assert identity.run_id("b", "ab", "c") != identity.run_id("b", "a", "bc")


def test_the_run_id_of_a_key_never_changes() -> None:
    # A change here would make every retry of an accepted request a second run.
    assert identity.run_id("bridge", "churn-training", "2026-11-01") == "r-arir62mhbc7xyrc3fh54p6c3a2"


@pytest.mark.parametrize(
    "text", ["", "r-", "r-" + "a" * 25, "r-" + "a" * 27, "r-" + "A" * 26, "x" * 28, "r-" + "1" * 26]
)
def test_other_names_are_not_run_ids(text: str) -> None:
    assert not identity.is_run_id(text)


def test_the_order_of_inputs_does_not_change_the_fingerprint() -> None:
    one = identity.fingerprint("p", "c", {"a": "1", "b": "2"})
    other = identity.fingerprint("p", "c", {"b": "2", "a": "1"})

    assert one == other


@pytest.mark.parametrize(
    ("pipeline", "component", "literals"),
    [("q", "c", {"a": "1"}), ("p", "d", {"a": "1"}), ("p", "c", {"a": "2"}), ("p", "c", {"b": "1"}), ("p", "c", {})],
)
def test_any_difference_in_the_work_changes_the_fingerprint(
    pipeline: str, component: str, literals: dict[str, str]
) -> None:
    assert identity.fingerprint(pipeline, component, literals) != identity.fingerprint("p", "c", {"a": "1"})


def test_each_try_wait_and_attempt_has_its_own_message_id() -> None:
    ids = {identity.submit_message_id("r", "f" * 64, *parts) for parts in product((1, 2), (0, 1, 11), (0, 1, 11))}

    assert len(ids) == 18


def test_a_message_id_fits_the_brokers_limit_whatever_its_origin() -> None:
    assert len(identity.control_message_id("r-" + "a" * 26, "check.e." + "x" * 300, 12)) <= 128


@given(st.integers(0, 1000))
def test_a_delay_doubles_up_to_the_ceiling_and_is_never_zero(try_: int) -> None:
    policy = RetryPolicy()

    delay = policy.delay(try_)

    full = min(policy.first * 2 ** min(try_, 20), policy.ceiling)
    assert full / 2 <= delay <= full


def test_a_delay_is_never_shorter_than_the_service_asked_for() -> None:
    assert RetryPolicy().delay(0, timedelta(minutes=3)) == timedelta(minutes=3)


def test_the_last_try_is_known() -> None:
    policy = RetryPolicy(tries=3)

    assert [policy.gives_up(try_) for try_ in range(4)] == [False, False, True, True]
