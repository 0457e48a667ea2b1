"""`python -m bridge dead-letters … --broker`, through azure-servicebus on the emulator's dead-letter queues."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.laptop import endpoints_file
from bridge.cli.program import main
from bridge.domain.queues import Queue
from bridge.local.announcement import announced
from bridge.local.processes import free_port
from tests.emulators.servicebus_service import ServiceBus, connection_string, running

TWO_WEEKS = 15 * 86_400


@pytest.fixture(scope="module")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceBus]:
    queues = {
        queue.value: {"DefaultMessageTimeToLive": "P14D", "DeadLetteringOnMessageExpiration": True} for queue in Queue
    }
    with running(tmp_path_factory.mktemp("servicebus"), queues) as service:
        yield service


@pytest.fixture
def broker(_broker: ServiceBus, monkeypatch: pytest.MonkeyPatch) -> ServiceBus:
    _broker.reset()
    monkeypatch.setenv("ServiceBusConnection", _broker.connection_string)
    return _broker


def die(broker: ServiceBus, queue: str, *bodies: str) -> None:
    """Messages that nobody has fetched in time."""
    for number, body in enumerate(bodies):
        broker.send(queue, body, MessageId=f"m{number}")
    broker.advance(TWO_WEEKS)


def asked(arguments: Sequence[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    assert main([*arguments, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def bodies(broker: ServiceBus, state: str = "active") -> list[str]:
    return [message["body"] for message in broker.messages("run-events", state)]


def test_dead_letters_of_every_queue_are_listed_and_shown_and_stay_as_they_are(
    broker: ServiceBus, capsys: pytest.CaptureFixture[str]
) -> None:
    die(broker, "run-events", '{"rows": 1}', "\x1b[31m[red]")
    die(broker, "run-control", "{}")
    before = [broker.messages(queue, "dead") for queue in Queue]

    found = asked(["dead-letters", "list", "--broker"], capsys)["dead_letters"]

    assert [(letter["queue"], letter["message_id"]) for letter in found] == [
        ("run-control", "m0"), ("run-events", "m0"), ("run-events", "m1"),
    ]  # fmt: skip
    assert {letter["reason"] for letter in found} == {"TTLExpiredException"}
    number = str(found[2]["sequence_number"])
    assert main(["dead-letters", "show", "--broker", "run-events", number]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == "body: \\x1b[31m[red]"
    assert [broker.messages(queue, "dead") for queue in Queue] == before


def test_the_table_says_when_there_may_be_more(
    broker: ServiceBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the settings of the laptop stack."""
    monkeypatch.setenv("BRIDGE_ENDPOINTS", str(tmp_path / "endpoints.json"))
    monkeypatch.delenv("ServiceBusConnection")
    stack = {"functions": {"base_url": "", "key": ""}, "settings": {"ServiceBusConnection": broker.connection_string}}
    die(broker, "run-events", "a", "b", "c")

    with announced(stack, endpoints_file()):
        assert main(["dead-letters", "list", "--broker", "--queue", "run-events", "--limit", "2", "--local"]) == 0

    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 3
    assert told.err == "these are the oldest 2 of each queue: --limit shows more\n"


def test_one_message_is_sent_again_and_the_others_stay(broker: ServiceBus, capsys: pytest.CaptureFixture[str]) -> None:
    die(broker, "run-events", "a", "b", "c")
    listed = asked(["dead-letters", "list", "--broker", "--queue", "run-events"], capsys)["dead_letters"]
    number = listed[1]["sequence_number"]

    answer = asked(["dead-letters", "replay", "--broker", "run-events", str(number)], capsys)

    assert answer == {"queue": "run-events", "replayed": [number], "still_there": [], "not_found": []}
    (again,) = broker.messages("run-events")
    assert (again["body"], again["message_id"]) == ("b", f"m1:replay.{number}")
    assert bodies(broker, "dead") == ["a", "c"]


