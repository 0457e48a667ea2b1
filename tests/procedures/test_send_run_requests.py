"""SEND_RUN_REQUESTS as a procedure of the emulated Snowflake: every request is answered once, whatever else fails."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.procedures.ledger import Ledger, ledger_running

#: With a clock that goes on by some seconds whenever it is looked at.
SLOW = """
class Clock:
    now = 0.0

    def monotonic(self):
        self.now += {}
        return self.now


time = Clock()
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger_running() as ledger:
        ledger.create("SEND_RUN_REQUESTS()", file="tasks.py", handler="send_run_requests")
        ledger.create("SEND_SLOWLY()", SLOW.format(240), file="tasks.py", handler="send_run_requests")
        ledger.create("SEND_FOR_LONG()", SLOW.format(500), file="tasks.py", handler="send_run_requests")
        ledger.create("SEND_SOME()", "def run(session):", "    return send_run_requests(session, 2)", file="tasks.py")
        yield ledger


@pytest.fixture
def ledger(running: Ledger) -> Ledger:
    running.service.tell("/reset")
    return running


def ask(ledger: Ledger, key: str, pipeline: str = "train", inputs: str | None = '{"a": 1}', minute: int = 0) -> None:
    ledger.run(
        "INSERT INTO RUN_REQUESTS (REQUEST_KEY, PIPELINE, INPUTS, REQUESTED_AT) "
        "SELECT ?, ?, PARSE_JSON(?), TO_TIMESTAMP_TZ(?)",
        key, pipeline, inputs, f"2026-11-20T10:{minute:02d}:00Z",
    )  # fmt: skip


def answers(ledger: Ledger) -> dict[str, Any]:
    found = ledger.run("SELECT REQUEST_KEY, ANSWER, ANSWERED_AT FROM RUN_REQUESTS")
    assert all((answer is None) == (at is None) for _, answer, at in found)
    return {key: json.loads(answer) if answer else None for key, answer, _ in found}


def test_requests_are_sent_with_their_keys_oldest_first(ledger: Ledger) -> None:
    for key, minute in [("k2", 2), ("k1", 1), ("k3", 3)]:
        ask(ledger, key, inputs=f'{{"n": {minute}, "none": null, "list": ["ä"]}}', minute=minute)

    assert ledger.call("SEND_RUN_REQUESTS()") == {"answered": 3, "rejected": 0, "more": False}
    assert ledger.calls() == [("train", {"n": n, "none": None, "list": ["ä"]}, f"k{n}") for n in (1, 2, 3)]
    assert {answer["status"] for answer in answers(ledger).values()} == {"ACCEPTED"}


def test_an_answered_request_is_not_sent_again(ledger: Ledger) -> None:
    ask(ledger, "k1")
    ledger.call("SEND_RUN_REQUESTS()")
    first = answers(ledger)

    assert ledger.call("SEND_RUN_REQUESTS()") == {"answered": 0, "rejected": 0, "more": False}
    assert answers(ledger) == first
    assert len(ledger.calls()) == 1


def test_the_same_key_for_other_work_is_sent_too_so_that_the_app_notes_it(ledger: Ledger) -> None:
    ask(ledger, "k1", inputs='{"a": 1}', minute=1)
    ask(ledger, "k1", inputs='{"a": 2}', minute=2)
    ask(ledger, "k1", inputs=None, minute=3)

    assert ledger.call("SEND_RUN_REQUESTS()") == {"answered": 3, "rejected": 0, "more": False}
    assert ledger.calls() == [("train", {"a": 1}, "k1"), ("train", {"a": 2}, "k1"), ("train", {}, "k1")]


def test_requests_with_the_same_key_are_one_request(ledger: Ledger) -> None:
    for minute in (1, 2):
        ask(ledger, "k1", minute=minute)

    ledger.call("SEND_RUN_REQUESTS()")

    assert len(ledger.calls()) == 1
    assert ledger.value("SELECT COUNT(DISTINCT ANSWER) FROM RUN_REQUESTS") == 1
    assert ledger.value("SELECT COUNT(*) FROM RUN_REQUESTS WHERE ANSWER IS NULL") == 0


