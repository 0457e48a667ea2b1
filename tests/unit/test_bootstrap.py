"""The start of the app: indexed at once, warmed up beside it, and no call gets in between."""

import ast
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters import loading
from bridge.bootstrap import App
from bridge.domain.errors import ConfigurationError
from tests.unit.test_architecture import run_python

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environ() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    nobody = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;"
    return {name: value for name, value in values.items() if value} | {"ServiceBusConnection": nobody}


@pytest.mark.parametrize(
    ("group", "may_submit"),
    [("", True), ("execute", True), ("function:execute", True), ("Execute", True), ("http", False), ("record", False)],
)
def test_the_platform_says_whether_an_instance_submits(group: str, may_submit: bool) -> None:
    assert App({"FUNCTIONS_TARGET_GROUP": group}).may_submit is may_submit


@pytest.mark.parametrize(("group", "expected"), [("http", [False, True]), ("execute", [True, True])])
def test_the_sdks_that_an_instance_needs_are_loaded_in_advance(
    environ: dict[str, str], group: str, expected: list[bool]
) -> None:
    code = """
import os, sys
from bridge.bootstrap import App
App(os.environ).warm_up().join()
print([name in sys.modules for name in ("azure.ai.ml", "azure.servicebus")])
"""

    assert ast.literal_eval(run_python(code, environ | {"FUNCTIONS_TARGET_GROUP": group})) == expected


def test_calls_wait_until_the_modules_are_there(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that load azure.core from two sides find half of it."""
    may_go_on, began, seen = threading.Event(), threading.Event(), []
    app = App(environ | {"FUNCTIONS_TARGET_GROUP": "http"})

    def slow(**_: Any) -> None:
        began.set()
        may_go_on.wait(10)
        seen.append("loaded")

    monkeypatch.setattr(loading, "load_shared", slow)

    def call() -> None:
        app.bridge()
        seen.append("called")

    warming = app.warm_up()
    assert began.wait(10)
    calling = threading.Thread(target=call)
    calling.start()
    may_go_on.set()
    calling.join()
    warming.join()

    assert seen == ["loaded", "called"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda environ: environ.pop("AML_WORKSPACE"), "AML_WORKSPACE is not set"),
        (lambda environ: environ.update(PIPELINES_FILE="nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_what_is_wrong_with_the_settings_is_logged_at_the_start(
    environ: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    change: Callable[[dict[str, str]], object],
    expected: str,
) -> None:
    change(environ)
    app = App(environ)

    app.warm_up().join()

    (record,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert expected in record.getMessage()
    with pytest.raises(ConfigurationError, match=expected):
        app.bridge()
    assert expected in str(app.problems())


def test_a_warm_up_that_fails_holds_up_no_call(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: Any) -> None:
        raise ImportError("half of it")

    monkeypatch.setattr(loading, "load_shared", broken)
    app = App(environ)

    app.warm_up().join()

    assert app.bridge().name
    assert "could not be prepared" in caplog.text
