"""Each sample event, and what it leads to: by its own door all of it, by any other nothing at all."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.actions import Deploy, Notify, Occasion, Publish
from bridge.domain.commands import CheckRun
from bridge.domain.jobs import JobDetails
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.queues import Queue
from bridge.domain.statuses import JobStatus
from bridge.handlers import queues as handlers
from bridge.payloads import bodies
from bridge.payloads.outgoing import write_event
from bridge.ports import Bridge
from bridge.services.bridge_events import publish_end, publish_fired, tell_deployment
from bridge.services.check_run import check_run
from bridge.services.decide_rules import decide_rules
from bridge.services.submit_run import submit_run
from tests.conftest import pipeline
from tests.unit.invocations import EVENTS, message, sample
from tests.unit.occasions import controls, decisions, kept, rule, take, with_rules
from tests.unit.requests import accepted, request, statuses

DOORS = frozenset({"workspace", "snowflake", "custom", "bridge", "unknown"})
SPELLINGS = [f"{schema}.{case}" for schema in ("event_grid", "cloud_event") for case in ("camel", "pascal")]
#: Which kinds the rules below are about; each is named after its kind.
LISTENED = (
    *("RunStatusChanged", "RunCompleted", "ModelMonitorBreached", "ModelRegistered", "ModelDeployed"),
    *("DatasetDriftDetected", "Bridge.RunEnded", "Bridge.DeploymentEnded"),
    *("nightly_load_done", "Snowflake.UserTaskFailed", "Contoso.Orders.Closed"),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a sample leads to by one of its doors."""

    doors: frozenset[str]
    facts: tuple[str, ...] = ()
    checks: int = 0
    #: Events that go into AML_EVENTS.
    kept: int = 0
    fired: tuple[str, ...] = ()
    submits: int = 0


WORKSPACE = frozenset({"workspace"})
OWN = frozenset({"bridge"})
REQUESTS = frozenset({"custom", "snowflake"})
#: A notification of Snowflake's that comes by the workspace's door is not opened.
UNMARKED = DOORS - WORKSPACE
NOWHERE: frozenset[str] = frozenset()

RUNNING = Outcome(doors=WORKSPACE, facts=("RUNNING",), kept=1, fired=("RunStatusChanged",))
COMPLETED = Outcome(doors=WORKSPACE, checks=1, kept=1, fired=("RunCompleted",))
FAILED = Outcome(doors=WORKSPACE, checks=1, kept=1, fired=("RunStatusChanged",))
BREACHED = Outcome(doors=WORKSPACE, kept=1, fired=("RunStatusChanged", "ModelMonitorBreached"))
LOADED = Outcome(doors=REQUESTS, kept=1, fired=("nightly_load_done",))
TASK_FAILED = Outcome(doors=REQUESTS, kept=1, fired=("Snowflake.UserTaskFailed",))
CUSTOM = Outcome(doors=REQUESTS, kept=1, fired=("Contoso.Orders.Closed",))
#: Steps of pipelines count for rules that ask for them only.
STEP = Outcome(doors=WORKSPACE)
REQUESTED = Outcome(doors=REQUESTS, facts=("ACCEPTED",), submits=1)
NOTHING = Outcome(doors=NOWHERE)

