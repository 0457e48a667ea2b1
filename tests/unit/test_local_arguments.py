"""Arguments of `python -m bridge.local` that make no sense are refused at once, in plain words."""

import socket
import sys

import pytest

from bridge.local import demo
from bridge.local.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chaos", "--runs", "0"], "argument --runs: '0' is no number of 1 or more"),
        (["chaos", "--runs", "many"], "argument --runs: 'many' is no number of 1 or more"),
        (["chaos", "--hosts", "1"], "argument --hosts: '1' is no number of 2 or more"),
        (["chaos", "--report", "/nowhere/at/all"], "argument --report: '/nowhere/at/all' is no file in a directory"),
        (["chaos", "--report", "/"], "argument --report: '/' is no file in a directory"),
        (["up", "--endpoints", "/nowhere/at/all"], "argument --endpoints: '/nowhere/at/all' is no file in a directory"),
        (["up", "--port-base", "many"], "argument --port-base: 'many' is no port from 1 to"),
        (["up", "--port-base", "65530"], "argument --port-base: '65530' is no port from 1 to"),
        (["up", "--setting", "NAME"], "argument --setting: 'NAME' is no NAME=VALUE"),
    ],
)
def test_it_says_what_is_wrong(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bridge.local", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["bridge.local", "up", "--port-base", str(min(port - 3, 65_522))])

        assert main() == 1

    told = capsys.readouterr().err
    assert f"{port}" in told
    assert "taken by another program: end it, or give another --port-base" in told


@pytest.mark.parametrize(("value", "keeps"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_the_demo_stays_up_only_when_asked_to(value: str | None, keeps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def run_demo(*, keep: bool) -> int:
        asked.append(keep)
        return 0

    monkeypatch.setattr(demo, "run_demo", run_demo)
    monkeypatch.setattr(sys, "argv", ["bridge.local", "demo"])
    if value is not None:
        monkeypatch.setenv("KEEP", value)

    assert main() == 0

    assert asked == [keeps]
