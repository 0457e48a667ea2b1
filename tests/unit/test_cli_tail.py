"""`runs tail` and `submit --wait`: each new status, how long they wait between two questions, and their exit code."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bridge.cli import tailing
from bridge.cli.following import PATIENCE
from bridge.cli.program import main
from tests.unit.answering_app import App

RUN, OTHER = "r-tvtfimrig4yi6cq27taz3ia22v", "r-aaaaaaaaaaaaaaaaaaaaaaaaaa"
#: What the app answers, one after the other: status, headers, document.
Answer = tuple[int, dict[str, str], Any]
Answers = Callable[[Sequence[Answer]], list[float]]


@pytest.fixture
def answers(app: App, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Each wait moves the app on to its next answer, the last one stays; the seconds that were waited."""

    def given(found: Sequence[Answer]) -> list[float]:
        coming, waited = list(found), []

        def wait(seconds: float) -> None:
            waited.append(seconds)
            if len(coming) > 1:
                del coming[0]
            app.status, app.headers, app.answer = coming[0]

        app.status, app.headers, app.answer = coming[0]
        monkeypatch.setattr(tailing, "wait", wait)
        return waited

    return given


def run(status: str, run_id: str = RUN, **more: Any) -> dict[str, Any]:
    return {"run_id": run_id, "status": status, **more}


def one(status: str, **more: Any) -> Answer:
    return 200, {}, run(status, **more)


def listed(*runs: dict[str, Any]) -> Answer:
    return 200, {}, {"runs": list(runs)}


UNKNOWN: Answer = (404, {}, {"title": "No such run", "code": "UNKNOWN_RUN", "detail": "not yet"})


def test_each_new_status_is_a_line_and_the_end_is_told_with_its_reason(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers([one("ACCEPTED"), one("ACCEPTED"), one("RUNNING"), one("FAILED", error_code="E", error_message="no\ndata")])

    assert main(["runs", "tail", RUN]) == 3

    lines = [line.split(maxsplit=3)[2:] for line in capsys.readouterr().out.splitlines()]
    assert lines == [[RUN, "ACCEPTED"], [RUN, "RUNNING"], [RUN, "FAILED  E no\\ndata"]]


@pytest.mark.parametrize(("status", "code"), [("COMPLETED", 0), ("FAILED", 3), ("REJECTED", 3), ("CANCELED", 4)])
def test_the_exit_code_says_how_the_run_has_ended(status: str, code: int, answers: Answers) -> None:
    waited = answers([one(status)])

    assert main(["runs", "tail", RUN]) == code

    assert waited == []


def test_programs_get_a_line_of_json_for_each_status(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    answers([one("RUNNING"), one("COMPLETED")])

    assert main(["runs", "tail", RUN, "--json"]) == 0

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [run("RUNNING"), run("COMPLETED")]


def test_it_asks_less_and_less_often_while_nothing_changes(answers: Answers) -> None:
    waited = answers([*[one("RUNNING")] * 10, one("FINALIZING"), one("COMPLETED")])

    assert main(["runs", "tail", RUN]) == 0

    assert waited[:3] == [1.0, 1.5, 2.25]
    assert waited[8:] == [15.0, 15.0, 1.0]


def test_it_waits_as_long_as_the_app_asks_it_to(answers: Answers) -> None:
    away: Answer = (503, {"retry-after": "40"}, {"title": "Try again later"})
    waited = answers([one("RUNNING"), away, one("COMPLETED")])

    assert main(["runs", "tail", RUN]) == 0

    assert waited[1] == 40.0


def test_a_run_that_was_just_accepted_is_waited_for(answers: Answers) -> None:
    answers([UNKNOWN, UNKNOWN, one("COMPLETED")])

    assert main(["runs", "tail", RUN]) == 0


@pytest.mark.parametrize("answer", [UNKNOWN, (503, {}, {"title": "Try again later"})])
def test_it_gives_up_when_nothing_comes_for_long(
    answer: Answer, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    waited = answers([answer])

    assert main(["runs", "tail", RUN]) == 1

    assert len(waited) == PATIENCE
    assert capsys.readouterr().err.startswith(answer[2]["title"])


@pytest.mark.parametrize("answer", [(401, {}, b""), (404, {}, b"")])
def test_what_waiting_does_not_mend_is_told_at_once(answer: Answer, answers: Answers) -> None:
    waited = answers([answer])

    assert main(["runs", "tail", RUN]) == 1

    assert waited == []


def test_runs_of_a_query_are_followed_until_all_have_ended(
    app: App, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(
        [
            listed(run("RUNNING"), run("COMPLETED", OTHER)),
            listed(run("RUNNING"), run("COMPLETED", OTHER)),
            listed(run("CANCELED"), run("COMPLETED", OTHER)),
        ]
    )

    assert main(["runs", "tail", "--pipeline", "train", "--limit", "2"]) == 4

    lines = [line.split()[2:] for line in capsys.readouterr().out.splitlines()]
    assert lines == [[OTHER, "COMPLETED"], [RUN, "RUNNING"], [RUN, "CANCELED"]]
    assert {path for _, path, _ in app.requests} == {"/api/v1/runs?pipeline=train&limit=2"}


def test_a_query_that_no_run_fits_is_no_success(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    answers([listed()])

    assert main(["runs", "tail", "--pipeline", "trian"]) == 1

    assert capsys.readouterr().err == "no such runs: there is nothing to follow\n"


def test_with_forever_new_runs_are_seen_too_until_ctrl_c(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers([listed(run("COMPLETED")), listed(run("FAILED", OTHER), run("COMPLETED"))])
    moved_on = tailing.wait

    def wait(seconds: float) -> None:
        moved_on(seconds)
        if len(told) == 1:
            raise KeyboardInterrupt
        told.append(seconds)

    told: list[float] = []
    monkeypatch.setattr(tailing, "wait", wait)

    assert main(["runs", "tail", "--forever"]) == 130

    assert [line.split()[2:] for line in capsys.readouterr().out.splitlines()] == [
        [RUN, "COMPLETED"],
        [OTHER, "FAILED"],
    ]


def test_who_starts_a_run_may_wait_for_its_end(app: App, answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["submit", "train"], ["runs", "rerun", OTHER]):
        answers([one("ACCEPTED"), one("CANCELED")])
        assert main([*arguments, "--wait"]) == 4

    assert [method for method, _, _ in app.requests] == ["POST", "GET", "GET"] * 2
    assert capsys.readouterr().out.count("CANCELED") == 2


def test_a_dry_run_has_no_end_to_wait_for(app: App) -> None:
    assert main(["submit", "train", "--dry-run", "--wait"]) == 2

    assert app.requests == []


@pytest.mark.parametrize("arguments", [["no-run"], [RUN, "--pipeline", "train"], [RUN, "--forever"]])
def test_what_cannot_be_followed_is_a_wrong_command_line(arguments: list[str], app: App) -> None:
    assert main(["runs", "tail", *arguments]) == 2

    assert app.requests == []
