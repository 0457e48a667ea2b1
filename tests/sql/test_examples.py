"""The examples are applied to the emulated Snowflake, and their tasks are run there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from bridge.deploy.rendering import SQL, Renderer
from bridge.deploy.statements import statements
from bridge.local import endpoints
from bridge.local.sql_scripts import SECRETS, laptop_statements, laptop_values
from tests.emulators.far_end import Call, FarEnd
from tests.emulators.snowflake_service import SnowflakeService, rows, value
from tests.eventually import eventually

RUN_ID = "r-" + "a" * 26
#: Last, because each task that sends would send its many requests.
LAST = "backfill.sql"
ENDED = """
INSERT INTO RUN_EVENTS (EVENT_ID, RUN_ID, IS_JOB_FACT, ATTEMPT, STATUS, RANK, OCCURRED_AT, PIPELINE)
SELECT 'e1', ?, TRUE, 0, 'COMPLETED', 100, CURRENT_TIMESTAMP(), 'churn-training'
"""
SET_ASIDE = "UPDATE RUN_REQUESTS SET ANSWER = PARSE_JSON('{}') WHERE ANSWER IS NULL"


def app(call: Call) -> Response:
    """Stands for the app and for the topic: whatever is asked for, it is the same run."""
    if call.path.endswith("/api/events"):
        return Response(status_code=200)
    answer = {"status": "ACCEPTED", "run_id": RUN_ID, "pipeline": "churn-training", "fingerprint": "f"}
    if "/v1/snowflake/" in call.path:
        return JSONResponse({"data": [[row[0], answer] for row in call.data]})
    return JSONResponse(answer, status_code=202)


@pytest.fixture(scope="module")
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as service:
        service.handle = app
        yield service


@pytest.fixture(scope="module")
def snowflake(far_end: FarEnd) -> Iterator[SnowflakeService]:
    """All scripts applied, then all examples."""
    with SnowflakeService() as service:
        there = f"http://127.0.0.1:{far_end.port}"
        hosts = (endpoints.APP_HOST, endpoints.NOTIFICATION_TOPIC_HOST)
        for source, target in ((endpoints.API_URL, f"{there}/api"), *((f"https://{host}", there) for host in hosts)):
            service.tell("/url-map", {"from": source, "to": target})
        connection = service.connect(database=None, schema=None)
        for statement in laptop_statements():
            rows(connection, statement)
        names = sorted((file.name for file in (SQL / "examples").glob("*.sql")), key=lambda name: (name == LAST, name))
        assert names[-1] == LAST
        renderer = Renderer(laptop_values(), SECRETS)
        for name in names:
            for statement in statements(renderer.render(f"examples/{name}").text):
                rows(connection, statement)
        yield service


@pytest.fixture(scope="module")
def connection(snowflake: SnowflakeService) -> Any:
    return snowflake.connect(database=endpoints.DATABASE, schema=endpoints.SCHEMA)


def last_run(snowflake: SnowflakeService, task: str) -> dict[str, Any] | None:
    """The task's last run, once it has ended."""
    found = [known["runs"] for known in snowflake.ask("/tasks") if known["name"].endswith(f".{task}")]
    runs: list[dict[str, Any]] = found[0]
    return runs[-1] if runs and runs[-1]["state"] in {"SUCCEEDED", "FAILED", "SKIPPED"} else None


def ended(snowflake: SnowflakeService, task: str) -> dict[str, Any]:
    run = eventually(lambda: last_run(snowflake, task), within=60)
    assert run["state"] == "SUCCEEDED", run["error"]
    return run


def test_the_backfill_asks_for_one_run_a_day(connection: Any, far_end: FarEnd) -> None:
    assert value(connection, "SELECT COUNT(*) FROM BACKFILL WHERE ANSWER:status::VARCHAR = 'ACCEPTED'") == 31
    days = [row[1:] for call in far_end.calls if call.path.endswith("/submit_run") for row in call.data]
    assert [json.dumps(day) for day in (days[0], days[-1])] == [
        '["churn-training", {"as_of": "2026-10-01"}, "backfill-2026-10-01"]',
        '["churn-training", {"as_of": "2026-10-31"}, "backfill-2026-10-31"]',
    ]
    waiting = "SELECT COUNT(DISTINCT REQUEST_KEY) FROM RUN_REQUESTS WHERE REQUEST_KEY LIKE 'backfill-2026-11-%'"
    assert value(connection, waiting) == 30


def test_the_notification_carries_a_run_request(snowflake: SnowflakeService, far_end: FarEnd) -> None:
    sent = eventually(lambda: [call for call in far_end.calls if call.path.endswith("/api/events")])
    event = json.loads(sent[0].text)[0]
    data = event["data"] if isinstance(event["data"], dict) else json.loads(event["data"])

    assert data["type"] == "Bridge.SubmitRun"
    assert data["key"] == "nightly-2026-11-02"
    assert data["data"]["pipeline"] == "churn-training"


def test_a_procedure_for_one_pipeline_starts_it(connection: Any, far_end: FarEnd) -> None:
    answer = json.loads(value(connection, "CALL START_CHURN_TRAINING('2026-11-02', 'by-wrapper')"))

    assert answer["run_id"] == RUN_ID
    sent = json.loads(far_end.calls[-1].text)
    assert sent["pipeline"] == "churn-training"
    assert sent["inputs"] == {"as_of": "2026-11-02"}


def test_tasks_of_the_examples_do_what_they_say(snowflake: SnowflakeService, connection: Any, far_end: FarEnd) -> None:
    rows(connection, SET_ASIDE)
    rows(connection, ENDED, [RUN_ID])
    rows(connection, "INSERT INTO CUSTOMERS (CUSTOMER_ID) SELECT 1")

    for root, end in (
        ("NIGHTLY_TRAINING", "NIGHTLY_TRAINING_END"),
        ("SCORE_AFTER_TRAINING", "SCORE_AFTER_TRAINING_SEND"),
        ("SCORE_NEW_CUSTOMERS", "SCORE_NEW_CUSTOMERS_SEND"),
    ):
        rows(connection, f"EXECUTE TASK {root}")
        ended(snowflake, end)

    assert ended(snowflake, "NIGHTLY_TRAINING")["return_value"] == RUN_ID
    group = ended(snowflake, "SCORE_NEW_CUSTOMERS")["run_group_id"]
    answered = rows(
        connection,
        "SELECT REQUEST_KEY, ANSWER:status::VARCHAR FROM RUN_REQUESTS "
        "WHERE REQUEST_KEY LIKE ANY ('after-%', 'customers-%') ORDER BY REQUEST_KEY",
    )
    assert answered == [(f"after-{RUN_ID}", "ACCEPTED"), (f"customers-{group}", "ACCEPTED")]
    assert value(connection, "SELECT COUNT(*) FROM CUSTOMERS_ADDED") == 0


def test_requests_that_are_written_by_hand_are_sent_by_the_tasks_of_the_outbox(
    snowflake: SnowflakeService, connection: Any
) -> None:
    rows(connection, SET_ASIDE)
    rows(connection, "INSERT INTO RUN_REQUESTS (REQUEST_KEY, PIPELINE) SELECT 'by-hand', 'churn-training'")

    rows(connection, "EXECUTE TASK TAKE_RUN_REQUESTS")
    ended(snowflake, "ANSWER_RUN_REQUESTS")

    assert value(connection, "SELECT ANSWER:run_id::VARCHAR FROM RUN_REQUESTS WHERE REQUEST_KEY = 'by-hand'") == RUN_ID
    assert value(connection, "SELECT COUNT(*) FROM RUN_REQUESTS_ADDED") == 0
