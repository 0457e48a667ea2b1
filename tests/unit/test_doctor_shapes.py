"""What the doctor knows by itself: how queues have to be, what a role allows, which inputs fit."""

from typing import Any

import pytest

from bridge.doctor import snowflake_session
from bridge.doctor.findings import Status
from bridge.doctor.ledger_shape import VIEWS, tables
from bridge.doctor.permissions import Permissions
from bridge.doctor.pipeline_checks import FITTING
from bridge.doctor.queue_shapes import creation, differences, duration
from bridge.doctor.setting_checks import examples
from bridge.doctor.snowflake_checks import check_snowflake
from bridge.domain.inputs import InputType
from bridge.domain.queues import Queue
from bridge.local.processes import free_port
from tests.unit.doctor_subject import subject_of

RIGHT: dict[str, Any] = {
    "lockDuration": "PT1M",
    "maxDeliveryCount": 10,
    "defaultMessageTimeToLive": "P14D",
    "deadLetteringOnMessageExpiration": True,
    "requiresDuplicateDetection": False,
    "duplicateDetectionHistoryTimeWindow": "PT10M",
    "requiresSession": False,
    "status": "Active",
}


def test_queues_as_they_should_be_have_no_difference() -> None:
    assert not list(differences(Queue.RUN_COMMANDS, RIGHT))
    assert not list(differences(Queue.RUN_EVENTS, {**RIGHT, "lockDuration": "PT5M"}))
    assert not list(differences(Queue.RUN_CONTROL, {**RIGHT, "requiresDuplicateDetection": True}))
    for_ever = {"defaultMessageTimeToLive": "P10675199DT2H48M5.4775807S"}
    assert not list(differences(Queue.INBOUND_EVENTS, {**RIGHT, "lockDuration": "PT60S", **for_ever}))


@pytest.mark.parametrize(
    ("queue", "change", "what", "is_serious"),
    [
        (Queue.RUN_EVENTS, {}, "its lock is PT1M, not PT5M", True),
        (Queue.RUN_COMMANDS, {"lockDuration": "PT5M"}, "its lock is PT5M, not PT1M", False),
        (Queue.RUN_COMMANDS, {"maxDeliveryCount": 3}, "a message is delivered 3 times, not 10", False),
        (Queue.RUN_COMMANDS, {"defaultMessageTimeToLive": "PT1H"}, "messages live PT1H, not P14D", False),
        (Queue.RUN_COMMANDS, {"deadLetteringOnMessageExpiration": False}, "messages that expire are dropped", True),
        (Queue.RUN_COMMANDS, {"requiresDuplicateDetection": True}, "duplicate detection is on, not off", True),
        (Queue.RUN_CONTROL, {}, "duplicate detection is off, not on", False),
        (Queue.RUN_COMMANDS, {"requiresSession": True}, "it requires sessions", True),
        (Queue.RUN_COMMANDS, {"status": "Disabled"}, "it is Disabled", True),
        (
            Queue.RUN_CONTROL,
            {"requiresDuplicateDetection": True, "duplicateDetectionHistoryTimeWindow": "PT30S"},
            "duplicates are known for PT30S, not PT10M",
            False,
        ),
    ],
)
def test_each_difference_is_told(queue: Queue, change: dict[str, Any], what: str, is_serious: bool) -> None:
    (found,) = differences(queue, {**RIGHT, **change})

    assert (found.what, found.is_serious) == (what, is_serious)
    assert found.why


def test_a_queue_is_made_as_the_app_wants_it() -> None:
    made = creation(Queue.RUN_CONTROL, "run-control", "my-group", "my-bridge")

    assert "--lock-duration PT1M" in made
    assert made.endswith("--enable-duplicate-detection true --duplicate-detection-history-time-window PT10M")
    assert "duplicate" not in creation(Queue.RUN_EVENTS, "run-events", "my-group", "my-bridge")


def test_durations_are_read_as_azure_writes_them() -> None:
    assert duration("P1DT2H3M4.5S").total_seconds() == 93_784.5
    assert duration("whatever").total_seconds() == 0


def test_a_permission_counts_when_an_entry_allows_it_that_does_not_take_it_away() -> None:
    reads = {"actions": ["*/read"], "notActions": ["Microsoft.X/secrets/read"]}
    writes = {"actions": ["microsoft.x/jobs/*"], "notActions": []}
    sends = {"actions": [], "dataActions": ["Microsoft.ServiceBus/*/send/action"], "notDataActions": []}
    wanted = ["Microsoft.X/jobs/read", "Microsoft.X/jobs/write", "Microsoft.X/secrets/read", "Microsoft.X/other/write"]
    permissions = Permissions((reads, writes, sends))

    assert permissions.missing(wanted) == ["Microsoft.X/secrets/read", "Microsoft.X/other/write"]
    send = "Microsoft.ServiceBus/namespaces/queues/messages/send/action"
    assert permissions.missing([send], "dataActions") == []
    assert permissions.missing([send]) == [send]


def test_every_type_of_pipelines_yaml_fits_some_component() -> None:
    assert FITTING.keys() == set(InputType)


def test_the_ledgers_shape_is_read_from_all_migrations() -> None:
    shape = {table: {column.name: column for column in columns} for table, columns in tables().items()}

    assert shape.keys() == {"RUN_EVENTS", "AML_EVENTS", "DEAD_LETTERS", "RULE_ACTIONS"}
    assert shape["RUN_EVENTS"]["ATTEMPT"].type == "NUMBER(10,0)"
    assert shape["RUN_EVENTS"]["RECORDED_AT"].type == "TIMESTAMP_TZ"
    assert shape["DEAD_LETTERS"]["DOOR"].script == "migrations/V002__doors_and_outbox.sql"
    assert VIEWS == ("RUNS", "RUNS_ALL")


def test_a_login_that_only_the_apps_identity_can_make_is_left_out_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)

    (found,) = check_snowflake(subject_of(examples()))

    assert found.status is Status.SKIPPED
    assert "managed identity" in found.cause
    assert "SNOWFLAKE_AUTHENTICATOR=PROGRAMMATIC_ACCESS_TOKEN" in found.mend


def test_a_snowflake_that_does_not_answer_is_no_refused_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snowflake_session, "LOGIN_SECONDS", 1)
    host = {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": str(free_port()), "SNOWFLAKE_PROTOCOL": "http"}
    login = {"SNOWFLAKE_AUTHENTICATOR": "SNOWFLAKE", "SNOWFLAKE_PASSWORD": "p", "SNOWFLAKE_ACCOUNT": "my-acount"}

    (found,) = check_snowflake(subject_of({**examples(), **host, **login}))

    assert found.what == "Snowflake does not answer for the account my-acount"
    assert "is SNOWFLAKE_ACCOUNT right" in found.cause
    assert "'SNOWFLAKE_ACCOUNT=<organization>-<account>'" in found.mend
