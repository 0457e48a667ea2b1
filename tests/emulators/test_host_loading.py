"""Indexing: what the worker refuses, the host refuses, and says why."""

import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.local.host.loading import Function, LoadError, load_functions
from bridge.local.processes import ROOT
from tests.emulators.host_process import RunningHost

#: What every app below starts with.
HEADER = """
import typing
import azure.functions as func

app = func.FunctionApp()
"""
QUEUE = '@app.service_bus_queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="Bus")'
BATCH = QUEUE[:-1] + ', cardinality="many")'
SETTINGS = {"QUEUE": "commands", "SCHEDULE": "0 0 3 * * *", "Bus": "Endpoint=sb://127.0.0.1/;"}
Load = Callable[..., list[Function]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load an app of this text, in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)

    def load_text(text: str, header: str = HEADER, **settings: str) -> list[Function]:
        script = f"app_{uuid.uuid4().hex}.py"
        (tmp_path / script).write_text(header + text, encoding="utf-8")
        return load_functions(tmp_path, {**SETTINGS, **settings, "PYTHON_SCRIPT_FILE_NAME": script})

    return load_text


def test_an_app_is_indexed_with_its_settings_resolved(load: Load) -> None:
    functions = load(
        f"""
{QUEUE}
def one(message: func.ServiceBusMessage, context: func.Context) -> None: ...

{BATCH[:-1]}, data_type="binary")
def many(message: typing.List[func.ServiceBusMessage]) -> None: ...

@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
async def clock(timer) -> None: ...

blueprint = func.Blueprint()
@blueprint.route(route="x", auth_level="anonymous")
def web(req: func.HttpRequest) -> str: ...
app.register_functions(blueprint)
"""
    )

    by_name = {function.name: function for function in functions}
    assert sorted(by_name) == ["clock", "many", "one", "web"]
    one, many, clock = by_name["one"], by_name["many"], by_name["clock"]
    assert (one.trigger["queueName"], one.takes_batches, one.wants_context) == ("commands", False, True)
    assert (many.takes_batches, many.data_type, many.wants_context) == (True, "binary", False)
    assert (clock.trigger["schedule"], clock.is_async) == ("0 0 3 * * *", True)
    assert not any(function.warnings for function in functions)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{BATCH}\ndef f(message: list[func.ServiceBusMessage]) -> None: ...", "PEP 585"),
        (f"{QUEUE}\ndef f(message: func.ServiceBusMessage | None) -> None: ...", "union"),
        (f"{QUEUE}\ndef f(message: typing.Optional[func.ServiceBusMessage]) -> None: ...", "union"),
        (f"{QUEUE}\ndef f(message: func.HttpRequest) -> None: ...", "does not fit a serviceBusTrigger"),
        (f"{QUEUE}\ndef f(message: 'func.NoSuchThing') -> None: ...", "annotations cannot be evaluated"),
        (f"{QUEUE}\ndef f(message: str) -> None: ...", "does not pass"),
        (f"{QUEUE}\ndef f(message: func.ServiceBusMessage, ctx: func.Context) -> None: ...", "ctx has no binding"),
        (f"{QUEUE}\ndef f(message, context: int) -> None: ...", "must be annotated func.Context"),
        (f"{QUEUE}\ndef f(other: func.ServiceBusMessage) -> None: ...", "other has no binding"),
        (f"{QUEUE}\ndef f() -> None: ...", "message has no parameter"),
        ("@app.warm_up_trigger(arg_name='w')\ndef f(w) -> None: ...", "no trigger 'warmupTrigger'"),
        ("@app.generic_trigger(arg_name='w', type='oddTrigger')\ndef f(w) -> None: ...", "no trigger 'oddTrigger'"),
        (
            "@app.service_bus_topic_trigger(arg_name='m', topic_name='t', subscription_name='s', connection='Bus')\n"
            "def f(m) -> None: ...",
            "not to topics",
        ),
        (f"{QUEUE[:-1]}, is_sessions_enabled=True)\ndef f(message) -> None: ...", "no sessions"),
        (
            f"{QUEUE}\n@app.service_bus_queue_output(arg_name='out', queue_name='q', connection='Bus')\n"
            "def f(message, out: func.Out[str]) -> None: ...",
            "no binding of type 'serviceBus'",
        ),
        ("@app.timer_trigger(arg_name='t', schedule='every day')\ndef f(t) -> None: ...", "six fields"),
        ("@app.route(route='a/{*b}/c')\ndef f(req) -> str: ...", "must be the whole last segment"),
        ("@app.route()\ndef f(req: func.HttpRequest) -> None: ...", "must return func.HttpResponse or str"),
        ("@app.route()\ndef f(req: func.HttpRequest) -> 'dict[str, str]': ...", "must return func.HttpResponse"),
    ],
)
def test_a_bad_function_is_refused_by_name(load: Load, text: str, complaint: str) -> None:
    good = "@app.timer_trigger(arg_name='t', schedule='0 0 * * * *')\ndef good(t) -> None: ...\n"

    with pytest.raises(LoadError, match=complaint) as refusal:
        load(good + text)

    assert "function 'f'" in str(refusal.value)


