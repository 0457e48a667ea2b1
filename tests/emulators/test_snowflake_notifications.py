"""Notification integrations on the laptop's Snowflake: events that arrive at Event Grid's address."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import Response

from tests.emulators.far_end import FarEnd
from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value
from tests.eventually import eventually

TOPIC = "https://laptop.westeurope-1.eventgrid.azure.net/api/events"
SEND = (
    "CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(SNOWFLAKE.NOTIFICATION.APPLICATION_JSON({}), "
    "SNOWFLAKE.NOTIFICATION.INTEGRATION('{}'))"
)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[SnowflakeService, FarEnd]]:
    with FarEnd() as far_end:
        mapping = f"{TOPIC}=>http://127.0.0.1:{far_end.port}/api/events"
        with SnowflakeService("--url-map", mapping, "--header", "aeg-sas-key=laptop-key") as service:
            yield service, far_end


@pytest.fixture(scope="module")
def connection(running: tuple[SnowflakeService, FarEnd]) -> Any:
    opened = running[0].connect()
    for name, endpoint, enabled in (
        ("ML_EVENTS", TOPIC, "TRUE"),
        ("OFF_EVENTS", TOPIC, "FALSE"),
        ("FAR_EVENTS", "https://elsewhere.eventgrid.azure.net/api/events", "TRUE"),
    ):
        rows(
            opened,
            f"CREATE OR REPLACE NOTIFICATION INTEGRATION {name} ENABLED = {enabled} DIRECTION = OUTBOUND TYPE = QUEUE "
            f"NOTIFICATION_PROVIDER = AZURE_EVENT_GRID AZURE_EVENT_GRID_TOPIC_ENDPOINT = '{endpoint}' "
            "AZURE_TENANT_ID = '00000000-0000-0000-0000-000000000000'",
        )
    return opened


@pytest.fixture
def service(running: tuple[SnowflakeService, FarEnd], connection: Any) -> SnowflakeService:
    running[0].tell("/reset")
    return running[0]


@pytest.fixture
def far_end(running: tuple[SnowflakeService, FarEnd]) -> FarEnd:
    running[1].begin()
    running[1].handle = lambda _: Response()
    return running[1]


def event_of(far_end: FarEnd, place: int = 0) -> Any:
    eventually(lambda: len(far_end.calls) > place)
    (event,) = json.loads(far_end.calls[place].text)
    return event


def test_a_notification_arrives_as_an_event_with_its_text_as_data(
    service: SnowflakeService, connection: Any, far_end: FarEnd
) -> None:
    message = '{"type": "Bridge.SubmitRun", "key": "it\'s"}'

    assert value(connection, SEND.format("?", "ML_EVENTS"), [message]) == "Enqueued notifications."

    event = event_of(far_end)
    assert (event["subject"], event["eventType"]) == ("Snowflake Queue Notification", "eventgrid-notification")
    assert event["data"] == message
    assert set(event) == {"id", "subject", "eventType", "eventTime", "dataVersion", "data"}
    assert far_end.calls[0].headers["aeg-sas-key"] == "laptop-key"
    sent = eventually(lambda: [sent for sent in service.ask("/notifications") if sent["state"] == "DELIVERED"])
    assert (sent[0]["integration"], sent[0]["event"]) == ("ML_EVENTS", event)


def test_a_message_may_be_any_expression_and_go_to_several(
    service: SnowflakeService, connection: Any, far_end: FarEnd
) -> None:
    rows(connection, SEND.format("OBJECT_CONSTRUCT('a', 1 + 1)::VARCHAR", "ml_events"))
    rows(
        connection,
        'CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(\'{"application/json": "{}"}\', \'[{"ML_EVENTS": {}}]\')',
    )

    assert json.loads(event_of(far_end)["data"]) == {"a": 2}
    assert event_of(far_end, 1)["data"] == "{}"


def test_an_event_is_sent_again_until_it_is_taken(service: SnowflakeService, connection: Any, far_end: FarEnd) -> None:
    answers = iter([503, 429])
    far_end.handle = lambda _: Response(status_code=next(answers, 200))

    rows(connection, SEND.format("'{}'", "ML_EVENTS"))

    (sent,) = eventually(lambda: [sent for sent in service.ask("/notifications") if sent["state"] != "ENQUEUED"])
    assert (sent["state"], sent["tries"], sent["error"]) == ("DELIVERED", 3, None)
    assert event_of(far_end, 0)["id"] == event_of(far_end, 2)["id"]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (SEND.format("'{}'", "NO_EVENTS"), 2003),
        (SEND.format("'{}'", "OFF_EVENTS"), 1044),
        (SEND.format("'{}'", "FAR_EVENTS"), 100350),
        ("CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION('no json', '{\"ML_EVENTS\": {}}')", 1044),
        ('CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(\'{"text/html": "x"}\', \'{"ML_EVENTS": {}}\')', 1044),
        ("CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION('{}')", 1044),
        ("CREATE NOTIFICATION INTEGRATION ML_EVENTS ENABLED = TRUE TYPE = QUEUE", 2002),
    ],
)
def test_what_cannot_be_sent_is_refused(
    service: SnowflakeService, connection: Any, far_end: FarEnd, sql: str, code: int
) -> None:
    with refused(code):
        rows(connection, sql)

    assert service.ask("/notifications") == []


def test_integrations_are_recorded_as_well_and_follow_their_changes(
    service: SnowflakeService, connection: Any, far_end: FarEnd
) -> None:
    rows(connection, "ALTER NOTIFICATION INTEGRATION OFF_EVENTS SET ENABLED = TRUE")
    rows(connection, SEND.format("'{}'", "OFF_EVENTS"))
    rows(connection, "ALTER INTEGRATION OFF_EVENTS SET ENABLED = FALSE")

    with refused(1044):
        rows(connection, SEND.format("'{}'", "OFF_EVENTS"))
    assert [entry["kind"] for entry in service.ask("/no-ops")] == [
        "ALTER NOTIFICATION INTEGRATION",
        "ALTER INTEGRATION",
    ]


def test_a_task_that_fails_tells_the_error_integration_of_its_root(
    service: SnowflakeService, connection: Any, far_end: FarEnd
) -> None:
    rows(
        connection,
        "CREATE OR REPLACE TASK ROOT ERROR_INTEGRATION = ML_EVENTS SUCCESS_INTEGRATION = ML_EVENTS AS SELECT 1",
    )
    rows(connection, "CREATE OR REPLACE TASK CHILD AFTER ROOT AS INSERT INTO NOWHERE SELECT 1")
    rows(connection, "ALTER TASK CHILD RESUME")
    rows(connection, "EXECUTE TASK ROOT")

    message = json.loads(event_of(far_end)["data"])
    (run,) = next(task["runs"] for task in service.ask("/tasks") if task["name"].endswith("CHILD"))
    detail = message["messages"][0]
    assert (message["messageType"], message["version"]) == ("USER_TASK_FAILED", "1.0")
    assert message["accountName"] == "LAPTOP"
    assert (message["taskName"], message["rootTaskName"]) == ("LAPTOP.ML_BRIDGE.CHILD", "LAPTOP.ML_BRIDGE.ROOT")
    assert message["taskId"] != message["rootTaskId"]
    assert (detail["queryId"], detail["errorCode"]) == (run["query_id"], "002003")
    assert detail["errorMessage"] == run["error"]
    eventually(
        lambda: [run for task in service.ask("/tasks") for run in task["runs"] if run["graph_state"] == "FAILED"]
    )
    assert len(far_end.calls) == 1


def test_a_graph_that_succeeds_tells_the_success_integration_and_a_single_task_does_not(
    service: SnowflakeService, connection: Any, far_end: FarEnd
) -> None:
    rows(connection, "CREATE OR REPLACE TASK SINGLE SUCCESS_INTEGRATION = ML_EVENTS AS SELECT 1")
    rows(connection, "CREATE OR REPLACE TASK ROOT SUCCESS_INTEGRATION = ML_EVENTS AS SELECT 1")
    rows(connection, "CREATE OR REPLACE TASK CHILD AFTER ROOT AS SELECT 2")
    rows(connection, "ALTER TASK CHILD RESUME")
    for name in ("SINGLE", "ROOT"):
        rows(connection, f"EXECUTE TASK {name}")

    message = json.loads(event_of(far_end)["data"])
    assert (message["messageType"], message["rootTaskName"]) == ("USER_TASK_SUCCEEDED", "LAPTOP.ML_BRIDGE.ROOT")

    def ended() -> bool:
        runs = [run for task in service.ask("/tasks") for run in task["runs"]]
        return len(runs) == 3 and all(run["graph_state"] == "SUCCEEDED" for run in runs)

    eventually(ended)
    assert len(service.ask("/notifications")) == 1


def test_a_task_whose_notification_cannot_be_sent_says_so(
    service: SnowflakeService, connection: Any, far_end: FarEnd
) -> None:
    rows(connection, "CREATE OR REPLACE TASK LONELY ERROR_INTEGRATION = FAR_EVENTS AS SELECT NOTHING")
    rows(connection, "EXECUTE TASK LONELY")

    def ended() -> Any:
        (task,) = [task for task in service.ask("/tasks") if task["name"].endswith("LONELY")]
        return [run for run in task["runs"] if run["graph_state"] == "FAILED"]

    assert "no url-map entry" in eventually(ended)[0]["notification_error"]
