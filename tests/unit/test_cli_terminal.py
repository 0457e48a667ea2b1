"""What reaches a terminal, and what a pipe gets: as processes, because a terminal is asked for by the process."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.answering_app import App

ROOT = Path(__file__).parents[2]
RUN = "r-tvtfimrig4yi6cq27taz3ia22v"
#: A title, a colour and a link for the terminal, and markup for rich.
HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202e [red]no[/red] [link=http://x]x[/link] :smiley:"
WRITTEN_OUT = "\\x1b]0;owned\\x07\\x1b[31m\\u202e [red]no[/red] [link=http://x]x[/link] :smiley:"
RUNS = {"runs": [{"run_id": "r-1", "status": "FAILED", "pipeline": HOSTILE, "error_code": "X" * 300}]}


def at_terminal(*arguments: str, **environment: str) -> str:
    """What a terminal of 200 columns is sent."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    command = [sys.executable, "-m", "bridge", *arguments]
    surroundings = {**kept, "TERM": "xterm-256color", "COLUMNS": "200", "PYTHONIOENCODING": "utf-8", **environment}
    with subprocess.Popen(command, cwd=ROOT, env=surroundings, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        while piece := _piece(ours):
            text += piece
    os.close(ours)
    assert process.returncode == 0, text
    return text.decode()


def _piece(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # as Linux has it when nobody holds the other side any more
        return b""


def piped(*arguments: str) -> str:
    command = [sys.executable, "-m", "bridge", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_terminal_gets_colours_and_folded_columns_and_nothing_of_what_steers_it(app: App) -> None:
    app.answer = RUNS

    text = at_terminal("runs", "list")

    assert "\x1b[31mFAILED" in text
    assert text.count("X") == 300, "nothing is cut"
    assert len(text.splitlines()) > 2, "it goes on in the next lines"
    assert WRITTEN_OUT in text
    assert "\x1b]0;" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(("columns", "is_whole"), [("80", True), ("40", False)])
def test_an_id_stays_in_one_piece_where_there_is_room(columns: str, is_whole: bool, app: App) -> None:
    run = {"run_id": RUN, "status": "FAILED", "pipeline": "churn-training", "error_code": "UNKNOWN_PIPELINE"}
    times = {"accepted_at": "2026-11-20T12:24:29Z", "ended_at": "2026-11-20T12:24:30Z"}
    app.answer = {"runs": [{**run, **times}]}

    assert (RUN in at_terminal("runs", "list", COLUMNS=columns)) is is_whole


def test_a_terminal_without_colours_gets_none(app: App) -> None:
    app.answer = RUNS

    assert "\x1b[3" not in at_terminal("runs", "list", NO_COLOR="1")


def test_a_pipe_gets_plain_columns_that_are_cut_nowhere(app: App) -> None:
    app.answer = RUNS

    text = piped("runs", "list")

    assert "\x1b" not in text
    header, row = text.splitlines()
    assert header.startswith("RUN_ID  STATUS  PIPELINE")
    assert WRITTEN_OUT in row
    assert row.endswith("X" * 300)


@pytest.mark.parametrize("status", [200, 404])
def test_a_reader_who_has_seen_enough_is_no_defect(status: int, app: App) -> None:
    app.status, app.answer = status, {"run_id": RUN, "detail": "not here"}
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "bridge", "runs", "show", RUN, "--json"]

    ended = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (1, "")


def test_one_run_is_shown_at_a_terminal_without_what_steers_it(app: App) -> None:
    app.answer = {"run_id": "r-1", "error_message": HOSTILE}

    assert at_terminal("runs", "show", "r-1").splitlines() == ["run_id: r-1", f"error_message: {WRITTEN_OUT}"]


@pytest.mark.parametrize("name", ["status", "pipeline"])
def test_json_has_no_character_that_steers_a_terminal(name: str, app: App) -> None:
    app.answer = {"runs": [{name: HOSTILE + "\x7f\x9b"}]}

    assert piped("runs", "list", "--json").rstrip("\n").isprintable()


def test_help_needs_neither_rich_nor_what_commands_work_with(tmp_path: Path) -> None:
    code = (
        "import sys; from bridge.cli.program import main; main(['--help']); "
        "sys.stderr.write(' '.join(sorted(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = set(done.stderr.split())
    assert loaded & {"rich", "pydantic", "yaml", "jinja2", "requests", "azure", "snowflake"} == set()
