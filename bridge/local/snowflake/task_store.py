"""The tasks of all databases: created, altered and dropped under the rules that Snowflake has for graphs."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.external_functions import Path, full_path
from bridge.local.snowflake.procedures.reading import Reader
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.task_context import GraphContext
from bridge.local.snowflake.task_definitions import TaskCreation, check_condition, names_of, options_of
from bridge.local.snowflake.task_graphs import GraphRun, Task

_INTEGRATIONS = ("ERROR_INTEGRATION", "SUCCESS_INTEGRATION")

#: Whether a notification integration of this name exists.
HasIntegration = Callable[[str], bool]


class TaskStore:
    """Safe to use from several threads."""

    def __init__(self, has_integration: HasIntegration) -> None:
        self._has_integration = has_integration
        self._tasks: dict[Path, Task] = {}
        self._lock = threading.RLock()

    def all(self) -> list[Task]:
        with self._lock:
            return list(self._tasks.values())

    def create(self, session: Session, creation: TaskCreation) -> None:
        path = path_in(session, creation.path)
        with self._lock:
            known = self._tasks.get(path)
            if known is not None and creation.only_if_absent:
                return
            if known is not None and not creation.replaces:
                raise compilation_error(2002, "42710", f"Object '{path[-1]}' already exists.")
            task = Task(
                path=path,
                options=dict(creation.options),
                after=tuple(path_in(session, name, path) for name in creation.after),
                finalizes=path_in(session, creation.finalizes, path) if creation.finalizes else None,
                when=creation.when,
                body=creation.body,
                role=session.role,
                account=session.account,
            )
            self._check(task)
            self._check_graph_is_suspended(task, is_own=False)
            self._tasks[path] = task

    def alter(self, session: Session, name: tuple[str, ...], change: Reader, *, only_if_present: bool) -> None:
        """Make the change that the rest of the statement says."""
        with self._lock:
            task = self._find(session, name, only_if_present=only_if_present)
            if task is None:
                return
            changed = _changed(session, task, change)
            self._check(changed)
            self._check_graph_is_suspended(task, is_own=changed.is_resumed == task.is_resumed)
            self._tasks[task.path] = changed

    def drop(self, session: Session, name: tuple[str, ...], *, only_if_present: bool) -> None:
        with self._lock:
            task = self._find(session, name, only_if_present=only_if_present)
            if task is not None:
                self._check_graph_is_suspended(task, is_own=False)
                del self._tasks[task.path]

    def new_graph(self, session: Session, name: tuple[str, ...], config: str | None) -> GraphRun:
        """The graph of a root task as it is now; what is altered later is for the next run."""
        with self._lock:
            root = self._find(session, name, only_if_present=False)
            if root is None or root.after or root.finalizes:
                raise compilation_error(91105, "0A000", f"Task {name[-1]} is not a root task and cannot be executed.")
            kept = {path: replace(task) for path, task in self._tasks.items()}
        return GraphRun(
            tasks=_in_order(kept, root.path),
            finalizer=next((task for task in kept.values() if task.finalizes == root.path), None),
            context=GraphContext(
                run_group_id=str(uuid.uuid4()),
                root_name=root.path[-1],
                root_id=root.id,
                scheduled_at=datetime.now(UTC),
                config=config if config is not None else root.options.get("CONFIG"),
            ),
        )

    def _find(self, session: Session, name: tuple[str, ...], *, only_if_present: bool) -> Task | None:
        path = path_in(session, name)
        task = self._tasks.get(path)
        if task is None and not only_if_present:
            raise _missing("Task", ".".join(path))
        return task

    def _check(self, task: Task) -> None:
        """What Snowflake refuses of a task by itself and of its place in a graph."""
        if task.after and "SCHEDULE" in task.options:
            raise compilation_error(1003, "42000", "A task cannot have both a SCHEDULE and a predecessor.")
        for path in [*task.after, *([task.finalizes] if task.finalizes else [])]:
            if path not in self._tasks:
                raise _missing("Task", ".".join(path))
        if any(known.path == task.path for known in self._ancestors(task)):
            raise compilation_error(1003, "42000", f"Task {task.name} would be its own predecessor.")
        for option in _INTEGRATIONS:
            integration = task.options.get(option)
            if integration is not None and not self._has_integration(integration):
                raise _missing("Integration", integration)

    def _check_graph_is_suspended(self, task: Task, *, is_own: bool) -> None:
        """A graph is changed while its root is suspended; `is_own` asks the same of the root itself."""
        root = self._root_of(task)
        if root.is_resumed and (root.path != task.path or is_own):
            raise StatementFailed(
                91421,
                "22000",
                f"Unable to update graph with root task {root.name} since that root task is not suspended.",
            )

    def _root_of(self, task: Task) -> Task:
        if task.finalizes is not None:
            return self._tasks.get(task.finalizes, task)
        return next((known for known in self._ancestors(task) if not known.after), task)

    def _ancestors(self, task: Task) -> list[Task]:
        found: dict[Path, Task] = {}
        waiting = list(task.after)
        while waiting:
            known = self._tasks.get(waiting.pop())
            if known is not None and known.path not in found:
                found[known.path] = known
                waiting += known.after
        return list(found.values())


def path_in(session: Session, name: tuple[str, ...], of: Path | None = None) -> Path:
    """The full path of a name in a session, or in the schema of the task that mentions it."""
    database, schema = of[:2] if of else (session.connection.database or "", session.connection.schema or "")
    return full_path(name, database, schema)


def _changed(session: Session, task: Task, change: Reader) -> Task:  # noqa: PLR0911  one form of ALTER a line
    if change.take("RESUME"):
        return replace(task, is_resumed=True)
    if change.take("SUSPEND"):
        return replace(task, is_resumed=False)
    if change.take("SET"):
        return replace(task, options=task.options | options_of(change))
    if change.take("UNSET"):
        gone = {".".join(name) for name in names_of(change)}
        return replace(task, options={name: value for name, value in task.options.items() if name not in gone})
    if change.take("MODIFY", "AS"):
        return replace(task, body=change.until())
    if change.take("MODIFY", "WHEN"):
        when = change.until()
        check_condition(when)
        return replace(task, when=when)
    if change.take("REMOVE", "WHEN"):
        return replace(task, when=None)
    is_more = change.take("ADD", "AFTER")
    if not is_more and not change.take("REMOVE", "AFTER"):
        raise unsupported(f"ALTER TASK … {change.until()[:40]}")
    named = tuple(path_in(session, name, task.path) for name in names_of(change))
    others = tuple(path for path in task.after if path not in named)
    return replace(task, after=others + named if is_more else others)


def _in_order(tasks: dict[Path, Task], root: Path) -> list[Task]:
    """The root, then its descendants, each after its predecessors."""
    ordered = {root: tasks[root]}
    grown = True
    while grown:
        ready = [
            task
            for path, task in tasks.items()
            if task.after and path not in ordered and all(known in ordered for known in task.after if known in tasks)
        ]
        ordered |= {task.path: task for task in ready}
        grown = bool(ready)
    return list(ordered.values())


def _missing(kind: str, name: str) -> StatementFailed:
    return compilation_error(2003, "02000", f"{kind} '{name}' does not exist or not authorized.")
