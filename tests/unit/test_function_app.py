"""The page of triggers: what the platform is told about every function, and that each one reaches its handler."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import azure.functions as func
import pytest
from azure.functions.timer import TimerRequest

import function_app
from bridge.adapters.memory import MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.errors import ConfigurationError, ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.payloads import bodies
from bridge.ports import Bridge
from tests.unit.app_functions import (
    CALLS,
    GOOD_RUN,
    HTTP,
    LETTER,
    PAGES,
    RUN_ID,
    MemoryApp,
    bindings,
    functions,
    handler,
)
from tests.unit.invocations import document, http, message, problem, sample
from tests.unit.requests import accepted, put_aside, statuses

ROOT = Path(__file__).parents[2]
#: function -> queue.
QUEUES = {
    "execute": "%RUN_COMMANDS_QUEUE%",
    "control": "%RUN_CONTROL_QUEUE%",
    "ingest": "%INBOUND_EVENTS_QUEUE%",
    "record": "%RUN_EVENTS_QUEUE%",
    "dead_commands": "%RUN_COMMANDS_QUEUE%/$deadletterqueue",
    "dead_control": "%RUN_CONTROL_QUEUE%/$deadletterqueue",
    "dead_events": "%INBOUND_EVENTS_QUEUE%/$deadletterqueue",
}
OTHERS = {
    "ingest_workspace_event": {"type": "eventGridTrigger", "name": "event"},
    "sweep": {"type": "timerTrigger", "name": "timer", "schedule": "%SWEEP_SCHEDULE%"},
}
ALL = [*HTTP, *PAGES, *QUEUES, *OTHERS]


@pytest.fixture
def call(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Calls a function by its name, over the bridge in memory."""
    monkeypatch.setattr(function_app, "bridge_app", MemoryApp(bridge))
    return lambda name, *arguments: handler(name)(*arguments)


# bindings


def test_these_are_all_functions() -> None:
    assert sorted(functions()) == sorted(ALL)


@pytest.mark.parametrize("name", [*HTTP, *PAGES])
def test_an_http_function_is_bound_to_its_route(name: str) -> None:
    route, methods, level = {**HTTP, **PAGES}[name]

    assert bindings(name) == [
        {
            "direction": "IN",
            "type": "httpTrigger",
            "name": "req",
            "methods": methods.split(","),
            "authLevel": level,
            "route": route,
        },
        {"direction": "OUT", "type": "http", "name": "$return"},
    ]


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_function_is_bound_to_its_queue(name: str) -> None:
    many = (
        {"name": "messages", "cardinality": "MANY", "dataType": "BINARY"} if name == "record" else {"name": "message"}
    )

    assert bindings(name) == [
        {
            "direction": "IN",
            "type": "serviceBusTrigger",
            "connection": "ServiceBusConnection",
            "queueName": QUEUES[name],
            **many,
        }
    ]


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_functions_are_bound_as_they_should_be(name: str) -> None:
    assert bindings(name) == [{"direction": "IN", **OTHERS[name]}]


def test_every_setting_that_a_binding_names_is_in_the_example_settings() -> None:
    values = json.loads((ROOT / "local.settings.example.json").read_text(encoding="utf-8"))["Values"]
    named = {
        part
        for name in ALL
        for binding in bindings(name)
        for value in binding.values()
        if isinstance(value, str) and value.startswith("%")
        for part in value.split("%")[1:2]
    }

    assert named == {
        "RUN_COMMANDS_QUEUE",
        "RUN_CONTROL_QUEUE",
        "RUN_EVENTS_QUEUE",
        "INBOUND_EVENTS_QUEUE",
        "SWEEP_SCHEDULE",
    }
    assert named <= set(values)


# what the platform refuses to index, or fails after the work is done


@pytest.mark.parametrize("name", ALL)
def test_a_function_has_a_form_that_the_platform_takes(name: str) -> None:
    function = handler(name)
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function)

    assert [*parameters] == [binding["name"] for binding in bindings(name) if binding["direction"] == "IN"]
    assert not inspect.iscoroutinefunction(function)
    for parameter, hint in hints.items():
        is_single_class = isinstance(hint, type) and not get_args(hint)
        is_typing_list = str(hint).startswith("typing.List[")
        assert is_single_class or is_typing_list or (parameter == "return" and hint is type(None)), (parameter, hint)


@pytest.mark.parametrize("name", [*QUEUES, *OTHERS])
def test_a_function_without_http_is_declared_to_return_nothing(name: str) -> None:
    """A value would fail the invocation after its work was done."""
    assert get_type_hints(handler(name))["return"] is type(None)