def test_every_bad_function_is_named_at_once(load: Load) -> None:
    with pytest.raises(LoadError) as refusal:
        load(f"{QUEUE}\ndef f(m) -> None: ...\n{QUEUE}\ndef g(n) -> None: ...")

    assert "function 'f'" in str(refusal.value)
    assert "function 'g'" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = (", "SyntaxError"),
        ("", "has no functions"),
        ("other = func.FunctionApp()", "more than one FunctionApp at module level: app, other"),
        ("del app", "no FunctionApp"),
        (
            "@app.route(route='a')\ndef f(req) -> str: ...\n@app.route(route='b')\ndef f(req) -> str: ...",
            "unique function name",
        ),
    ],
)
def test_a_bad_module_is_refused(load: Load, text: str, complaint: str) -> None:
    with pytest.raises(LoadError, match=complaint):
        load(text)


def test_an_absent_function_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"there is no function_app\.py"):
        load_functions(tmp_path, {})


def test_an_unset_setting_is_refused_with_its_name_and_the_functions(load: Load) -> None:
    with pytest.raises(LoadError, match="function 'f': app setting 'QUEUE', which its queueName names, is not set"):
        load(f"{QUEUE}\ndef f(message) -> None: ...", QUEUE="")


def test_an_unset_connection_is_refused(load: Load) -> None:
    with pytest.raises(LoadError, match="function 'f': Service Bus connection 'Bus' is not set"):
        load(f"{QUEUE}\ndef f(message) -> None: ...", Bus="")


@pytest.mark.parametrize("setting", ["AzureWebJobsBus", "Bus__fullyQualifiedNamespace"])
def test_a_connection_may_be_prefixed_or_an_identity(load: Load, setting: str) -> None:
    assert load(f"{QUEUE}\ndef f(message) -> None: ...", Bus="", **{setting: "something"})


@pytest.mark.parametrize("setting", ["AzureWebJobs.f.Disabled", "AzureWebJobs__f__Disabled"])
def test_a_function_can_be_disabled(load: Load, setting: str) -> None:
    (function,) = load(f"{QUEUE}\ndef f(message) -> None: ...", **{setting: "true"})

    assert function.is_disabled


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (f"@app.retry(strategy='fixed_delay', max_retry_count='3', delay_interval='1')\n{QUEUE}", "ignores @retry"),
        (BATCH, "without data_type=BINARY"),
        (f"{BATCH[:-1]}, data_type='string')", "without data_type=BINARY"),
    ],
)
def test_what_the_platform_does_silently_is_warned_about(load: Load, text: str, warning: str) -> None:
    (function,) = load(f"{text}\ndef f(message) -> None: ...")

    assert warning in function.warnings[0]


def test_an_app_that_cannot_start_ends_the_process_with_1_and_the_reason(tmp_path: Path) -> None:
    host = RunningHost("queues", tmp_path, {"ONE_QUEUE": "one", "ServiceBusConnection": "x"})

    ended = subprocess.run(
        host.command,
        cwd=ROOT,
        env=host.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "function 'many': app setting 'MANY_QUEUE', which its queueName names, is not set" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
