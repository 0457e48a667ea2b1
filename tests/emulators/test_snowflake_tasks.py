"""Tasks on the laptop's Snowflake: graphs that EXECUTE TASK runs, and what their bodies may ask and leave."""

from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value
from tests.eventually import eventually

ENDED = {"SUCCEEDED", "FAILED", "SKIPPED"}


@pytest.fixture(scope="module")
def started() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def connection(started: SnowflakeService) -> Any:
    opened = started.connect(role="analyst")
    rows(opened, "CREATE TABLE DONE (WHAT VARCHAR, DETAIL VARCHAR)")
    return opened


@pytest.fixture
def service(started: SnowflakeService, connection: Any) -> SnowflakeService:
    """A service with empty tables and no tasks."""
    for task in sorted(started.ask("/tasks"), key=lambda task: bool(task["after"])):
        rows(connection, f"DROP TASK {task['name']}")
    started.tell("/reset")
    return started


def create(connection: Any, name: str, body: str, clauses: str = "") -> None:
    """A task, resumed unless it is a root."""
    rows(connection, f"CREATE OR REPLACE TASK {name} WAREHOUSE = WH {clauses} AS {body}")
    if "AFTER" in clauses or "FINALIZE" in clauses:
        rows(connection, f"ALTER TASK {name} RESUME")


def runs_of(service: SnowflakeService, name: str) -> Any:
    return next(task["runs"] for task in service.ask("/tasks") if task["name"] == f"LAPTOP.ML_BRIDGE.{name}")


def executed(service: SnowflakeService, connection: Any, name: str) -> Any:
    """The run of a root task after its whole graph has ended."""
    before = len(runs_of(service, name))
    rows(connection, f"EXECUTE TASK {name}")

    def ended() -> Any:
        runs = runs_of(service, name)[before:]
        return runs[0] if runs and runs[0]["graph_state"] in ENDED else None

    return eventually(ended)


def done(connection: Any) -> list[Any]:
    return rows(connection, "SELECT WHAT, DETAIL FROM DONE ORDER BY WHAT")


def test_a_task_is_kept_suspended_and_never_runs_by_itself(service: SnowflakeService, connection: Any) -> None:
    sql = "CREATE TASK NIGHTLY WAREHOUSE = WH SCHEDULE = '1 MINUTE' COMMENT = 'a AS b' AS INSERT INTO DONE SELECT 1, 2"
    rows(connection, sql)
    rows(connection, "ALTER TASK NIGHTLY RESUME")
    service.control.post("/clock", json={"advance_seconds": 3600}).raise_for_status()

    task = service.ask("/tasks")[0]
    assert (task["name"], task["state"], task["runs"]) == ("LAPTOP.ML_BRIDGE.NIGHTLY", "started", [])
    assert (task["schedule"], task["definition"]) == ("1 MINUTE", "INSERT INTO DONE SELECT 1, 2")
    assert done(connection) == []
    assert [entry["kind"] for entry in service.ask("/no-ops")] == ["CREATE TASK", "ALTER TASK"]


def test_an_executed_task_runs_in_its_own_schema_as_its_owner(service: SnowflakeService, connection: Any) -> None:
    create(connection, "WHO", "INSERT INTO DONE SELECT CURRENT_USER(), CURRENT_ROLE() || ' ' || CURRENT_SCHEMA()")
    elsewhere = service.connect(schema="ELSEWHERE", role="somebody")
    told = value(elsewhere, "EXECUTE TASK ML_BRIDGE.WHO")

    run = eventually(lambda: [run for run in runs_of(service, "WHO") if run["graph_state"] in ENDED])[0]
    assert told == "Task WHO is scheduled to run immediately."
    assert (run["state"], run["error"]) == ("SUCCEEDED", None)
    assert done(connection) == [("SYSTEM", "ANALYST ML_BRIDGE")]
    statements = {entry["query_id"]: entry["sql"] for entry in service.ask("/statements")["statements"]}
    assert statements[run["query_id"]].startswith("INSERT INTO DONE")


