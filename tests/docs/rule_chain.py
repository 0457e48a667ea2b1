"""A breach and all that the example's rules make of it, over ports in memory, for docs/events.md to show."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.adapters.files.pipelines_file import load_catalogue
from bridge.adapters.files.rules_file import LoadedRules, Surroundings, parse_rules
from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues, MemoryTopics
from bridge.adapters.memory_reactions import MemoryDeployments
from bridge.domain.actions import Deploy
from bridge.domain.commands import CheckRun, SubmitRun
from bridge.domain.inbound import InboundEvent
from bridge.domain.jobs import JobDetails
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records
from bridge.domain.statuses import JobStatus
from bridge.payloads import event_grid
from bridge.ports import Bridge, Message
from bridge.services.act import act
from bridge.services.check_run import check_run
from bridge.services.deploy_model import deploy_model
from bridge.services.ingest_event import ingest_event
from bridge.services.submit_run import submit_run

EVENTS = Path(__file__).parents[1] / "events"
EXAMPLES = Path(__file__).parents[2] / "examples" / "events"
BREACH = "monitor_breached.event_grid.pascal.json"


def sample(name: str) -> AmlEvent:
    """One of the documented events."""
    (event,) = event_grid.read_events((EVENTS / name).read_bytes(), "workspace")
    return event


@dataclass(kw_only=True)
class RuleChain:
    """The app's functions without their host: every message is handled a minute after the one before."""

    bridge: Bridge
    clock: MemoryClock
    queues: MemoryQueues
    jobs: MemoryJobs
    deployments: MemoryDeployments
    #: How jobs end, by pipeline; the others complete.
    failing: dict[str, JobDetails] = field(default_factory=dict)
    records: Records = field(default_factory=Records)
    #: What the rules got to see.
    seen: list[AmlEvent] = field(default_factory=list)

    def ingest(self, event: AmlEvent) -> None:
        """Have the event come in, and all that it leads to."""
        self.seen.append(event)
        ingest_event(event, self.bridge)
        while any(self.queues.sent[queue] for queue in Queue):
            for queue in Queue:
                messages, self.queues.sent[queue] = self.queues.sent[queue], []
                for message in messages:
                    self.clock.advance(timedelta(minutes=1))
                    self._handle(message)

    def register_model(self, training: str) -> AmlEvent:
        """The event of a model that a run has registered with the tags of examples/events/tag_model.py."""
        tags = self.jobs.jobs[training].request.tags
        kept = {name: tags[name] for name in ("bridge_correlation_id", "bridge_rule_chain")}
        event = sample("model_registered.cloud_event.pascal.json")
        data = {**event.data, "ModelTags": {"stage": "prod", **kept, "bridge_run_id": training}}
        return replace(event, data=data, event_time=self.clock.now())

    def _handle(self, message: Message) -> None:
        body: Any = message.body
        if isinstance(body, Records):
            self.records += body
        elif isinstance(body, InboundEvent):
            self.seen.append(body.event)
            ingest_event(body.event, self.bridge)
        elif isinstance(body, SubmitRun):
            submit_run(body, self.bridge)
        elif isinstance(body, CheckRun):
            self._end(body.run_id)
            check_run(body, self.bridge)
        elif isinstance(body, Deploy):
            deploy_model(body, self.bridge)
            for (_, name), deployment in self.deployments.deployments.items():
                self.deployments.end(deployment.request.endpoint, name)
        else:
            act(body, self.bridge)

    def _end(self, run_id: str) -> None:
        job = self.jobs.jobs[run_id]
        details = self.failing.get(job.request.tags["bridge_pipeline"])
        job.status = JobStatus.COMPLETED if details is None else JobStatus.FAILED
        began = self.clock.now() - timedelta(minutes=1)
        job.details = replace(details or JobDetails(), started_at=began, ended_at=self.clock.now())


def published(topics: MemoryTopics, endpoint: str, kind: str) -> OutgoingEvent:
    """The first of this type."""
    return next(event for event in topics.published[endpoint] if event.event_type == kind)


@dataclass
class Chains:
    """Makes the chain of the documentation, or one in which a pipeline's runs fail."""

    bridge: Bridge
    deployments: MemoryDeployments

    def run(self, failing: dict[str, JobDetails] | None = None) -> RuleChain:
        clock, queues = MemoryClock(datetime(2026, 11, 20, 3, 1, tzinfo=UTC)), MemoryQueues()
        jobs = MemoryJobs(clock)
        chain = RuleChain(
            bridge=replace(self.bridge, clock=clock, sender=queues, jobs=jobs),
            clock=clock,
            queues=queues,
            jobs=jobs,
            deployments=self.deployments,
            failing=failing or {},
        )
        chain.ingest(sample(BREACH))
        if not failing:
            chain.ingest(chain.register_model(next(iter(jobs.jobs))))
        return chain


def rules_of(text: str) -> LoadedRules:
    """As the app reads them, with one channel and a default topic."""
    catalogue = load_catalogue(EXAMPLES / "pipelines.yaml", workspaces=frozenset({"ws1"}))
    surroundings = Surroundings(
        catalogue=catalogue, channels=frozenset({"ml-team"}), topics=frozenset({"main"}), has_default_topic=True
    )
    return parse_rules(text.encode(), "rules.yaml", surroundings)