@pytest.mark.parametrize("name", [*HTTP, *PAGES])
def test_an_http_function_is_declared_to_return_an_answer(name: str) -> None:
    assert get_type_hints(handler(name))["return"] is func.HttpResponse


@pytest.mark.parametrize("name", ALL)
def test_no_function_retries_by_itself(name: str) -> None:
    assert not functions()[name].get_settings_dict("retry_policy")


# calls


@pytest.mark.parametrize("name", HTTP)
def test_an_http_function_answers(call: Callable[..., Any], ledger: MemoryLedger, bridge: Bridge, name: str) -> None:
    fact = events.job_fact(RUN_ID, "RUNNING", bridge.clock.now(), **GOOD_RUN)
    ledger.write(Records(run_events=(fact,), dead_letters=(LETTER,)))
    request, status = CALLS[name]

    response = call(name, request())

    assert isinstance(response, func.HttpResponse)
    assert response.status_code == status, response.get_body()
    assert document(response) is not None


@pytest.mark.parametrize("name", HTTP)
def test_while_the_app_is_set_up_wrongly_every_http_function_says_so(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    error = ConfigurationError(["SNOWFLAKE_ACCOUNT is hunter2"])
    monkeypatch.setattr(function_app, "bridge_app", MemoryApp(None, error))

    found = problem(handler(name)(CALLS[name][0]()), 503)

    assert "hunter2" not in str(found)


@pytest.mark.parametrize("name", QUEUES)
def test_while_the_app_is_set_up_wrongly_messages_go_back_slowly(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(function_app, "bridge_app", MemoryApp(None, ConfigurationError(["x"])))
    waited: list[float] = []
    monkeypatch.setattr("bridge.handlers.queues.time.sleep", waited.append)

    with pytest.raises(ConfigurationError):
        handler(name)([message()] if name == "record" else message())

    assert waited == [60.0]


def test_a_run_goes_through_its_functions_from_the_request_to_the_row(
    call: Callable[..., Any], queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    run_id = document(call("create_run", http(body=GOOD_RUN)))["run_id"]
    (command,) = queues.sent[Queue.RUN_COMMANDS]
    assert call("execute", message(bodies.write(command.body), message_id=command.message_id)) is None
    for check in list(queues.sent[Queue.RUN_CONTROL]):
        assert call("control", message(bodies.write(check.body))) is None

    facts = [message(bodies.write(sent.body)) for sent in queues.sent[Queue.RUN_EVENTS]]
    assert call("record", facts) is None

    assert [run["run_id"] for run in document(call("list_runs", http("GET")))["runs"]] == [run_id]
    assert [row["status"] for row in ledger.events(run_id)] == ["ACCEPTED", "SUBMITTED", "NOT_STARTED"]


def test_events_and_the_timer_reach_their_handlers(call: Callable[..., Any], queues: MemoryQueues) -> None:
    event = message(sample("run_status_changed.event_grid.camel"), application_properties={"bridge_door": "workspace"})
    data = json.loads(sample("run_status_changed.event_grid.camel"))
    by_webhook = func.EventGridEvent(
        id=data["id"],
        data=data["data"],
        topic=data["topic"],
        subject=data["subject"],
        event_type=data["eventType"],
        event_time=None,
        data_version="",
    )

    assert call("ingest", event) is None
    assert call("ingest_workspace_event", by_webhook) is None
    assert call("sweep", TimerRequest(past_due=False)) is None

    assert statuses(queues) == ["RUNNING"]  # the webhook's event has no time, so it is kept without a fact
    assert len(queues.sent[Queue.RUN_EVENTS]) == 2


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("dead_commands", Queue.RUN_COMMANDS),
        ("dead_control", Queue.RUN_CONTROL),
        ("dead_events", Queue.INBOUND_EVENTS),
    ],
)
def test_a_dead_letter_is_kept_under_the_queue_it_came_from(
    call: Callable[..., Any], queues: MemoryQueues, name: str, queue: Queue
) -> None:
    assert call(name, message(b"hello")) is None

    assert [letter.queue for letter in put_aside(queues)] == [queue]


def test_a_function_of_a_queue_raises_what_its_message_could_not_get_done(
    call: Callable[..., Any], bridge: Bridge, queues: MemoryQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("bridge.handlers.queues.time.sleep", waited.append)
    command = bodies.write(accepted(bridge, queues))
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        call("execute", message(command))

    assert waited == [5.0]
