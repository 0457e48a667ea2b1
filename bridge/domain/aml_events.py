"""What events say. Their keys are read without regard to case: documentation and captures disagree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.domain import statuses
from bridge.domain.identity import is_run_id
from bridge.domain.records import AmlEvent

PREFIX = "microsoft.machinelearningservices."
RUN_STATUS_CHANGED = PREFIX + "runstatuschanged"
RUN_COMPLETED = PREFIX + "runcompleted"
MODEL_REGISTERED = PREFIX + "modelregistered"
MODEL_DEPLOYED = PREFIX + "modeldeployed"
DATASET_DRIFT_DETECTED = PREFIX + "datasetdriftdetected"
#: Events about models and drift carry no run; they are kept for the rules and for the reader.
KEPT = frozenset({MODEL_REGISTERED, MODEL_DEPLOYED, DATASET_DRIFT_DETECTED})
#: The only door by which AML's own events come.
WORKSPACE_DOOR = "workspace"
#: Asks for a run: {"pipeline", "inputs", "idempotency_key"?}.
RUN_REQUEST = "bridge.submitrun"
#: Where anyone may publish who may send to the topic; what they ask for counts as asked by the door.
REQUEST_DOORS = frozenset({"custom", "snowflake"})


@dataclass(frozen=True, kw_only=True)
class RunHint:
    """What an event claims about a run of ours. Only a hint: events come late, twice, out of order, or not at all."""

    run_id: str
    workspace: str
    #: In our spelling.
    status: str
    tags: Mapping[str, str]


def run_hint(event: AmlEvent) -> RunHint | None:
    """The claim of a run event; None for other events and for runs that cannot be ours, as steps of a pipeline."""
    kind = event.event_type.lower()
    if kind not in {RUN_STATUS_CHANGED, RUN_COMPLETED}:
        return None
    data = fold_keys(event.data)
    run_id = str(data.get("runid", ""))
    if not is_run_id(run_id):
        return None
    claimed = data.get("runstatus") if kind == RUN_STATUS_CHANGED else statuses.JobStatus.COMPLETED
    tags = data.get("runtags")
    return RunHint(
        run_id=run_id,
        workspace=workspace_of(event.topic),
        status=statuses.job_status(str(claimed or "UNKNOWN")),
        tags={str(name): str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {},
    )


def workspace_of(topic: str) -> str:
    """The workspace's name, from its ARM id."""
    return topic.rstrip("/").rpartition("/")[2]


def fold_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same mapping with lower-case keys, one level deep."""
    return {str(key).lower(): value for key, value in data.items()}
