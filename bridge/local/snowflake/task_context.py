"""What a statement that runs within a task can ask about its run, and what it may leave there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.local.snowflake.errors import StatementFailed

_LONGEST_RETURN_VALUE = 10 * 1024


@dataclass(frozen=True, kw_only=True)
class GraphContext:
    """What all tasks of one run of a graph have in common."""

    run_group_id: str
    root_name: str
    root_id: str
    scheduled_at: datetime
    config: str | None
    #: Of the latest run of this graph that succeeded before this one began.
    last_success: "GraphContext | None" = None


@dataclass(kw_only=True)
class TaskContext:
    """One run of one task; its sessions and those of the procedures that it calls hold the same object."""

    name: str
    graph: GraphContext
    #: The return values of the predecessors that ran, by their bare names.
    predecessors: Mapping[str, str | None]
    return_value: str | None = None
    #: The statements that ran within this task, its body first of all.
    query_ids: list[str] = field(default_factory=list)

    def info(self, what: str) -> str | None:
        """The answer of SYSTEM$TASK_RUNTIME_INFO."""
        graph, last = self.graph, self.graph.last_success
        known = {
            "CURRENT_TASK_NAME": self.name,
            "CURRENT_ROOT_TASK_NAME": graph.root_name,
            "CURRENT_ROOT_TASK_UUID": graph.root_id,
            "CURRENT_TASK_GRAPH_RUN_GROUP_ID": graph.run_group_id,
            "CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": _timestamp(graph.scheduled_at),
            "LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID": last.run_group_id if last else None,
            "LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": _timestamp(last.scheduled_at) if last else None,
        }
        if what not in known:
            raise _invalid(f"Invalid argument '{what}' for function SYSTEM$TASK_RUNTIME_INFO")
        return known[what]

    def predecessor_value(self, name: str | None) -> str | None:
        """The answer of SYSTEM$GET_PREDECESSOR_RETURN_VALUE; the name may be left out when there is only one."""
        if name is None and len(self.predecessors) != 1:
            raise _invalid(f"Task {self.name} has {len(self.predecessors)} predecessors that ran: name one of them")
        if name is None:
            return next(iter(self.predecessors.values()))
        found = [value for known, value in self.predecessors.items() if known.upper() == name.upper()]
        if not found:
            raise _invalid(f"Task {name} is no predecessor of {self.name}, or it did not run")
        return found[0]

    def set_return_value(self, text: str) -> None:
        if len(text.encode()) > _LONGEST_RETURN_VALUE:
            raise _invalid("The return value of a task must be 10 kB or less")
        self.return_value = text

    def config_value(self, path: str | None) -> str | None:
        """The answer of SYSTEM$GET_TASK_GRAPH_CONFIG: all of the configuration, or the value at a.b.c of it."""
        if self.graph.config is None or path is None:
            return self.graph.config
        value = json.loads(self.graph.config)
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value if value is None or isinstance(value, str) else json.dumps(value)


def _invalid(message: str) -> StatementFailed:
    return StatementFailed(1044, "42P13", message)


def _timestamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} Z"