def test_execute_task_answers_before_the_task_has_ended(service: SnowflakeService, connection: Any) -> None:
    create(connection, "SLOW", "CALL SYSTEM$WAIT(500, 'MILLISECONDS')")
    rows(connection, "EXECUTE TASK SLOW")

    assert [run["state"] for run in runs_of(service, "SLOW")] in ([], ["EXECUTING"])
    assert eventually(lambda: [run["state"] for run in runs_of(service, "SLOW")] == ["SUCCEEDED"])


def test_children_run_after_all_their_predecessors_and_get_their_values(
    service: SnowflakeService, connection: Any
) -> None:
    create(connection, "ROOT", "CALL SYSTEM$SET_RETURN_VALUE('from ' || 'root')")
    create(connection, "LEFT_", "SELECT SYSTEM$SET_RETURN_VALUE('left')", "AFTER ROOT")
    create(connection, "LAST_", "INSERT INTO DONE VALUES ('last', SYSTEM$GET_PREDECESSOR_RETURN_VALUE('LEFT_'))")
    create(
        connection, "RIGHT_", "INSERT INTO DONE VALUES ('right', SYSTEM$GET_PREDECESSOR_RETURN_VALUE())", "AFTER ROOT"
    )
    rows(connection, "ALTER TASK LAST_ ADD AFTER LEFT_, RIGHT_")
    rows(connection, "ALTER TASK LAST_ RESUME")

    root = executed(service, connection, "ROOT")

    assert (root["graph_state"], root["return_value"]) == ("SUCCEEDED", "from root")
    assert done(connection) == [("last", "left"), ("right", "from root")]
    groups = {runs_of(service, name)[0]["run_group_id"] for name in ("ROOT", "LEFT_", "RIGHT_", "LAST_")}
    assert groups == {root["run_group_id"]}


def test_a_suspended_child_does_not_run(service: SnowflakeService, connection: Any) -> None:
    create(connection, "ROOT", "SELECT 1")
    create(connection, "CHILD", "INSERT INTO DONE SELECT 'child', ''", "AFTER ROOT")
    rows(connection, "ALTER TASK CHILD SUSPEND")

    assert executed(service, connection, "ROOT")["graph_state"] == "SUCCEEDED"
    assert runs_of(service, "CHILD") == []


def test_a_failure_ends_the_graph_but_not_its_finalizer(service: SnowflakeService, connection: Any) -> None:
    create(connection, "ROOT", "INSERT INTO NOWHERE SELECT 1")
    create(connection, "CHILD", "INSERT INTO DONE SELECT 'child', ''", "AFTER ROOT")
    create(connection, "CLEANER", "INSERT INTO DONE SELECT 'cleaner', ''", "FINALIZE = ROOT")

    root = executed(service, connection, "ROOT")

    assert (root["state"], root["graph_state"], root["error_code"]) == ("FAILED", "FAILED", "002003")
    assert "NOWHERE" in root["error"]
    assert runs_of(service, "CHILD") == []
    assert done(connection) == [("cleaner", "")]


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("1 = 1 AND NOT 'a' <> 'a'", "SUCCEEDED"),
        ("CAST('false' AS BOOLEAN) OR 2 < 1", "SKIPPED"),
        ("SYSTEM$STREAM_HAS_DATA('NO_STREAM')", "FAILED"),
    ],
)
def test_the_condition_of_a_task_decides_whether_it_runs(
    service: SnowflakeService, connection: Any, when: str, state: str
) -> None:
    create(connection, "ROOT", "INSERT INTO DONE SELECT 'root', ''", f"WHEN {when}")
    create(connection, "CHILD", "INSERT INTO DONE SELECT 'child', ''", "AFTER ROOT")

    assert executed(service, connection, "ROOT")["graph_state"] == state
    assert done(connection) == ([("child", ""), ("root", "")] if state == "SUCCEEDED" else [])


def test_a_child_may_depend_on_the_value_of_its_predecessor(service: SnowflakeService, connection: Any) -> None:
    create(connection, "ROOT", "CALL SYSTEM$SET_RETURN_VALUE('2')")
    for number in (1, 2):
        when = f"WHEN SYSTEM$GET_PREDECESSOR_RETURN_VALUE('ROOT')::INT = {number}"
        create(connection, f"CHILD{number}", f"INSERT INTO DONE SELECT '{number}', ''", f"AFTER ROOT {when}")

    executed(service, connection, "ROOT")

    assert done(connection) == [("2", "")]
    assert [runs_of(service, f"CHILD{number}")[0]["state"] for number in (1, 2)] == ["SKIPPED", "SUCCEEDED"]