def test_all_are_sent_again_and_later_nothing_is_left_to_do(
    broker: ServiceBus, capsys: pytest.CaptureFixture[str]
) -> None:
    die(broker, "run-events", "a", "b", "c")

    assert main(["dead-letters", "replay", "--broker", "run-events", "--all"]) == 0
    assert main(["dead-letters", "replay", "--broker", "run-events", "--all"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "run-events: 3 of 3 dead letters were sent again",
        "run-events: 0 of 0 dead letters were sent again",
    ]
    assert bodies(broker) == ["a", "b", "c"]
    assert bodies(broker, "dead") == []


def test_what_could_not_be_taken_from_the_dead_letters_is_there_twice_and_that_is_said(
    broker: ServiceBus, capsys: pytest.CaptureFixture[str]
) -> None:
    die(broker, "run-events", "a")
    fault = broker.plan("lock_lost", queue="run-events")

    answer = asked(["dead-letters", "replay", "--broker", "run-events", "--all"], capsys)

    assert broker.struck(fault) == 1
    assert answer["still_there"] == answer["replayed"]
    assert (bodies(broker), bodies(broker, "dead")) == (["a"], ["a"])


def test_what_could_not_be_sent_stays_a_dead_letter(broker: ServiceBus, capsys: pytest.CaptureFixture[str]) -> None:
    die(broker, "run-events", "a")
    fault = broker.plan("server_busy", times=9, queue="run-events", operation="send")

    assert main(["dead-letters", "replay", "--broker", "run-events", "--all"]) == 1

    assert broker.struck(fault) > 0
    assert (bodies(broker), bodies(broker, "dead")) == ([], ["a"])
    assert capsys.readouterr().err.splitlines() == [
        "Service Bus, queue run-events, is busy: try again in a minute",
        "0 of 1 dead letters were sent again before that",
    ]


def test_a_sequence_number_that_is_none_of_a_dead_letter_is_told(
    broker: ServiceBus, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", "replay", "--broker", "run-events", "7"]) == 1

    assert capsys.readouterr().err == "run-events has no dead letter 7: dead-letters list --broker shows them\n"


def test_a_queue_that_the_namespace_does_not_have_is_told(
    broker: ServiceBus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUN_EVENTS_QUEUE", "elsewhere")

    assert main(["dead-letters", "list", "--broker", "--queue", "run-events"]) == 1

    assert capsys.readouterr().err == "Service Bus has no queue elsewhere\n"


def test_a_key_that_is_not_accepted_is_told_without_the_key(
    broker: ServiceBus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ServiceBusConnection", connection_string(broker.port, key="another-key"))

    assert main(["dead-letters", "list", "--broker", "--queue", "run-events"]) == 1

    told = capsys.readouterr().err
    assert told.startswith("Service Bus refused you at queue run-events: you need Azure Service Bus Data Receiver")
    assert "another-key" not in told


def test_a_broker_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ServiceBusConnection", connection_string(free_port()))

    assert main(["dead-letters", "list", "--broker", "--queue", "run-events"]) == 1

    assert capsys.readouterr().err.startswith("Service Bus, queue run-events, could not be reached (")


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ("", "ServiceBusConnection__fullyQualifiedNamespace is not set"),
        ("Endpoint=sb://x/;SharedAccessKey=the-key", "ServiceBusConnection is no connection string of Service Bus"),
    ],
)
def test_settings_that_name_no_broker_are_told(
    connection: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ServiceBusConnection", connection)

    assert main(["dead-letters", "list", "--broker"]) == 1

    told = capsys.readouterr().err
    assert words in told
    assert "the-key" not in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--broker", "run-control", "--all"],
        ["replay", "--broker", "run-events"],
        ["replay", "--broker", "run-events", "7", "--all"],
        ["replay", "--all"],
        ["replay"],
        ["show"],
        ["show", "--broker", "run-events", "seven"],
        ["list", "--broker", "--run-id", "r-1"],
    ],
)
def test_what_cannot_be_asked_of_a_broker_is_a_wrong_command_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", *arguments]) == 2

    assert len(capsys.readouterr().err.splitlines()) == 1
