"""`make demo`: the main job from nothing, on real SDKs: SQL starts pipelines, and their runs come back as rows."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

from bridge.cli.laptop import endpoints_file
from bridge.local.announcement import announced
from bridge.local.control_server import control_server
from bridge.local.stack import Stack, local_stack

T = TypeVar("T")
#: How long the demo waits for its runs to end.
DEADLINE_SECONDS = 90
ENDS = {"COMPLETED", "FAILED", "CANCELED", "REJECTED"}
#: What is shown, and the statements that show it.
DOORS = (
    (
        "External function: one run a row, answered at once.",
        (
            "SELECT submit_run('churn-training', {'as_of': '2026-11-01', 'rows': 0, 'dry': FALSE, 'note': ''}, NULL)",
            "SELECT submit_run('always-fails', {'reason': 'to see a failure'}, NULL)",
            "SELECT submit_run('churn-training', {'as_of': 'yesterday', 'rws': 5}, NULL)",
            "SELECT submit_run('churn-training', {'as_of': '2026-11-02'}, 'nightly-2026-11-02')",
            "SELECT submit_run('churn-training', {'as_of': '2026-11-02'}, 'nightly-2026-11-02')",
        ),
    ),
    (
        "Procedure over external access: no API Management.",
        ("CALL start_run('churn-training', {'as_of': '2026-11-03'}, 'by-procedure')",),
    ),
    (
        "Service Bus directly: the app may be away.",
        (
            "CALL send_message('run-commands', {'pipeline': 'churn-training', 'inputs': {'as_of': '2026-11-04'}}, "
            "'by-service-bus')",
        ),
    ),
    (
        "Event Grid directly, and by Snowflake's own notification integration.",
        (
            "CALL publish_event('Bridge.SubmitRun', 'demo', "
            "{'pipeline': 'churn-training', 'inputs': {'as_of': '2026-11-05'}}, 'by-event')",
            "CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(SNOWFLAKE.NOTIFICATION.APPLICATION_JSON("
            '\'{"type": "Bridge.SubmitRun", "key": "by-notification", '
            '"data": {"pipeline": "churn-training", "inputs": {"as_of": "2026-11-06"}}}\'), '
            "SNOWFLAKE.NOTIFICATION.INTEGRATION('ML_BRIDGE_EVENTS'))",
        ),
    ),
    (
        "A task, as its schedule would start it.",
        (
            "CREATE OR REPLACE TASK nightly WAREHOUSE = ML_BRIDGE_WH SCHEDULE = 'USING CRON 0 2 * * * UTC' "
            "AS CALL start_run_in_task('churn-training', {'as_of': '2026-11-07'})",
            "EXECUTE TASK nightly",
        ),
    ),
)
#: Runs, not requests: two have the same key. One is started by a rule.
EXPECTED = {"COMPLETED": 9, "FAILED": 1, "REJECTED": 1}
#: The rule of rules.yaml that comes last.
LAST_RULE = "deploy-production-models"
DRIFT = {"type": "DatasetDriftDetected", "data": {"DataDriftName": "churn-drift", "DriftCoefficient": 0.42}}


def run_demo(*, keep: bool = False) -> int:
    """0 when every run ended as it should; with `keep` it is said after Ctrl-C, which then ends nothing too early."""
    _say("Starting the emulators and the app; nothing leaves this machine.")
    started = time.monotonic()
    with (
        local_stack() as stack,
        control_server(stack),
        announced(stack.endpoints, endpoints_file()) as where,
    ):
        _say(f"Ready after {time.monotonic() - started:.1f} s.\n")
        found = _in_thread(lambda: _show(stack))
        if found != EXPECTED:
            _say(f"\nThe runs did not end as expected: {found} instead of {EXPECTED}.")
        if keep:
            _stay(stack, where)
    if found != EXPECTED:
        return 1
    _say("\nDone; everything is stopped. Next: the section Deploy of the README, or `python -m bridge.local up`.")
    return 0


def _stay(stack: Stack, where: str) -> None:
    """Until Ctrl-C."""
    functions = stack.endpoints["functions"]
    _say(f"\nThe dashboard: {functions['base_url']}/api/v1/dashboard?code={functions['key']}")
    _say(where)
    _say("Everything stays up; Ctrl-C stops it.")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def _in_thread(show: Callable[[], T]) -> T:
    """Work in a thread: the Snowflake connector swallows Ctrl-C while it waits, the main thread does not."""
    outcome: list[T] = []
    failure: list[Exception] = []

    def work() -> None:
        try:
            outcome.append(show())
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    if failure:
        raise failure[0]
    return outcome[0]


def _show(stack: Stack) -> dict[str, int]:
    """Everything that the demo shows; how many runs ended in which status."""
    requests = 1
    with _connected(stack) as cursor:
        for title, statements in DOORS:
            _say(f"-- {title}")
            for sql in statements:
                requests += not sql.startswith("CREATE")
                _execute(cursor, sql)
        _say("-- HTTP, for whatever can send a request.")
        _curl(stack)
        _say("-- Rules: Azure ML reports drift, and rules.yaml says what happens then.")
        _say(f"> {json.dumps(DRIFT)}\n")
        drift = str(stack.call("azure_ml", "POST", "/events", DRIFT)["id"])
        statuses = _follow(cursor)
        for run_id in statuses:
            _history(cursor, run_id)
        _say(f"\n{len(statuses)} runs of {requests} requests and an event: two requests had the same key.\n")
        is_deployed = _timeline(stack, cursor, drift)
    found = {status: list(statuses.values()).count(status) for status in EXPECTED}
    return found if is_deployed else {**found, "deployed": 0}


def _execute(cursor: Any, sql: str) -> None:
    _say(f"> {sql};")
    result = str(cursor.execute(sql).fetchone()[0])
    _say((_answer(json.loads(result)) if result.startswith("{") else f"  {result}") + "\n")


def _curl(stack: Stack) -> None:
    functions = stack.endpoints["functions"]
    body = {"pipeline": "churn-scoring", "inputs": {"model": "churn:4", "table": "CUSTOMERS"}}
    _say(f"> curl -X POST {functions['base_url']}/api/v1/runs -H 'x-functions-key: …' -d '{json.dumps(body)}'")
    answer = httpx.post(
        f"{functions['base_url']}/api/v1/runs",
        json=body,
        headers={"x-functions-key": functions["key"]},
        timeout=30,
        trust_env=False,
    )
    answer.raise_for_status()
    _say(_answer(answer.json()) + "\n")


def _follow(cursor: Any) -> dict[str, str]:
    """Show RUNS whenever it changes, until every run has ended; the status of each."""
    columns = "run_id, pipeline, source, principal, status, error_message"
    sql = f"SELECT {columns} FROM runs ORDER BY source, pipeline, run_id"
    _say(f"> {sql};")
    shown: list[Any] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        rows = cursor.execute(sql).fetchall()
        if rows != shown:
            _table(rows, [row for row in rows if row not in shown])
            shown = rows
        statuses = {row[0]: row[4] for row in rows}
        if len(statuses) == sum(EXPECTED.values()) and set(statuses.values()) <= ENDS:
            return statuses
        if time.monotonic() > deadline:
            return statuses
        time.sleep(0.3)


def _history(cursor: Any, run_id: str) -> None:
    sql = (
        "SELECT DISTINCT event_id, is_job_fact, attempt, rank, status, MIN(occurred_at) OVER (PARTITION BY event_id) "
        "FROM run_events WHERE run_id = %s ORDER BY is_job_fact, attempt, rank, 6"
    )
    steps = [str(row[4]) for row in cursor.execute(sql, (run_id,)).fetchall()]
    _say(f"  {run_id}  {' → '.join(dict.fromkeys(steps))}")


def _timeline(stack: Stack, cursor: Any, correlation_id: str) -> bool:
    """Show what the event led to, once its model is deployed; minutes pass in a second, because the clock is moved."""
    sql = (
        "SELECT kind, name, status, detail FROM timeline WHERE correlation_id = %s AND (kind <> 'run' OR status IN "
        "('ACCEPTED', 'COMPLETED')) AND name NOT LIKE '%%RunStatusChanged' ORDER BY occurred_at, kind"
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        rows = cursor.execute(sql, (correlation_id,)).fetchall()
        is_deployed = (LAST_RULE, "DONE") in {(row[1], row[2]) for row in rows}
        if is_deployed or time.monotonic() > deadline:
            break
        stack.advance(60)
        time.sleep(1)
    _say("> SELECT kind, name, status, detail FROM timeline WHERE correlation_id = …;")
    for row in rows:
        kind, name, status, detail = [str(value or "") for value in row]
        _say(f"    {kind:<6} {name.rpartition('MachineLearningServices.')[2]:<26} {status:<10} {detail[:70]}".rstrip())
    return is_deployed


def _answer(answer: dict[str, Any]) -> str:
    errors = answer.get("errors") or ([answer["error"]] if answer.get("error") else [])
    lines = [f"    {error['field']}: {error['message']}" for error in errors]
    name = answer.get("run_id") or answer.get("message_id") or answer.get("event_id")
    return "\n".join([f"  {answer['status']}  {name}", *lines])


def _table(rows: list[Any], changed: list[Any]) -> None:
    for row in rows:
        # An event of Azure ML may be there before the run's own facts.
        run_id, pipeline, source, principal, status, error = [value or "" for value in row]
        mark = "*" if row in changed else " "
        line = f"  {mark} {source:<21} {principal:<21} {pipeline:<16} {run_id}  {status:<12} {error[:60]}"
        _say(line.rstrip())
    _say("")


def _say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def _connected(stack: Stack) -> Iterator[Any]:
    import snowflake.connector

    connection = snowflake.connector.connect(**stack.endpoints["snowflake"])
    try:
        yield connection.cursor()
    finally:
        connection.close()