def test_a_body_knows_its_task_its_graph_and_its_configuration(service: SnowflakeService, connection: Any) -> None:
    info = "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME') || ' ' || SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_NAME')"
    create(connection, "ROOT", "SELECT 1", """CONFIG = $${"a": {"b": "c"}}$$""")
    create(
        connection,
        "CHILD",
        f"INSERT INTO DONE SELECT {info} || ' ' || SYSTEM$GET_TASK_GRAPH_CONFIG('a.b'), "
        "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')",
        "AFTER ROOT",
    )

    first = executed(service, connection, "ROOT")
    assert done(connection) == [("CHILD ROOT c", first["run_group_id"])]

    rows(
        connection,
        "ALTER TASK CHILD MODIFY AS INSERT INTO DONE SELECT 'z', "
        "SYSTEM$TASK_RUNTIME_INFO('LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID')",
    )
    executed(service, connection, "ROOT")
    assert done(connection)[-1] == ("z", first["run_group_id"])


@pytest.mark.parametrize(
    "sql",
    [
        "CALL SYSTEM$SET_RETURN_VALUE('x')",
        "SELECT SYSTEM$SET_RETURN_VALUE('x')",
        "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME')",
        "SELECT SYSTEM$GET_PREDECESSOR_RETURN_VALUE()",
    ],
)
def test_outside_a_task_nothing_is_known_of_one(connection: Any, sql: str) -> None:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="must be called from within a task"):
        cursor.execute(sql)


def test_a_scripting_block_fails_the_run_and_says_so(service: SnowflakeService, connection: Any) -> None:
    create(connection, "BLOCK", "EXECUTE IMMEDIATE $$ BEGIN INSERT INTO DONE SELECT 1, 2; END $$")

    run = executed(service, connection, "BLOCK")

    assert (run["state"], run["error_code"]) == ("FAILED", "000002")
    assert "Snowflake Scripting" in run["error"]


def test_a_graph_is_changed_only_while_its_root_is_suspended(service: SnowflakeService, connection: Any) -> None:
    create(connection, "ROOT", "SELECT 1")
    create(connection, "CHILD", "SELECT 1", "AFTER ROOT")
    rows(connection, "ALTER TASK ROOT RESUME")

    for sql in (
        "ALTER TASK CHILD SUSPEND",
        "ALTER TASK ROOT SET SCHEDULE = '5 MINUTE'",
        "DROP TASK CHILD",
        "CREATE TASK OTHER AFTER ROOT AS SELECT 1",
    ):
        with refused(91421):
            rows(connection, sql)

    rows(connection, "ALTER TASK ROOT SUSPEND")
    rows(connection, "DROP TASK CHILD")
    assert [task["name"] for task in service.ask("/tasks")] == ["LAPTOP.ML_BRIDGE.ROOT"]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("EXECUTE TASK NO_TASK", 2003),
        ("ALTER TASK NO_TASK RESUME", 2003),
        ("DROP TASK NO_TASK", 2003),
        ("CREATE TASK T AFTER NO_TASK AS SELECT 1", 2003),
        ("CREATE TASK T ERROR_INTEGRATION = NO_INTEGRATION AS SELECT 1", 2003),
        ("CREATE TASK ROOT AS SELECT 1", 2002),
        ("CREATE TASK T WAREHOUSE = WH", 1003),
        ("CREATE TASK T WHEN (SELECT COUNT(*) FROM DONE) > 0 AS SELECT 1", 2115),
        ("CREATE TASK T WHEN CURRENT_USER() = 'A' AS SELECT 1", 2115),
        ("EXECUTE TASK CHILD", 91105),
    ],
)
def test_what_snowflake_refuses_of_tasks_is_refused(
    service: SnowflakeService, connection: Any, sql: str, code: int
) -> None:
    create(connection, "ROOT", "SELECT 1")
    create(connection, "CHILD", "SELECT 1", "AFTER ROOT")

    with refused(code):
        rows(connection, sql)

    rows(connection, "DROP TASK IF EXISTS NO_TASK")


