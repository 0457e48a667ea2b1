"""Running a graph of tasks once: the root, then every resumed task whose predecessors are done, then the finalizer."""

import re
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.errors import StatementFailed
from bridge.local.snowflake.external_functions import Path
from bridge.local.snowflake.results import first_row
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import without_comments
from bridge.local.snowflake.task_context import GraphContext, TaskContext

EXECUTING, SUCCEEDED, FAILED, SKIPPED = "EXECUTING", "SUCCEEDED", "FAILED", "SKIPPED"
_SCRIPTING = re.compile(r"(?:BEGIN\b(?!\s+(?:TRANSACTION|WORK|NAME)\b)|DECLARE\b|EXECUTE\s+IMMEDIATE\b|LET\b)", re.I)
_NO_SCRIPTING = "Unsupported feature: Snowflake Scripting in a task (not executed by the laptop's Snowflake)."


@dataclass(kw_only=True, eq=False)
class Task:
    """One task as it was created and altered."""

    path: Path
    #: By their names in capitals.
    options: dict[str, str]
    after: tuple[Path, ...]
    when: str | None
    body: str
    #: The root after whose graph this task runs.
    finalizes: Path | None = None
    #: Of who created it.
    role: str
    account: str
    is_resumed: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(kw_only=True, eq=False)
class TaskRun:
    """One run of one task, as TASK_HISTORY would tell it."""

    task: Task
    context: TaskContext
    state: str = EXECUTING
    error_code: str | None = None
    error: str | None = None
    query_id: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed_at: datetime | None = None


@dataclass(kw_only=True, eq=False)
class GraphRun:
    """One run of a graph. `tasks` are the root, then its descendants in the order in which they may run."""

    tasks: Sequence[Task]
    finalizer: Task | None
    context: GraphContext
    state: str = EXECUTING
    runs: dict[Path, TaskRun] = field(default_factory=dict)
    #: Why a notification about this run could not be sent.
    notification_error: str | None = None

    @property
    def root(self) -> Task:
        return self.tasks[0]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the runs of tasks need of the emulator."""

    #: Opens the session of one task.
    open_session: Callable[[Task], Session]
    end_session: Callable[[Session], None]
    #: Runs one statement as if a client had sent it: its query id and its answer.
    run_statement: Callable[[Session, str], tuple[str, JsonObject]]
    #: Hands a message to a notification integration.
    notify: Callable[[str, Mapping[str, Any]], None]


class GraphRunner:
    """Runs graphs, one task after the other, in the thread that asks for it."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def run(self, graph: GraphRun) -> None:
        for task in graph.tasks:
            if task is graph.root or _may_run(task, graph):
                self._run_task(task, graph)
        if graph.finalizer is not None and graph.finalizer.is_resumed and graph.runs[graph.root.path].state != SKIPPED:
            self._run_task(graph.finalizer, graph)
        states = {run.state for run in graph.runs.values()}
        state = FAILED if FAILED in states else graph.runs[graph.root.path].state
        # Snowflake sends this for a graph that succeeded as a whole, never for a task that stands alone.
        if state == SUCCEEDED and len(graph.tasks) > 1:
            self._notify("SUCCESS_INTEGRATION", graph, lambda: _success_message(graph))
        graph.state = state

    def _run_task(self, task: Task, graph: GraphRun) -> None:
        done = {path: graph.runs[path] for path in task.after if path in graph.runs}
        values = {path[-1]: run.context.return_value for path, run in done.items() if run.state == SUCCEEDED}
        context = TaskContext(name=task.path[-1], graph=graph.context, predecessors=values)
        run = TaskRun(task=task, context=context)
        graph.runs[task.path] = run
        try:
            session = self._around.open_session(task)
            session.task = context
            try:
                state = self._run_body(run, session)
            finally:
                self._around.end_session(session)
        except StatementFailed as failure:
            run.error_code, run.error = f"{failure.code:06d}", failure.message
            state = FAILED
        run.completed_at = datetime.now(UTC)
        if state == FAILED:
            # Only the root names an integration; the failures of its descendants go there as well.
            self._notify("ERROR_INTEGRATION", graph, lambda: _failure_message(run))
        run.state = state

    def _run_body(self, run: TaskRun, session: Session) -> str:
        if run.task.when is not None:
            _, answer = self._around.run_statement(session, f"SELECT ({run.task.when})::BOOLEAN AS CONDITION")
            if not _successful(answer) or first_row(answer) != [True]:
                run.error_code = "0040003" if answer["success"] else answer["code"]
                run.error = answer["message"] or "Conditional expression for task evaluated to: false"
                return SKIPPED if answer["success"] else FAILED
        if _SCRIPTING.match(without_comments(run.task.body)):
            raise StatementFailed(2, "0A000", _NO_SCRIPTING)
        run.started_at = datetime.now(UTC)
        run.query_id, answer = self._around.run_statement(session, run.task.body)
        if not _successful(answer):
            run.error_code, run.error = answer["code"], answer["message"]
            return FAILED
        return SUCCEEDED

    def _notify(self, option: str, graph: GraphRun, message: Callable[[], Mapping[str, Any]]) -> None:
        integration = graph.root.options.get(option)
        if integration is None:
            return
        try:
            self._around.notify(integration, message())
        except StatementFailed as failure:
            graph.notification_error = failure.message
            print(f"snowflake: {failure.message}", file=sys.stderr, flush=True)


