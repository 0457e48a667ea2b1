"""Pipes scripts to the Snowflake CLI, and tells how far it has come and at which statement it stopped."""

import os
import re
import shutil
import subprocess  # nosec B404 # Snowflake's CLI is a program
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from bridge.deploy.rendering import ROOT, Rendered
from bridge.deploy.secrets import masked
from bridge.deploy.statements import statements

#: The JSON output begins each statement's result with a bracket at this depth. The other formats repeat the
#: statements, keys and all.
_RESULT = "  ["
_BOX = re.compile(r"[╭╮╰╯│─]")
_SHOWN = 160


class SnowMissing(Exception):
    """The Snowflake CLI is not installed where it is looked for."""


class ScriptFailed(Exception):
    """Snowflake refused a statement, or could not be reached; everything before it is done."""


def find_snow() -> str:
    """The CLI of `.venv-local`, or the one on the PATH.

    Raises:
        SnowMissing: there is neither.
    """
    own = ROOT / ".venv-local" / "bin" / "snow"
    found = str(own) if own.exists() else shutil.which("snow")
    if not found:
        raise SnowMissing("the Snowflake CLI (snow) is neither in .venv-local nor on the PATH: run `make setup`")
    return found


def text_of(scripts: Sequence[Rendered]) -> str:
    """What is piped: every script in one session, so that one log-in is enough."""
    return "\n".join(f"-- ==== sql/{script.name} ====\n{script.text.rstrip()}\n" for script in scripts)


def run(
    scripts: Sequence[Rendered],
    *,
    connection: str | None,
    secrets: Mapping[str, str],
    say: Callable[[str], None],
    step: Callable[[], None] = lambda: None,
    environ: Mapping[str, str] | None = None,
    snow: str | None = None,
) -> None:
    """Run the scripts with the Snowflake CLI; stop at the first statement that fails.

    `say` is told of each script, `step` is called after each statement.

    Raises:
        SnowMissing: there is no CLI.
        ScriptFailed: with the script, the statement and Snowflake's words; without any key.
    """
    command = [snow or find_snow(), "sql", "--stdin", "--enable-templating", "NONE", "--format", "JSON"]
    if connection:
        command += ["--connection", connection]
    environment = dict(os.environ if environ is None else environ)
    # Of a wide box no word is broken, so that a key in it is still found; UTF-8 whatever the locale.
    environment |= {"COLUMNS": "4000", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    progress = _Progress([Rendered(script.name, masked(script.text, secrets)) for script in scripts], say)
    process = subprocess.Popen(  # noqa: S603 # nosec B603 # the command is ours, the scripts go by standard input
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment,
    )
    errors: list[str] = []
    with process:
        assert process.stdin is not None  # noqa: S101 # nosec B101 # all three are pipes
        assert process.stdout is not None  # noqa: S101 # nosec B101 # as above
        assert process.stderr is not None  # noqa: S101 # nosec B101 # as above
        threads = [
            threading.Thread(target=_write, args=(process.stdin, text_of(scripts)), daemon=True),
            threading.Thread(target=_read, args=(process.stderr, errors), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for line in process.stdout:
            if line.rstrip("\n") == _RESULT:
                progress.one_more()
                step()
        for thread in threads:
            thread.join()
    if process.returncode != 0 or not progress.is_complete:
        words = masked(_plain("".join(errors)), secrets) or f"snow ended with {process.returncode}"
        raise ScriptFailed(f"{progress.place()}\n{words}")


class _Progress:
    """Which statement of which script is next."""

    def __init__(self, scripts: Sequence[Rendered], say: Callable[[str], None]) -> None:
        self._ahead = [
            (script.name, number, statement)
            for script in scripts
            for number, statement in enumerate(statements(script.text), 1)
        ]
        self._last = {script: number for script, number, _ in self._ahead}
        self._done = 0
        self._say = say
        self._since = time.monotonic()

    @property
    def is_complete(self) -> bool:
        return self._done >= len(self._ahead)

    def one_more(self) -> None:
        """A statement has succeeded."""
        if self.is_complete:
            return
        script, number, _ = self._ahead[self._done]
        self._done += 1
        if number == self._last[script]:
            now = time.monotonic()
            self._say(f"sql/{script}: {number} statement{'s'[: number != 1]}, {now - self._since:.1f} s")
            self._since = now

    def place(self) -> str:
        if self.is_complete:
            return "after the last statement:"
        script, number, statement = self._ahead[self._done]
        shown = " ".join(statement.split())
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + " …"
        return f"sql/{script}, statement {number}: {shown}"


def _write(pipe: IO[str], text: str) -> None:
    # A CLI that ends early, for want of a connection, says why itself.
    try:
        with pipe:
            pipe.write(text)
    except BrokenPipeError:
        pass


def _read(pipe: IO[str], into: list[str]) -> None:
    into.extend(pipe)


def _plain(text: str) -> str:
    lines = (_BOX.sub("", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and line != "Error")