def test_the_same_key_of_two_pipelines_is_two_requests(ledger: Ledger) -> None:
    ask(ledger, "k1", "train")
    ask(ledger, "k1", "score")

    ledger.call("SEND_RUN_REQUESTS()")

    found = ledger.run("SELECT PIPELINE, ANSWER:pipeline::VARCHAR FROM RUN_REQUESTS ORDER BY PIPELINE")
    assert found == [("score", "score"), ("train", "train")]


def test_a_rejection_is_an_answer(ledger: Ledger) -> None:
    ask(ledger, "k1", "bad")
    ask(ledger, "k2")

    assert ledger.call("SEND_RUN_REQUESTS()") == {"answered": 2, "rejected": 1, "more": False}
    assert answers(ledger)["k1"]["error"]["code"] == "UNKNOWN_INPUT"


@pytest.mark.parametrize("inputs", ["[1]", '"text"', "5", "true"])
def test_inputs_that_are_no_object_are_rejected(ledger: Ledger, inputs: str) -> None:
    ask(ledger, "k1", inputs=inputs)

    ledger.call("SEND_RUN_REQUESTS()")

    answer = answers(ledger)["k1"]
    assert (answer["status"], answer["error"]["code"]) == ("REJECTED", "BAD_ROW")
    assert ledger.calls() == []


@pytest.mark.parametrize("inputs", [None, "null"])
def test_no_inputs_are_an_empty_object(ledger: Ledger, inputs: str | None) -> None:
    ask(ledger, "k1", inputs=inputs)

    ledger.call("SEND_RUN_REQUESTS()")

    assert ledger.calls() == [("train", {}, "k1")]


def test_a_request_that_fails_waits_while_the_others_are_sent(ledger: Ledger) -> None:
    ask(ledger, "k1", "away", minute=1)
    ask(ledger, "k2", minute=2)

    text = ledger.refused("SEND_RUN_REQUESTS()")

    assert "1 requests could not be sent" in text
    assert "'k1'" in text
    assert "the app is away" in text
    assert answers(ledger)["k1"] is None
    assert answers(ledger)["k2"]["status"] == "ACCEPTED"


def test_an_app_that_stays_away_is_not_asked_for_every_request(ledger: Ledger) -> None:
    for minute in range(5):
        ask(ledger, f"k{minute}", "away", minute=minute)

    assert "3 requests could not be sent" in ledger.refused("SEND_SLOWLY()")
    assert len(ledger.calls()) == 3


def test_more_requests_than_are_read_at_once_are_all_sent(ledger: Ledger) -> None:
    for minute in range(5):
        ask(ledger, f"k{minute}", minute=minute)

    assert ledger.call("SEND_SOME()") == {"answered": 5, "rejected": 0, "more": False}
    assert [key for _, _, key in ledger.calls()] == [f"k{minute}" for minute in range(5)]


def test_requests_that_fail_do_not_keep_others_from_being_read(ledger: Ledger) -> None:
    for minute in range(3):
        ask(ledger, f"bad{minute}", "away", minute=minute)
    ask(ledger, "good", minute=9)

    assert "3 requests could not be sent" in ledger.refused("SEND_SOME()")
    assert answers(ledger)["good"]["status"] == "ACCEPTED"
    assert len(ledger.calls()) == 4


def test_a_call_ends_before_its_task_would_be_ended(ledger: Ledger) -> None:
    for minute in range(9):
        ask(ledger, f"k{minute}", minute=minute)

    found = ledger.call("SEND_FOR_LONG()")

    assert found["more"]
    assert 0 < found["answered"] < 9
    assert len(ledger.calls()) == found["answered"]


def test_numbers_are_sent_as_they_were_written(ledger: Ledger) -> None:
    ask(ledger, "k1", inputs='{"rate": 0.5, "tiny": 0.1, "long": 123456789012345678901234567890}')

    ledger.call("SEND_RUN_REQUESTS()")

    ((_, inputs, _),) = ledger.calls()
    assert inputs == {"rate": Decimal("0.5"), "tiny": Decimal("0.1"), "long": 123456789012345678901234567890}
