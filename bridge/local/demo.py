"""`make demo`: the main job from nothing, on real SDKs: SQL starts pipelines, and their runs come back as rows."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from bridge.local.stack import Stack, local_stack

T = TypeVar("T")
#: How long the demo waits for its runs to end.
DEADLINE_SECONDS = 90
ENDS = {"COMPLETED", "FAILED", "CANCELED", "REJECTED"}
SUBMITS = (
    "SELECT submit_run('churn-training', {'as_of': '2026-11-01', 'rows': 0, 'dry': FALSE, 'note': ''}, NULL)",
    "SELECT submit_run('always-fails', {'reason': 'to see a failure'}, NULL)",
    "SELECT submit_run('churn-training', {'as_of': 'yesterday', 'rws': 5}, NULL)",
    "SELECT submit_run('churn-training', {'as_of': '2026-11-02'}, 'nightly-2026-11-02')",
    "SELECT submit_run('churn-training', {'as_of': '2026-11-02'}, 'nightly-2026-11-02')",
)
EXPECTED = {"COMPLETED": 3, "FAILED": 1, "REJECTED": 1}


def run_demo() -> int:
    """0 when every run ended as it should."""
    _say("Starting the emulators and the app; nothing leaves this machine.")
    started = time.monotonic()
    with local_stack() as stack:
        _say(f"Ready after {time.monotonic() - started:.1f} s.\n")
        found = _in_thread(lambda: _show(stack))
    if found != EXPECTED:
        _say(f"\nThe runs did not end as expected: {found} instead of {EXPECTED}.")
        return 1
    _say("\nDone; everything is stopped. Next: the README's section on deployment, or `python -m bridge.local up`.")
    return 0


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
    with _connected(stack) as cursor:
        run_ids = [_submit(cursor, sql) for sql in SUBMITS]
        run_ids.append(_curl(stack))
        runs = list(dict.fromkeys(run_ids))
        statuses = _follow(cursor, runs)
        for run_id in runs:
            _history(cursor, run_id)
    _say(f"\n{len(runs)} runs of {len(run_ids)} requests: two of them had the same key.")
    return {status: list(statuses.values()).count(status) for status in EXPECTED}


def _submit(cursor: Any, sql: str) -> str:
    _say(f"> {sql};")
    answer = json.loads(cursor.execute(sql).fetchone()[0])
    _say(_answer(answer) + "\n")
    return str(answer["run_id"])


def _curl(stack: Stack) -> str:
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
    return str(answer.json()["run_id"])


def _follow(cursor: Any, runs: list[str]) -> dict[str, str]:
    """Show RUNS whenever it changes, until every run has ended."""
    _say("> SELECT pipeline, run_id, status, error_message FROM runs;")
    sql = "SELECT run_id, pipeline, status, error_message FROM runs ORDER BY pipeline, run_id"
    shown: list[Any] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        rows = [row for row in cursor.execute(sql).fetchall() if row[0] in runs]
        if rows != shown:
            _table(rows, [row for row in rows if row not in shown])
            shown = rows
        statuses = {row[0]: row[2] for row in rows}
        if set(runs) == set(statuses) and set(statuses.values()) <= ENDS:
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


def _answer(answer: dict[str, Any]) -> str:
    errors = answer.get("errors") or ([answer["error"]] if answer.get("error") else [])
    lines = [f"    {error['field']}: {error['message']}" for error in errors]
    return "\n".join([f"  {answer['status']}  {answer['run_id']}", *lines])


def _table(rows: list[Any], changed: list[Any]) -> None:
    for run_id, pipeline, status, error in rows:
        mark = "*" if (run_id, pipeline, status, error) in changed else " "
        _say(f"  {mark} {pipeline:<15} {run_id}  {status or '':<12} {(error or '')[:60]}".rstrip())
    _say("")


def _say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def _connected(stack: Stack) -> Iterator[Any]:
    import snowflake.connector

    connection = snowflake.connector.connect(**stack.endpoints["snowflake"])
    try:
        yield connection.cursor()
    finally:
        connection.close()
