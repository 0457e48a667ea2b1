"""What can be made to go wrong with the emulated Snowflake, and that the connector sees it as it would in the cloud."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from snowflake.connector import errors

from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value


@pytest.fixture(scope="module")
def running() -> Iterator[SnowflakeService]:
    with SnowflakeService("--answer-within", "0.2") as service:
        yield service


@pytest.fixture
def service(running: SnowflakeService) -> SnowflakeService:
    running.tell("/reset")
    return running


@pytest.fixture
def connection(service: SnowflakeService) -> Any:
    connection = service.connect()
    rows(connection, "CREATE TABLE IF NOT EXISTS T (A INT)")
    return connection


def test_a_planned_error_refuses_one_statement(service: SnowflakeService, connection: Any) -> None:
    fault = service.plan("error", match={"verb": "INSERT"}, code=625, sqlstate="57014", message="lock wait")

    assert value(connection, "SELECT 1") == 1
    with refused(625):
        rows(connection, "INSERT INTO T SELECT 1")
    assert service.struck(fault) == 1
    assert value(connection, "SELECT COUNT(*) FROM T") == 0


def test_a_fault_is_matched_by_the_text_of_the_statement(service: SnowflakeService, connection: Any) -> None:
    service.plan("error", match={"sql": "RUN_EVENTS"}, code=2003)

    assert rows(connection, "SELECT A FROM T") == []
    with refused(2003):
        rows(connection, "SELECT * FROM RUN_EVENTS")


def test_a_passing_http_error_is_retried_by_the_connector(service: SnowflakeService, connection: Any) -> None:
    fault = service.plan("http_status", match={"verb": "INSERT"}, status=503)

    rows(connection, "INSERT INTO T SELECT 1")

    assert service.struck(fault) == 1
    assert value(connection, "SELECT COUNT(*) FROM T") == 1


def test_a_delay_makes_a_statement_late_and_nothing_else(service: SnowflakeService, connection: Any) -> None:
    fault = service.plan("delay", match={"verb": "SELECT"}, seconds=0.1)

    assert value(connection, "SELECT 2") == 2
    assert service.struck(fault) == 1


def test_a_query_that_takes_long_is_asked_for_again(service: SnowflakeService, connection: Any) -> None:
    service.plan("delay", match={"verb": "INSERT"}, seconds=0.7)  # longer than the emulator lets a request wait

    rows(connection, "INSERT INTO T SELECT 1")

    assert value(connection, "SELECT COUNT(*) FROM T") == 1
    assert service.ask("/statements")["counts"]["INSERT T"] == 1


@pytest.mark.parametrize(("params", "seen"), [({}, errors.InternalError), ({"status": 504}, errors.OperationalError)])
def test_an_answer_lost_after_the_commit_leaves_the_rows(
    service: SnowflakeService, params: dict[str, int], seen: type[Exception]
) -> None:
    connection = service.connect(retry_max_attempts=1)
    rows(connection, "CREATE TABLE IF NOT EXISTS T (A INT)")
    fault = service.plan("after_commit_error", match={"verb": "INSERT"}, **params)

    with pytest.raises(seen):
        rows(connection, "INSERT INTO T SELECT 1")

    assert service.struck(fault) == 1
    assert value(connection, "SELECT COUNT(*) FROM T") == 1


def test_a_retry_with_the_same_request_id_is_not_executed_again(service: SnowflakeService, connection: Any) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", trust_env=False) as client:
        credentials = {"LOGIN_NAME": "u", "PASSWORD": "p", "ACCOUNT_NAME": "laptop", "SESSION_PARAMETERS": {}}
        place = {"databaseName": connection.database, "schemaName": connection.schema}
        login = client.post("/session/v1/login-request", params=place, json={"data": credentials}).json()
        headers = {"authorization": f'Snowflake Token="{login["data"]["token"]}"'}
        answers = [
            client.post(
                "/queries/v1/query-request",
                params={"requestId": "one"},
                headers=headers,
                json={"sqlText": "INSERT INTO T SELECT 1"},
            ).json()
            for _ in range(2)
        ]

    assert answers[0] == answers[1]
    assert value(connection, "SELECT COUNT(*) FROM T") == 1


@pytest.mark.filterwarnings("ignore:.ReauthenticationRequest. currently subclasses:FutureWarning")
def test_a_session_that_is_gone_stays_gone_and_a_new_one_works(service: SnowflakeService, connection: Any) -> None:
    fault = service.plan("session_gone", match={"verb": "SELECT"})

    for _ in range(2):
        with pytest.raises(errors.DatabaseError) as error:
            rows(connection, "SELECT 1")
        assert error.value.errno == 390114
    assert service.struck(fault) == 1
    assert value(service.connect(), "SELECT 1") == 1


def test_a_refused_login_is_told_like_a_wrong_password(service: SnowflakeService) -> None:
    fault = service.plan("login_refused")

    with pytest.raises(errors.DatabaseError) as error:
        service.connect()

    assert error.value.errno == 390100
    assert service.struck(fault) == 1


def test_an_outage_refuses_connections_and_passes(service: SnowflakeService) -> None:
    service.tell("/outage", {"down": True})
    try:
        with pytest.raises(errors.DatabaseError) as error:
            service.connect(retry_max_attempts=1)
    finally:
        service.tell("/outage", {"down": False})

    assert "Connection refused" in str(error.value)
    assert value(service.connect(), "SELECT 1") == 1


def test_a_statement_during_an_outage_is_an_operational_error(service: SnowflakeService) -> None:
    connection = service.connect(retry_max_attempts=1)
    service.tell("/outage", {"down": True})
    try:
        with pytest.raises(errors.OperationalError):
            rows(connection, "SELECT 1")
    finally:
        service.tell("/outage", {"down": False})

    assert value(connection, "SELECT 1") == 1


def test_the_clock_may_be_pushed_and_nothing_is_due(service: SnowflakeService, connection: Any) -> None:
    service.tell("/clock", {"advance_seconds": 3600})

    assert value(connection, "SELECT 1") == 1


def test_an_unknown_route_is_not_found(service: SnowflakeService) -> None:
    answer = httpx.get(f"http://127.0.0.1:{service.port}/api/v2/statements", trust_env=False)

    assert answer.status_code == 404


def test_a_request_without_a_session_must_log_in(service: SnowflakeService) -> None:
    url = f"http://127.0.0.1:{service.port}/queries/v1/query-request"

    answer = httpx.post(url, json={"sqlText": "SELECT 1"}, trust_env=False)

    assert (answer.status_code, answer.json()["code"]) == (200, "390104")