OUTCOMES = {
    **{f"run_status_changed.{each}": RUNNING for each in SPELLINGS},
    **{f"run_completed.{each}": COMPLETED for each in SPELLINGS},
    **{f"model_registered.{each}": Outcome(doors=WORKSPACE, kept=1, fired=("ModelRegistered",)) for each in SPELLINGS},
    **{f"model_deployed.{each}": Outcome(doors=WORKSPACE, kept=1, fired=("ModelDeployed",)) for each in SPELLINGS},
    **{
        f"dataset_drift_detected.{each}": Outcome(doors=WORKSPACE, kept=1, fired=("DatasetDriftDetected",))
        for each in SPELLINGS
    },
    **{f"monitor_breached.{each}": BREACHED for each in SPELLINGS},
    "run_failed.event_grid.camel": FAILED,
    "run_failed.cloud_event.pascal": FAILED,
    "run_without_tags.event_grid.camel": FAILED,
    # No facts and no checks: these runs are none of ours, but a rule wants to know of them.
    "run_of_another_bridge.event_grid.camel": Outcome(doors=WORKSPACE, kept=1, fired=("RunStatusChanged",)),
    "run_of_somebody.event_grid.camel": Outcome(doors=WORKSPACE, kept=1, fired=("RunStatusChanged",)),
    "step_completed.event_grid.camel": STEP,
    "step_completed.cloud_event.pascal": STEP,
    "step_status_changed.event_grid.camel": STEP,
    "array_of_one.event_grid": RUNNING,
    "array_of_one.cloud_event": RUNNING,
    "array_of_two.event_grid": Outcome(
        doors=WORKSPACE, facts=("RUNNING",), kept=2, fired=("RunStatusChanged", "ModelRegistered")
    ),
    "array_of_three.cloud_event": Outcome(doors=WORKSPACE, checks=1, kept=2, fired=("RunCompleted", "ModelRegistered")),
    "snowflake_notification.event_grid.string": LOADED,
    "snowflake_notification.event_grid.object": LOADED,
    "snowflake_notification.cloud_event.string": LOADED,
    "snowflake_notification.event_grid.text": Outcome(doors=DOORS),
    "snowflake_task_failed.event_grid.string": TASK_FAILED,
    "snowflake_task_failed.event_grid.object": TASK_FAILED,
    "snowflake_run_request.event_grid.string": REQUESTED,
    "run_request.event_grid": REQUESTED,
    "run_request.cloud_event": REQUESTED,
    "custom.event_grid": CUSTOM,
    "custom.cloud_event": CUSTOM,
    "bridge_run_ended.inbound": Outcome(doors=OWN, kept=1, fired=("Bridge.RunEnded",)),
    "bridge_deployment_ended.inbound": Outcome(doors=OWN, kept=1, fired=("Bridge.DeploymentEnded",)),
    # What the bridge tells others is never taken for an event by the bridge itself.
    "bridge_run_accepted.outgoing": NOTHING,
    "bridge_run_completed.outgoing": NOTHING,
    "bridge_run_failed.outgoing": NOTHING,
    "bridge_run_canceled.outgoing": NOTHING,
    "bridge_rule_fired.outgoing": NOTHING,
}


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """With a rule about each kind of event, and a pipeline that events may ask for."""
    open_ = replace(pipeline("train"), allow=Allow(principals=frozenset({"key", "event:custom", "event:snowflake"})))
    return with_rules(replace(bridge, catalogue=Catalogue([open_])), *(rule(kind, kind) for kind in LISTENED))


def ingest(name: str, door: str, bridge: Bridge) -> None:
    handlers.ingest(message(sample(name), application_properties={"bridge_door": door}), bridge)


def cases(names: Iterable[tuple[str, str]]) -> list[Any]:
    return [pytest.param(name, door, id=f"{name}-{door}") for name, door in names]


def test_no_sample_is_without_its_outcome() -> None:
    assert {path.name.removesuffix(".json") for path in EVENTS.glob("*.json")} == set(OUTCOMES)


def test_the_source_of_each_sample_is_named() -> None:
    text = (EVENTS / "SOURCE.md").read_text(encoding="utf-8")

    assert [name for name in OUTCOMES if f"`{name.partition('.')[0]}`" not in text] == []


@pytest.mark.parametrize(
    ("name", "door"), cases((name, door) for name in OUTCOMES for door in sorted(OUTCOMES[name].doors))
)
def test_a_sample_leads_to_what_it_should(name: str, door: str, bridge: Bridge, queues: MemoryQueues) -> None:
    ingest(name, door, bridge)

    checks = [each for each in controls(queues) if isinstance(each, CheckRun)]
    told = [each.occasion.rule for each in controls(queues) if isinstance(each, Notify)]
    assert (
        Outcome(
            doors=OUTCOMES[name].doors,
            facts=tuple(statuses(queues)),
            checks=len(checks),
            kept=len(kept(queues)),
            fired=tuple(told),
            submits=len(queues.sent[Queue.RUN_COMMANDS]),
        )
        == OUTCOMES[name]
    )
    assert [row.rule for row in decisions(queues) if row.status == "FIRED"] == told


