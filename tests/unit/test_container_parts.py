"""What a container makes of function_app.py, host.json, keys and schedules, before anything runs."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.credential import EmulatorCredential
from bridge.container import __main__ as entry_point
from bridge.container import probes
from bridge.container.__main__ import CANNOT_START, main
from bridge.container.calls import Calls
from bridge.container.connections import AsyncCredential
from bridge.container.door import Door, Refused
from bridge.container.functions import Function, Trigger, expanded, load, of, read_function
from bridge.container.host_file import read_host_file
from bridge.container.timers import Timer
from bridge.domain.errors import ConfigurationError
from bridge.settings.auth_mode import HOSTING
from bridge.settings.function_keys import NAME
from tests.unit.app_functions import HTTP, PAGES, functions

ROOT = Path(__file__).parents[2]
KEY = "key-of-16-letters"
OVERRIDE = "AzureFunctionsJobHost__extensions__serviceBus__"


def module(monkeypatch: pytest.MonkeyPatch, app: func.FunctionApp) -> None:
    """An app in the place of function_app.py."""
    found = ModuleType("function_app")
    found.__dict__["app"] = app
    monkeypatch.setitem(__import__("sys").modules, "function_app", found)


def routed(name: str) -> Function:
    return read_function(functions()[name])


# function_app.py


def test_every_function_of_the_app_is_served_by_its_trigger() -> None:
    found = [read_function(built) for built in functions().values()]

    assert {each.name for each in of(Trigger.HTTP, found)} == {*HTTP, *PAGES}
    assert {each.name for each in of(Trigger.QUEUE, found)} == {
        *("execute", "control", "ingest", "record", "dead_commands", "dead_control", "dead_events")
    }
    assert [each.name for each in found if each.takes_batches] == ["record"]
    assert [each.name for each in of(Trigger.TIMER, found)] == ["sweep"]
    assert [each.name for each in of(Trigger.EVENT_GRID, found)] == ["ingest_workspace_event"]


def test_what_a_container_cannot_serve_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    app = func.FunctionApp()

    @app.service_bus_topic_trigger(arg_name="message", topic_name="t", subscription_name="s", connection="Bus")
    def of_topic(message: func.ServiceBusMessage) -> None: ...

    @app.service_bus_queue_trigger(arg_name="message", queue_name="q", connection="Bus", is_sessions_enabled=True)
    def of_sessions(message: func.ServiceBusMessage) -> None: ...

    @app.blob_trigger(arg_name="blob", path="p", connection="Bus")
    def of_blobs(blob: func.InputStream) -> None: ...

    @app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
    async def in_the_loop(timer: func.TimerRequest) -> None: ...

    module(monkeypatch, app)
    with pytest.raises(ConfigurationError) as caught:
        load()

    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        *("function of_topic", "function of_sessions", "function of_blobs", "function in_the_loop")
    ]
    assert "not blobTrigger" in str(caught.value)


def test_settings_are_filled_in_and_missing_ones_are_named() -> None:
    assert expanded("%A%/$deadletterqueue", {"A": " run-commands "}) == "run-commands/$deadletterqueue"
    with pytest.raises(ConfigurationError, match="A is not set\nB is not set"):
        expanded("%B% %A%", {"A": " "})


# host.json


def test_the_numbers_of_host_json_are_those_of_the_platform() -> None:
    host_file = read_host_file(ROOT / "host.json", {})
    section = json.loads((ROOT / "host.json").read_text())["extensions"]["serviceBus"]

    assert host_file.route_prefix == "api"
    assert host_file.function_timeout == timedelta(minutes=10)
    assert host_file.service_bus.max_concurrent_calls == section["maxConcurrentCalls"]
    assert host_file.service_bus.min_message_batch_size == section["minMessageBatchSize"]
    assert host_file.service_bus.max_auto_lock_renewal_duration == timedelta(minutes=5)
    assert host_file.service_bus.max_batch_wait_time == timedelta(seconds=30)


def test_settings_override_it_without_regard_to_case() -> None:
    changed = {f"{OVERRIDE}maxBatchWaitTime": "00:00:01", f"{OVERRIDE.lower()}maxconcurrentcalls": "3"}

    section = read_host_file(ROOT / "host.json", changed).service_bus

    assert (section.max_batch_wait_time, section.max_concurrent_calls) == (timedelta(seconds=1), 3)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("maxConcurrentCalls", "0", r"extensions.servicebus.maxconcurrentcalls is '0': Input should be greater"),
        ("maxBatchWaitTime", "soon", r"extensions.servicebus.maxbatchwaittime is 'soon'"),
        ("maxMessageBatchSize", "5", "minMessageBatchSize is greater than maxMessageBatchSize"),
    ],
)
def test_a_wrong_number_is_named(name: str, value: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        read_host_file(ROOT / "host.json", {OVERRIDE + name: value})


@pytest.mark.parametrize("content", ["", "[", None])
def test_a_host_json_that_is_none_is_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "host.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigurationError, match=r"host\.json cannot be read"):
        read_host_file(file, {})


# Keys


@pytest.mark.parametrize("query", [False, True])
def test_a_right_key_is_handed_on_in_the_header(query: bool) -> None:
    door = Door({}, ["another-key-of-16", KEY])
    given = ({"accept": "*/*"}, {"code": KEY}) if query else ({"accept": "*/*", "x-functions-key": KEY}, {})

    assert door.check(routed("create_run"), *given) == {"accept": "*/*", "x-functions-key": KEY}


@pytest.mark.parametrize("mode", ["key", "service"])
@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("create_run", {}),
        ("create_run", {"x-functions-key": KEY[:-1]}),
        ("create_run", {"x-functions-key": f"{KEY},{KEY}"}),
        ("create_run", {"x-functions-key": "schlüssel-sechzehn"}),
        ("snowflake_ping", {"x-functions-key": "guessed-key-of-16"}),
    ],
)
def test_others_do_not_come_in(mode: str, name: str, headers: dict[str, str]) -> None:
    with pytest.raises(Refused):
        Door({"AUTH_MODE": mode}, [KEY]).check(routed(name), headers, {})


def test_without_any_key_only_service_functions_come_in() -> None:
    door = Door({"AUTH_MODE": "service"}, [])

    for name, (route, _, level) in HTTP.items():
        is_open = route.startswith("v1/snowflake/") or level == "ANONYMOUS"
        if is_open:
            assert door.check(routed(name), {}, {}) == {}
        else:
            with pytest.raises(Refused):
                door.check(routed(name), {}, {})


def test_where_tokens_count_a_key_is_not_handed_on() -> None:
    open_route = Function(name="f", trigger=Trigger.HTTP, binding={"authLevel": "ANONYMOUS"}, call=print)

    assert Door({"AUTH_MODE": "entra"}, []).check(open_route, {"x-functions-key": KEY, "a": "b"}, {}) == {"a": "b"}


def test_a_container_without_keys_does_not_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.argv", ["python -m bridge.container", "worker"])
    monkeypatch.setenv(HOSTING, "")
    monkeypatch.delenv(NAME, raising=False)

    assert main() == CANNOT_START
    assert "BRIDGE_FUNCTION_KEYS is not set, and AUTH_MODE is key" in caplog.text


@pytest.mark.parametrize("port", ["99999", "-1", "http", "\u0662", ""])
def test_what_is_no_port_is_said_before_anything_is_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    monkeypatch.setattr("sys.argv", ["python -m bridge.container", f"--port={port}"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == CANNOT_START
    assert "is no port: give a whole number from 0 to 65535" in capsys.readouterr().err


# Timers


def timer(schedule: str, times: Iterator[datetime] | None = None, calls: Any = None) -> Timer:
    function = Function(name="sweep", trigger=Trigger.TIMER, binding={"name": "timer"}, call=print)
    return Timer(function, schedule, calls, now=lambda: next(times or iter(())))


def test_a_schedule_has_seconds_and_is_in_utc() -> None:
    due = timer("30 0 3 * * *").next_after(datetime(2026, 11, 30, 3, 0, 30, tzinfo=UTC))

    assert due == datetime(2026, 12, 1, 3, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "hint"),
    [
        ("0 3 * * *", "give six fields such as 0 0 3"),
        ("0 0 3 * * L#", "give six fields"),
        ("0 0 25 * * *", "cannot be used"),
        ("0 0 3 1 * 1", "names a day of the month and of the week: give one"),
    ],
)
def test_a_schedule_that_the_platform_reads_otherwise_is_refused(schedule: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        timer(schedule)


def test_a_timer_fires_when_it_is_due_and_again_and_says_when_it_is_late() -> None:
    three, four = (datetime(2026, 11, 30, hour, tzinfo=UTC) for hour in (3, 4))
    late = timedelta(minutes=2)
    second = timedelta(seconds=1)
    # Asked: what is due next, whether it is due, how late it is.
    times = iter([three - second, three, three, three + second, four + late, four + late])
    fired: list[bool] = []

    async def calls(_: Function, request: func.TimerRequest) -> None:
        fired.append(request.past_due)
        if len(fired) == 1:
            raise RuntimeError("told to fail")
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(timer("0 0 * * * *", times, calls).run())

    assert fired == [False, True]


# Calls and probes


def test_calls_are_made_in_threads_and_counted() -> None:
    async def call() -> Any:
        calls = Calls(1, None, lambda _: None)
        function = Function(name="f", trigger=Trigger.HTTP, binding={"name": "req"}, call=lambda req: req + 1)
        answer = await calls(function, 1)
        calls.close()
        return answer, calls.running

    assert asyncio.run(call()) == (2, 0)


def test_a_receiver_asks_for_tokens_of_the_apps_identity_beside_the_loop() -> None:
    threads: list[int] = []

    class Identity(EmulatorCredential):
        def get_token(self, *scopes: str, **options: Any) -> Any:
            threads.append(threading.get_ident())
            return super().get_token(*scopes, **options)

    async def ask() -> Any:
        async with AsyncCredential(Identity) as credential:
            return await credential.get_token("https://servicebus.azure.net/.default")

    assert asyncio.run(ask()).token == EmulatorCredential().get_token("https://servicebus.azure.net/.default").token
    assert threads != [threading.get_ident()]


def test_the_check_of_the_image_fails_where_nobody_listens() -> None:
    assert probes.main(["1"]) == 1


@pytest.mark.parametrize("text", ["0", "1001", "-1", "many", "9" * 5000])
def test_a_number_of_threads_that_cannot_be_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_THREADPOOL_THREAD_COUNT", text)

    with pytest.raises(ConfigurationError, match="give a whole number from 1 to 1000"):
        entry_point._threads()


def test_a_probe_of_no_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        probes.main(["x"])

    assert left.value.code == 2
    assert "invalid int value: 'x'" in capsys.readouterr().err