def _successful(answer: JsonObject) -> bool:
    return bool(answer["success"])


def _may_run(task: Task, graph: GraphRun) -> bool:
    """Whether its turn comes: no resumed predecessor failed or was left out, and one at least succeeded.

    A suspended predecessor is as if it were not there. That one which was skipped by its WHEN does not keep its
    successor from running when another one succeeded is inferred from the documentation.
    """
    if not task.is_resumed:
        return False
    by_path = {known.path: known for known in graph.tasks}
    expected = [path for path in task.after if path == graph.root.path or by_path[path].is_resumed]
    states = [graph.runs[path].state if path in graph.runs else FAILED for path in expected]
    return FAILED not in states and SUCCEEDED in states


def _message(kind: str, task: Task, graph: GraphContext) -> dict[str, Any]:
    """Source: "Task error notification message payload" of Snowflake's documentation."""
    return {
        "version": "1.0",
        "messageId": str(uuid.uuid4()),
        "messageType": kind,
        "timestamp": _time(datetime.now(UTC)),
        "accountName": task.account,
        "taskName": task.name,
        "taskId": task.id,
        "rootTaskName": graph.root_name,
        "rootTaskId": graph.root_id,
    }


def _failure_message(run: TaskRun) -> dict[str, Any]:
    database, schema, _ = run.task.path
    detail = _detail(run) | {"errorCode": run.error_code, "errorMessage": run.error}
    message = _message("USER_TASK_FAILED", run.task, run.context.graph)
    return message | {"rootTaskName": f"{database}.{schema}.{run.context.graph.root_name}", "messages": [detail]}


def _success_message(graph: GraphRun) -> dict[str, Any]:
    """The shape is inferred: rootTaskName, rootTaskId, queryId and attemptNumber are published, their places not."""
    message = _message("USER_TASK_SUCCEEDED", graph.root, graph.context)
    detail = _detail(graph.runs[graph.root.path]) | {"attemptNumber": 1}
    return message | {"rootTaskName": graph.root.name, "messages": [detail]}


def _detail(run: TaskRun) -> dict[str, Any]:
    scheduled = _time(run.context.graph.scheduled_at)
    return {
        "runId": scheduled,
        "scheduledTime": scheduled,
        "queryStartTime": _time(run.started_at),
        "completedTime": _time(run.completed_at) if run.completed_at else "null",
        "queryId": run.query_id,
    }


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