@pytest.mark.parametrize(
    ("name", "door"), cases((name, door) for name in OUTCOMES for door in sorted(DOORS - OUTCOMES[name].doors))
)
def test_by_any_other_door_nothing_happens(
    name: str, door: str, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    ingest(name, door, bridge)

    sent = {queue for queue, messages in queues.sent.items() if messages}
    is_opened = door != "workspace" or not name.startswith("snowflake")
    if OUTCOMES[name] is REQUESTED and is_opened:  # whoever asked finds a row that says why not
        assert (sent, statuses(queues)) == ({Queue.RUN_EVENTS}, ["REJECTED"])
    else:
        assert not sent
    assert not jobs.calls


def test_the_same_event_in_any_schema_and_spelling_is_the_same_occasion(bridge: Bridge, queues: MemoryQueues) -> None:
    for kind in ("run_status_changed", "run_completed", "model_registered", "monitor_breached"):
        for spelling in SPELLINGS:
            ingest(f"{kind}.{spelling}", "workspace", bridge)

        ids = {(row.rule, row.action_id, row.decision_id) for row in decisions(queues)}
        assert len(ids) == len({rule_name for rule_name, _, _ in ids}), kind
        queues.sent[Queue.RUN_EVENTS].clear()


def own_events(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock) -> dict[str, Any]:
    """The bridge's own events as it sends them now, by the names of their samples."""
    loud = with_rules(
        bridge, rule("tell-ends", "Bridge.RunEnded"), rule("tell-deployments", "Bridge.DeploymentEnded"),
        events_topic="https://main.test/api/events",
    )  # fmt: skip
    documents: dict[str, Any] = {}
    for status in (JobStatus.CANCELED, JobStatus.FAILED, JobStatus.COMPLETED):
        command = accepted(loud, queues, request(f"key-{status}"))
        (published,) = take(queues, Queue.RUN_CONTROL)
        documents["bridge_run_accepted.outgoing"] = outgoing(published)
        submit_run(command, loud)
        (check,) = take(queues, Queue.RUN_CONTROL)
        end(jobs, command.run_id, status, clock)
        check_run(check, loud)
        (ended,) = take(queues, Queue.INBOUND_EVENTS)
        publish_end(ended.event, loud)
        (published,) = take(queues, Queue.RUN_CONTROL)
        documents[f"bridge_run_{status.lower()}.outgoing"] = outgoing(published)
    documents["bridge_run_ended.inbound"] = json.loads(bodies.write(ended))
    fired = decide_rules(ended.event, loud)
    take(queues, Queue.RUN_CONTROL)
    publish_fired(fired.rows, loud)
    documents["bridge_rule_fired.outgoing"] = outgoing(*take(queues, Queue.RUN_CONTROL))
    tell_deployment(deployment(), 100, None, loud)
    (inbound,) = take(queues, Queue.INBOUND_EVENTS)
    documents["bridge_deployment_ended.inbound"] = json.loads(bodies.write(inbound))
    return documents


def end(jobs: MemoryJobs, run_id: str, status: JobStatus, clock: MemoryClock) -> None:
    job = jobs.jobs[run_id]
    job.status = status
    is_failed = status is JobStatus.FAILED
    job.details = JobDetails(
        started_at=clock.now() + timedelta(minutes=1),
        ended_at=clock.now() + timedelta(minutes=9),
        error_code="UserError" if is_failed else None,
        error_message="the input has no rows" if is_failed else None,
        outputs={"default": "azureml://jobs/outputs"} if status is JobStatus.COMPLETED else None,
    )


def deployment() -> Deploy:
    why = Occasion(
        rule="deploy-prod",
        action_id="0" * 32,
        event_id="a7d0c0de-0000-4000-8000-000000000003",
        event_type="Microsoft.MachineLearningServices.ModelRegistered",
        correlation_id="c1",
        rule_chain=("deploy-prod",),
    )
    return Deploy(
        occasion=why,
        workspace="ws1",
        endpoint="churn-online",
        deployment="churn-4",
        model_name="churn",
        model_version="4",
        instance_type="Standard_DS3_v2",
        step=3,
    )


def outgoing(command: Publish) -> Any:
    (event,) = command.events
    return write_event(event)


def test_the_samples_of_the_bridges_own_events_are_what_it_sends(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    documents = own_events(bridge, queues, jobs, clock)

    assert {name for name in OUTCOMES if name.startswith("bridge_")} == set(documents)
    for name, document in documents.items():
        assert document == json.loads(sample(name)), name
