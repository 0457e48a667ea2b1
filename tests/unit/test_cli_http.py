"""`python -m bridge submit`, `runs …` and `dead-letters …`, against a server that answers as it is told to."""

import json
from typing import Any

import pytest

from bridge.cli.program import main
from bridge.local.processes import free_port
from tests.unit.answering_app import KEY, App

RUN = "r-tvtfimrig4yi6cq27taz3ia22v"


def test_runs_are_listed_as_a_table(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.answer = {
        "runs": [
            {"run_id": RUN, "status": "COMPLETED", "pipeline": "train", "accepted_at": "2026-11-20T12:24:29.5+01:00"},
            {"run_id": "r-b", "status": "FAILED", "pipeline": "score", "error_code": "GAVE_UP"},
        ]
    }

    assert main(["runs", "list", "--status", "FAILED", "--since", "2026-11-01", "--limit", "3"]) == 0

    assert app.requests == [("GET", "/api/v1/runs?status=FAILED&since=2026-11-01T00%3A00%3A00%2B00%3A00&limit=3", None)]
    assert app.sent_headers[0]["x-functions-key"] == KEY
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["RUN_ID", "STATUS", "PIPELINE", "ACCEPTED_AT", "ENDED_AT", "ERROR_CODE"]
    assert first.split() == [RUN, "COMPLETED", "train", "2026-11-20", "11:24:29"]
    assert second.index("FAILED") == first.index("COMPLETED")


@pytest.mark.parametrize(
    ("given", "asked"),
    [("failed", "FAILED"), ("Rejected", "REJECTED"), ("NotStarted", "NOT_STARTED"), ("cancelled", "CANCELED")],
)
def test_a_status_is_understood_as_people_write_it(given: str, asked: str, app: App) -> None:
    app.answer = {"runs": []}

    assert main(["runs", "list", "--status", given]) == 0

    assert app.requests == [("GET", f"/api/v1/runs?status={asked}&limit=50", None)]


def test_a_status_that_no_run_has_is_a_wrong_command_line(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--status", "FAILLED"]) == 2

    assert app.requests == []
    told = capsys.readouterr().err
    assert '"FAILLED": give one of REJECTED, ACCEPTED, SUBMITTING, FAILED, SUBMITTED, QUEUED, ' in told
    assert told.count("FAILED,") == 1


def test_a_full_page_of_runs_says_that_there_may_be_more(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.answer = {"runs": [{"run_id": RUN}]}

    assert main(["runs", "list", "--limit", "1"]) == 0

    assert capsys.readouterr().err == "these are the newest 1: --limit shows more\n"


def test_programs_get_the_answer_as_it_came(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.answer = (
        b'{"runs": [{"inputs": {"rows": 99999999999999999999999999999999999999, "share": 0.10000000000000001}}]}'
    )

    assert main(["runs", "list", "--json"]) == 0

    assert capsys.readouterr().out.encode() == app.answer.replace(b" ", b"") + b"\n"


def test_one_run_is_shown_field_by_field(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.answer = {"run_id": RUN, "status": "RUNNING", "ended_at": None, "inputs": {"as_of": "2026-11-01"}}

    assert main(["runs", "show", RUN]) == 0

    assert app.requests == [("GET", f"/api/v1/runs/{RUN}", None)]
    assert capsys.readouterr().out.splitlines() == [
        f"run_id: {RUN}",
        "status: RUNNING",
        'inputs: {"as_of": "2026-11-01"}',
    ]


def test_values_of_inputs_are_json_where_they_can_be(app: App) -> None:
    inputs = [
        "rows=5",
        "as_of=2026-11-01",
        'note="5"',
        "dry=true",
        "empty=",
        "formula=a=b",
        "share=0.10000000000000001",
    ]

    arguments = [part for text in inputs for part in ("--input", text)]
    assert main(["submit", "train", *arguments, "--key-of-run", "k1"]) == 0

    ((method, path, body),) = app.requests
    assert (method, path) == ("POST", "/api/v1/runs")
    assert body == {
        "pipeline": "train",
        "inputs": {
            "rows": 5,
            "as_of": "2026-11-01",
            "note": "5",
            "dry": True,
            "empty": "",
            "formula": "a=b",
            "share": 0.1,
        },
        "idempotency_key": "k1",
        "dry_run": False,
    }


def test_inputs_come_as_one_object_too_and_a_dry_run_is_asked_for(app: App) -> None:
    assert main(["submit", "train", "--inputs", '{"as_of": "2026-11-01"}', "--dry-run"]) == 0

    body = app.requests[0][2]
    assert (body["inputs"], body["dry_run"]) == ({"as_of": "2026-11-01"}, True)
    assert body["idempotency_key"]


@pytest.mark.parametrize(
    "inputs", [["--input", "rows"], ["--input", "a=1", "--input", "a=2"], ["--inputs", "[1]"], ["--inputs", "{"]]
)
def test_inputs_in_no_form_are_a_wrong_command_line(
    inputs: list[str], app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "train", *inputs]) == 2

    assert app.requests == []
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (["runs", "cancel", RUN], f"/api/v1/runs/{RUN}/cancel", None),
        (
            ["runs", "rerun", RUN, "--idempotency-key", "k2"],
            f"/api/v1/runs/{RUN}/rerun",
            {"idempotency_key": "k2"},
        ),
        (["dead-letters", "replay", "d 1/../x"], "/api/v1/dead-letters/d%201%2F..%2Fx/replay", None),
    ],
)
def test_what_is_asked_of_one_thing_goes_to_its_address(
    arguments: list[str], path: str, body: Any, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app.status, app.answer = 202, {"status": "TAKEN"}

    assert main(arguments) == 0

    assert app.requests == [("POST", path, body)]
    assert capsys.readouterr().out == "status: TAKEN\n"


@pytest.mark.parametrize("name", ["", ".", ".."])
@pytest.mark.parametrize(
    "command",
    [("runs", "show"), ("runs", "cancel"), ("runs", "rerun"), ("dead-letters", "show"), ("dead-letters", "replay")],
)
def test_an_id_that_would_make_it_another_address_is_not_sent(
    command: tuple[str, str], name: str, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, name]) == 2

    assert app.requests == []
    assert capsys.readouterr().err == "the id is empty, or cannot be one: is a variable of the shell not set?\n"


def test_an_id_in_another_encoding_is_only_unknown(app: App) -> None:
    app.status = 404

    assert main(["runs", "show", "r-\udcff"]) == 1  # as Python reads a byte of an argument that is no UTF-8

    assert app.requests == [("GET", "/api/v1/runs/r-%3F", None)]


def test_dead_letters_are_listed_as_a_table(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.answer = {
        "dead_letters": [
            {"dead_letter_id": "d1", "queue": "run-commands", "reason": "POISON", "description": "no\nJSON" + "x" * 200}
        ]
    }

    assert main(["dead-letters", "list", "--queue", "run-commands", "--run-id", RUN]) == 0

    assert app.requests == [("GET", f"/api/v1/dead-letters?queue=run-commands&run_id={RUN}&limit=50", None)]
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert "no\\nJSON" in out[1]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--run-id", RUN[:-1]), f'"{RUN[:-1]}" is no id of a run'),
        (("--run-id", ""), '"" is no id of a run'),
        (("--queue", "run-comands"), "'run-comands' is not one of 'run-commands', "),
    ],
)
def test_dead_letters_that_cannot_be_are_a_wrong_command_line(
    option: tuple[str, str], words: str, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", "list", *option]) == 2

    assert app.requests == []
    assert words in capsys.readouterr().err


def test_a_problem_is_told_by_title_detail_and_correlation_id(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.status, app.headers = 422, {"content-type": "application/problem+json"}
    app.answer = {"title": "Rejected", "detail": 'input "rws" is not known', "correlation_id": "c-1", "code": "X"}

    assert main(["submit", "train", "--input", "rws=5", "--json"]) == 1

    told = capsys.readouterr()
    assert told.err.splitlines() == ['Rejected: input "rws" is not known', "correlation id c-1"]
    assert json.loads(told.out)["code"] == "X"


def test_when_to_try_again_is_told_with_the_key_that_keeps_it_one_run(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app.status, app.headers = 503, {"retry-after": "7"}
    app.answer = {"title": "Try again later", "detail": "Service Bus is away", "correlation_id": "c-1"}

    assert main(["submit", "train"]) == 1

    key = app.requests[0][2]["idempotency_key"]
    assert capsys.readouterr().err.splitlines() == [
        "Try again later: Service Bus is away",
        f"try again in 7 seconds, correlation id c-1; send it again with --key-of-run {key}, and it is still one run",
    ]


@pytest.mark.parametrize("status", [429, 503])
def test_an_answer_of_the_platform_itself_is_told_too(
    status: int, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app.status, app.answer, app.headers = status, b"<html>busy</html>", {"retry-after": "Fri, 20 Nov 2026 10:00:00 GMT"}

    assert main(["runs", "show", RUN]) == 1

    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{status}: ")
    assert second == "try again after Fri, 20 Nov 2026 10:00:00 GMT"


def test_a_refused_key_is_told_without_the_key(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.status, app.answer = 401, b""

    assert main(["runs", "show", RUN]) == 1

    assert capsys.readouterr().err == "401: the key was not accepted: is BRIDGE_KEY of this app?\n"


def test_the_key_does_not_follow_a_redirect(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.status, app.headers = 307, {"location": f"{app.url}/elsewhere"}

    assert main(["runs", "show", RUN]) == 1

    assert len(app.requests) == 1
    assert capsys.readouterr().err.startswith("the address leads elsewhere (307)")


def test_what_answers_without_json_is_not_the_app(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.answer = b"<html>welcome</html>"

    assert main(["runs", "show", RUN]) == 1

    assert capsys.readouterr().err == "what answers there is not the app: 200 without JSON\n"


def test_a_token_of_entra_is_sent_as_such(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRIDGE_KEY")
    monkeypatch.setenv("BRIDGE_TOKEN", "a.b.c")

    assert main(["runs", "show", RUN]) == 0

    assert app.sent_headers[0]["authorization"] == "Bearer a.b.c"
    assert "x-functions-key" not in app.sent_headers[0]


@pytest.mark.parametrize("end", ["/", "/api", "/api/v1/"])
def test_the_address_may_end_as_people_copy_it(end: str, app: App) -> None:
    assert main(["runs", "show", RUN, "--url", app.url + end]) == 0

    assert app.requests[0][1] == f"/api/v1/runs/{RUN}"


def test_an_app_that_is_not_there_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    assert main(["runs", "show", RUN, "--url", url, "--key", KEY]) == 1

    told = capsys.readouterr()
    assert told.err == f"{url} cannot be reached (ConnectionError)\n"
    assert KEY not in told.err + told.out


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("", KEY),
        ("my-app.azurewebsites.net", KEY),
        ("https://my-app.azurewebsites.net/?code=abc", KEY),
        ("https://someone@my-app.azurewebsites.net", KEY),
        ("http://my-app.azurewebsites.net", KEY),
        ("https://[my-app", KEY),
        ("https://my-app.azurewebsites.net", ""),
        ("https://my-app.azurewebsites.net", "two\nlines"),
    ],
)
def test_an_address_or_a_key_that_cannot_be_is_a_wrong_command_line(
    url: str, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_URL", url)
    monkeypatch.setenv("BRIDGE_KEY", key)

    assert main(["runs", "show", RUN]) == 2

    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert not key or key not in told