def test_a_wait_really_waits_and_says_so(connection: Any) -> None:
    assert value(connection, "CALL SYSTEM$WAIT(?, 'MILLISECONDS')", [10]) == "waited 10 milliseconds"
    with refused(1044):
        rows(connection, "CALL SYSTEM$WAIT(1, 'FORTNIGHTS')")
    with refused(2140):
        rows(connection, "CALL SYSTEM$WHATEVER(1)")


PROCEDURE = """
def run(session, wanted):
    name = session.sql("SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME')").collect()[0][0]
    group = session.sql("SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')").collect()[0][0]
    session.call("SYSTEM$SET_RETURN_VALUE", f"{wanted} {group}")
    session.sql("INSERT INTO DONE SELECT ?, ?", params=[name, wanted]).collect()
    if wanted == "fail":
        raise ValueError("as was wanted")
    return group
"""


@pytest.mark.parametrize(("wanted", "state"), [("work", "SUCCEEDED"), ("fail", "FAILED")])
def test_a_procedure_that_a_task_calls_is_within_the_task(
    service: SnowflakeService, connection: Any, wanted: str, state: str
) -> None:
    rows(
        connection,
        "CREATE OR REPLACE PROCEDURE WITHIN(wanted VARCHAR) RETURNS VARIANT LANGUAGE PYTHON RUNTIME_VERSION = '3.12' "
        f"PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' EXECUTE AS OWNER AS $${PROCEDURE}$$",
    )
    create(connection, "CALLER", f"CALL WITHIN('{wanted}')")

    run = executed(service, connection, "CALLER")

    assert (run["state"], run["return_value"]) == (state, f"{wanted} {run['run_group_id']}")
    assert ("as was wanted" in (run["error"] or "")) is (wanted == "fail")
    assert done(connection) == [("CALLER", wanted)]
    assert len(run["query_ids"]) >= 4
    assert run["query_id"] == run["query_ids"][0]
    with pytest.raises(ProgrammingError, match="must be called from within a task"):
        rows(connection, "CALL WITHIN('outside')")


def evaluated(service: SnowflakeService, connection: Any, count: int) -> list[str]:
    """The states of an alert after it was executed for the `count`th time."""
    rows(connection, "EXECUTE ALERT ML_BRIDGE.WATCH")

    def ended() -> list[str] | None:
        states = [run["state"] for run in service.ask("/alerts")[0]["runs"]]
        return states if len(states) == count and "EXECUTING" not in states else None

    return eventually(ended)


def test_an_executed_alert_acts_when_its_condition_has_rows(service: SnowflakeService, connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE FAILURES (SEEN TIMESTAMP_TZ)")
    rows(
        connection,
        "CREATE OR REPLACE ALERT WATCH WAREHOUSE = WH SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT 1 FROM FAILURES "
        "WHERE SEEN > SNOWFLAKE.ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME() AND SEEN <= SNOWFLAKE.ALERT.SCHEDULED_TIME())) "
        "THEN INSERT INTO DONE SELECT 'alert', CURRENT_USER()",
    )

    assert evaluated(service, connection, 1) == ["CONDITION_FALSE"]
    rows(connection, "INSERT INTO FAILURES SELECT CURRENT_TIMESTAMP()")
    assert evaluated(service, connection, 2)[-1] == "TRIGGERED"
    assert evaluated(service, connection, 3)[-1] == "CONDITION_FALSE"
    assert done(connection) == [("alert", "SYSTEM")]
    rows(connection, "DROP TABLE FAILURES")
    assert evaluated(service, connection, 4)[-1] == "CONDITION_FAILED"

    rows(connection, "DROP ALERT WATCH")
    with refused(2003):
        rows(connection, "EXECUTE ALERT WATCH")
    with pytest.raises(ProgrammingError, match="must be called from within an alert"):
        rows(connection, "SELECT SNOWFLAKE.ALERT.SCHEDULED_TIME()")
