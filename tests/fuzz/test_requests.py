"""Fuzzed requests to the app's real process on the laptop stack, few enough for every run of the tests.

`make fuzz` sends a hundred thousand.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.handlers.openapi.document import document
from bridge.handlers.openapi.operations import OPERATIONS
from bridge.local.stack import HOST, Stack, local_stack
from tests.fuzz.campaign import Campaign
from tests.fuzz.generating import chunks, generate
from tests.fuzz.request import Request
from tests.fuzz.sending import Outcome, wrong

REQUESTS = 800
SEED = 1
GOOD = Request(operation="/health", meant="GET", method="GET", target="/api/v1/health", headers=(), body=b"")
CORRELATED = {"x-correlation-id": "c", "x-trace-id": "0" * 32, "content-type": "application/json"}
OK = b'{"status": "ok", "version": "1"}'


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack() as running:
        yield running


def test_whatever_is_sent_is_answered_as_documented(stack: Stack) -> None:
    """No 5xx, no answer missing, none that openapi.json does not name, no traceback in an answer or in the log."""
    campaign = Campaign(stack)

    campaign.run(REQUESTS, SEED)

    assert not campaign.failures()
    reached = {label for label, statuses in campaign.outcome.statuses.items() if set(statuses) - {401}}
    assert reached >= {f"{each.method.upper()} {each.path}" for each in OPERATIONS}
    assert sum(campaign.outcome.statuses["POST /runs"][status] for status in (200, 202)) > 0


def test_a_traceback_in_the_log_fails_it(stack: Stack) -> None:
    log = stack.log_file(HOST)
    campaign = Campaign(stack)
    assert not campaign.failures()

    with log.open("a", encoding="utf-8") as file:
        file.write("Traceback (most recent call last):\n")

    assert "1 errors" in campaign.failures()[0]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, CORRELATED, b"{}"),
        (503, CORRELATED, b"{}"),
        (200, {}, OK),
        (200, CORRELATED, b"{}"),
        (200, CORRELATED, b"Traceback (most recent call last)"),
        (200, {**CORRELATED, "content-type": "text/html"}, OK),
        (302, CORRELATED, OK),
    ],
)
def test_an_answer_that_must_not_be_is_seen(status: int, headers: dict[str, str], body: bytes) -> None:
    assert wrong(GOOD, 200, CORRELATED, OK) is None
    assert wrong(GOOD, status, headers, body) is not None


def test_slow_answers_fail_it_and_a_few_do_not() -> None:
    outcome = Outcome()
    for number in range(1000):
        outcome.count(GOOD, 200, 5.0 if number < 9 else 0.01, None)
    assert outcome.percentile(0.99) == 0.01

    outcome.count(replace(GOOD, method="PUT"), 404, 5.0, None)
    outcome.count(GOOD, 200, 5.0, None)
    assert outcome.percentile(0.99) == 5.0


def test_the_same_seed_makes_the_same_requests_and_another_one_others() -> None:
    def made(seed: int) -> list[Request]:
        planned = chunks(document(), 40, seed, "k")
        return [request for chunk in planned for request in generate(chunk)]

    first = made(1)

    assert len(first) == 40
    assert made(1) == first
    assert made(2) != first


def test_every_operation_has_its_share() -> None:
    planned = chunks(document(), 100_000, 1, "k")

    assert {(chunk.path, chunk.method) for chunk in planned} == {(each.path, each.method) for each in OPERATIONS}
    assert sum(chunk.count for chunk in planned) == 100_000
    assert planned != sorted(planned, key=lambda chunk: chunk.path)
