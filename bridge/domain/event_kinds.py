"""The kinds of events that rules can be about, and what makes two events of a kind the same occasion."""

from bridge.domain import aml_events
from bridge.domain.event_fields import ABSENT, event_tags, field
from bridge.domain.records import AmlEvent

#: The bridge's own events for its rules. They count only from the door by which the app itself sends.
RUN_ENDED = "bridge.runended"
DEPLOYMENT_ENDED = "bridge.deploymentended"
BRIDGE_DOOR = "bridge"
BRIDGE_PREFIX = "bridge."
OWN = frozenset({RUN_ENDED, DEPLOYMENT_ENDED})
#: What a model monitor's breach is called here: it comes as a changed status of the monitor's run, told by a tag.
MONITOR_BREACHED = "modelmonitorbreached"
#: Source: learn.microsoft.com, "Monitor the performance of models deployed to production".
BREACH_TAG = "azureml_modelmonitor_threshold_breached"
STEP_RUN = "azureml.steprun"
#: How rules.yaml spells them; other types are written as they are.
NAMES = {
    "ModelMonitorBreached": MONITOR_BREACHED,
    "RunStatusChanged": aml_events.RUN_STATUS_CHANGED,
    "RunCompleted": aml_events.RUN_COMPLETED,
    "ModelRegistered": aml_events.MODEL_REGISTERED,
    "ModelDeployed": aml_events.MODEL_DEPLOYED,
    "DatasetDriftDetected": aml_events.DATASET_DRIFT_DETECTED,
    "Bridge.RunEnded": RUN_ENDED,
    "Bridge.DeploymentEnded": DEPLOYMENT_ENDED,
}
_KEYS = {
    aml_events.RUN_STATUS_CHANGED: ("data.experimentName",),
    aml_events.RUN_COMPLETED: ("data.experimentName",),
    aml_events.MODEL_REGISTERED: ("data.ModelName",),
    aml_events.MODEL_DEPLOYED: ("data.ServiceName",),
    aml_events.DATASET_DRIFT_DETECTED: ("data.DataDriftName",),
    RUN_ENDED: ("data.pipeline",),
    DEPLOYMENT_ENDED: ("data.endpoint",),
}
_RUN_KINDS = frozenset({aml_events.RUN_STATUS_CHANGED, aml_events.RUN_COMPLETED})


def kind_of(name: str) -> str:
    """The kind that rules.yaml means: a short name of the list above, or a type in any case."""
    folded = {short.lower(): kind for short, kind in NAMES.items()}
    return folded.get(name.lower(), name.lower())


def doors(event: AmlEvent) -> frozenset[str]:
    """From where events of this type count; the door is set by the subscription, the type by whoever publishes."""
    kind = event.event_type.lower()
    if kind.startswith(aml_events.PREFIX):
        return frozenset({aml_events.WORKSPACE_DOOR})
    return frozenset({BRIDGE_DOOR}) if kind in OWN else aml_events.REQUEST_DOORS


def door_problem(event: AmlEvent) -> str | None:
    """Why the event counts for nothing, by its type and its door; None when it counts."""
    if event.event_type.lower().startswith(BRIDGE_PREFIX) and event.event_type.lower() not in OWN:
        return f"types that begin with Bridge. are the app's own, and it sends none called {event.event_type}"
    known = doors(event)
    if event.door in known:
        return None
    return f"events of this type count from the door {' or '.join(sorted(known))} only, not from {event.door}"


def kinds(event: AmlEvent) -> frozenset[str]:
    """What the event is: its type and, for a breach, also that."""
    kind = event.event_type.lower()
    if kind == aml_events.RUN_STATUS_CHANGED and BREACH_TAG in event_tags(event):
        return frozenset({kind, MONITOR_BREACHED})
    return frozenset({kind})


def key_paths(event: AmlEvent) -> tuple[str, ...]:
    """What makes two events of this kind the same occasion, unless the rule says otherwise."""
    return _KEYS.get(event.event_type.lower(), ("subject",))


def occasion(event: AmlEvent) -> tuple[str, ...]:
    """Without a cool-down: a run is an occasion once, however many events it sends; else every event is one.

    Ids of events are unique for their source only.
    """
    run_id = field(event, "data.runId") if event.event_type.lower() in _RUN_KINDS else ABSENT
    return (event.door, event.topic.lower(), event.id) if run_id is ABSENT else (str(run_id),)


def is_step(event: AmlEvent) -> bool:
    """Whether the event is about a step of a pipeline, not about the pipeline."""
    if event.event_type.lower() not in _RUN_KINDS:
        return False
    return str(field(event, "data.runType")).lower() == STEP_RUN and BREACH_TAG not in event_tags(event)


def run_of(event: AmlEvent) -> str | None:
    """The run that the event is about, ours or not."""
    kind = event.event_type.lower()
    if kind not in _RUN_KINDS | {RUN_ENDED, aml_events.DATASET_DRIFT_DETECTED}:
        return None
    value = field(event, "data.run_id" if kind == RUN_ENDED else "data.runId")
    return None if value is ABSENT else str(value)
