"""Tasks: kept as they are created and altered, run when EXECUTE TASK asks for it. No schedule ever fires by itself."""

import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bridge.local.snowflake import answers
from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.errors import unsupported
from bridge.local.snowflake.external_functions import Path
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.procedures.reading import Reader
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import without_comments
from bridge.local.snowflake.task_definitions import parse_task
from bridge.local.snowflake.task_graphs import SUCCEEDED, GraphRun, GraphRunner, Surroundings, Task, TaskRun
from bridge.local.snowflake.task_store import HasIntegration, TaskStore

_OF_TASKS = re.compile(r"(?:CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?|ALTER\s+|DROP\s+|EXECUTE\s+)TASK\b", re.I)


class Tasks:
    """The feature. It leaves the answers of CREATE, ALTER and DROP to the no-ops: no schedule is kept to."""

    def __init__(self, surroundings: Surroundings, has_integration: HasIntegration) -> None:
        self._runner = GraphRunner(surroundings)
        self._store = TaskStore(has_integration)
        self._graphs: list[GraphRun] = []
        #: One run of a graph at a time, as without ALLOW_OVERLAPPING_EXECUTION.
        self._turns: dict[Path, threading.Lock] = {}
        self._lock = threading.Lock()

    def answer(self, session: Session, request: StatementRequest) -> JsonObject | None:
        if _OF_TASKS.match(without_comments(request.sql)) is None:
            return None
        reader = Reader(request.sql)
        if reader.take("EXECUTE", "TASK"):
            return self._execute(session, request, reader)
        if request.describe_only:
            return None
        if reader.take("ALTER", "TASK"):
            careful = reader.take("IF", "EXISTS")
            self._store.alter(session, reader.path(), reader, only_if_present=careful)
        elif reader.take("DROP", "TASK"):
            careful = reader.take("IF", "EXISTS")
            self._store.drop(session, reader.path(), only_if_present=careful)
        else:
            self._store.create(session, parse_task(request.sql))
        return None

    def clear(self) -> None:
        """Forget the runs; the tasks stay."""
        with self._lock:
            self._graphs.clear()

    def to_json(self) -> list[dict[str, Any]]:
        with self._lock:
            graphs = list(self._graphs)
        return [_task_json(task, graphs) for task in self._store.all()]

    def _execute(self, session: Session, request: StatementRequest, reader: Reader) -> JsonObject:
        name, config = reader.path(), None
        if reader.sees("RETRY"):
            raise unsupported("EXECUTE TASK … RETRY LAST")
        if reader.take("USING", "CONFIG"):
            reader.expect("=")
            config = reader.string()
        if not reader.is_done:
            raise reader.unexpected()
        if not request.describe_only:
            graph = self._store.new_graph(session, name, config)
            with self._lock:
                self._graphs.append(graph)
                turn = self._turns.setdefault(graph.root.path, threading.Lock())
            threading.Thread(target=self._run, args=(graph, turn), daemon=True).start()
        return answers.status_row(session, request.query_id, f"Task {name[-1]} is scheduled to run immediately.")

    def _run(self, graph: GraphRun, turn: threading.Lock) -> None:
        with turn:
            with self._lock:
                earlier = [known for known in self._graphs if known.root.path == graph.root.path]
            succeeded = [known.context for known in earlier if known.state == SUCCEEDED]
            if succeeded:
                graph.context = replace(graph.context, last_success=replace(succeeded[-1], last_success=None))
            self._runner.run(graph)


def _task_json(task: Task, graphs: Iterable[GraphRun]) -> dict[str, Any]:
    return {
        "name": task.name,
        "state": "started" if task.is_resumed else "suspended",
        "schedule": task.options.get("SCHEDULE"),
        "after": [".".join(path) for path in task.after],
        "when": task.when,
        "definition": task.body,
        "options": task.options,
        "runs": [_run_json(graph.runs[task.path], graph) for graph in graphs if task.path in graph.runs],
    }


def _run_json(run: TaskRun, graph: GraphRun) -> dict[str, Any]:
    return {
        "run_group_id": graph.context.run_group_id,
        "state": run.state,
        "graph_state": graph.state,
        "return_value": run.context.return_value,
        "error_code": run.error_code,
        "error": run.error,
        "query_id": run.query_id,
        "query_ids": list(run.context.query_ids),
        "scheduled_at": graph.context.scheduled_at.isoformat(),
        "started_at": run.started_at.isoformat(),
        "completed_at": run.completed_at.isoformat() if run.completed_at else None,
        "notification_error": graph.notification_error,
    }
