"""What the emulator knows: jobs, assets, endpoints, who asked what; and the passing of time over it."""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bridge.local.aml.agenda import Agenda
from bridge.local.aml.arm import not_found
from bridge.local.aml.authorization import Authorization
from bridge.local.aml.clock import Clock
from bridge.local.aml.components import Component, Registry, seeded
from bridge.local.aml.endpoints import Deployment
from bridge.local.aml.events import events_of, model_deployed, model_registered
from bridge.local.aml.factories import Factories
from bridge.local.aml.jobs import Job, checked_submission, ending_of
from bridge.local.aml.lifecycle import Life, Passage, timeline
from bridge.local.aml.limits import Limits
from bridge.local.aml.models import Model, Models, model_of_job
from bridge.local.aml.online import OnlineEndpoints
from bridge.local.aml.operations import Operations
from bridge.local.aml.publisher import Publisher
from bridge.local.faults import FaultPlan


@dataclass(frozen=True)
class Options:
    """What is chosen at the start."""

    time_scale: float = 1.0
    latency_ms: float = 0.0
    has_limits: bool = False
    page_size: int = 50
    event_sink: str | None = None
    seed_file: Path | None = None
    #: The status of a job whose component is unknown: 400 or 404.
    missing_component_status: int = 400
    #: The resource id of the workspace that control requests mean when they name none.
    workspace_scope: str | None = None
    #: The control surface of the Service Bus emulator, and the resource id of the namespace that it stands for.
    service_bus_control: str | None = None
    service_bus_scope: str | None = None
    #: How soon who polls an operation is to ask again.
    poll_seconds: float = 1.0
    #: Roles, their assignments and system topics, as JSON.
    resources_file: Path | None = None
    has_model_deployed_events: bool = True


class RequestLog:
    """The last thousand requests, and counts of all of them."""

    def __init__(self) -> None:
        self.entries: deque[dict[str, Any]] = deque(maxlen=1000)
        self.operations: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        #: By operation and status.
        self.answers: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        self.operations[entry["operation"]] += 1
        self.statuses[str(entry["status"])] += 1
        self.answers[entry["operation"]][str(entry["status"])] += 1

    def to_json(self) -> dict[str, Any]:
        counts = {"operations": self.operations, "statuses": self.statuses, "answers": self.answers}
        return {**counts, "requests": list(self.entries)}


class AmlEmulator:
    """All state of the emulator; used from one event loop only."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.faults = FaultPlan()
        self.agenda = Agenda(clock.now)
        self.publisher = Publisher(options.event_sink, self.faults, self.agenda)
        self.reset()

    def reset(self) -> None:
        """Forget what happened and what was seeded by hand; keep the options and their seed."""
        options, scale = self.options, self.options.time_scale
        self.latency_ms = options.latency_ms
        self.clock.skew = timedelta()
        self.limit(is_on=options.has_limits)
        self.requests = RequestLog()
        #: The workspace of the last request.
        self.last_scope: str | None = None
        self.agenda.clear()
        self.publisher.reset()
        self.components = Registry()
        self.operations = Operations(self.clock.utc)
        self.models = Models(self.clock.utc, self._tell_registered)
        self.online = OnlineEndpoints(self.agenda, self.clock.utc, self.models, self.operations, scale)
        self.online.deployed = self._tell_deployed
        self.factories = Factories(self.agenda, self.clock, scale)
        self._jobs: dict[tuple[str, str], Job] = {}
        self._number = 0
        self.place(json.loads(options.resources_file.read_text()) if options.resources_file else {})
        if options.seed_file:
            self._seed(json.loads(options.seed_file.read_text()))

    def place(self, resources: Mapping[str, Any]) -> None:
        """Have these and no other roles, assignments and system topics."""
        self.resources = resources
        self.authorization = Authorization(resources)

    def limit(self, *, is_on: bool, scale: float = 1.0) -> None:
        """Answer 429 as the documented limits say, from full buckets on; or not at all."""
        self.limits: Limits | None = Limits(self.clock.now, scale) if is_on else None

    def _seed(self, seed: Mapping[str, Any]) -> None:
        for entry in seed.get("components", []):
            self.components.put(seeded(entry, self.clock.utc()))
        self.online.seeded += [str(entry["name"]) for entry in seed.get("endpoints", [])]
        self.factories.seeded |= {name: list(pipelines) for name, pipelines in seed.get("factories", {}).items()}

    @property
    def workspace(self) -> str | None:
        """The workspace that is meant when none is named."""
        return self.options.workspace_scope or self.last_scope

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()
        self.agenda.alarm.ring()

    def settle(self) -> None:
        """Let everything happen that is due, and publish it."""
        self.agenda.settle()

    def _follow(self, job: Job) -> None:
        """Let the job enter the statuses that are due, now and later."""
        if self._jobs.get(_key(job.scope, job.name)) is not job:
            return  # deleted meanwhile
        for passage in job.life.settle(self.clock.now(), self.clock.utc()):
            self._tell(job, passage)
        if job.life.next_due is not None:
            self.agenda.at(job.life.next_due, lambda: self._follow(job))

    def _tell(self, job: Job, passage: Passage) -> None:
        component = self.component_of(job)
        steered = component.emulator if component else {}
        model = model_of_job(job, steered) if passage.status == "Completed" else None
        if model:
            self.models.register(job.scope, **model)
        self.publisher.publish(events_of(job, passage, int(steered.get("steps", 0))))

    def _tell_registered(self, model: Model) -> None:
        self.publisher.publish([model_registered(model)])

    def _tell_deployed(self, deployment: Deployment) -> None:
        if self.options.has_model_deployed_events:
            self.publisher.publish([model_deployed(deployment, self.clock.utc())])

    def put_job(self, scope: str, name: str, body: Any) -> tuple[Job, bool]:
        """Create the job, or update what may change of it; True when it is new."""
        properties = checked_submission(name, body)
        job = self._jobs.get(_key(scope, name))
        if job is not None:
            job.update(properties)
            return job, False
        component = self.components.used_by(properties, self.options.missing_component_status)
        ending = ending_of(properties, component.emulator if component else None)
        statuses = timeline(ending, self.options.time_scale)
        self._number += 1
        life = Life.begin(statuses, self.clock.now())
        job = Job(scope, name, self._number, properties, self.clock.utc(), life, ending)
        self._jobs[_key(scope, name)] = job
        self._follow(job)
        return job, True

    def get_job(self, scope: str, name: str) -> Job:
        job = self._jobs.get(_key(scope, name))
        if job is None:
            raise not_found(f"The specified job with name {name} could not be found.")
        return job

    def named(self, name: str) -> Job | None:
        """The job of this name in whatever workspace."""
        return next((job for job in self._jobs.values() if job.name == name), None)

    def jobs(self, scope: str | None = None) -> list[Job]:
        """Newest first."""
        return [job for job in reversed(self._jobs.values()) if scope is None or job.scope.lower() == scope.lower()]

    def delete_job(self, job: Job) -> None:
        del self._jobs[_key(job.scope, job.name)]

    def cancel_job(self, job: Job) -> None:
        job.life.cancel(self.clock.now(), self.options.time_scale)
        self._follow(job)

    def force_status(self, job: Job, status: str, error: Mapping[str, Any] | None) -> None:
        job.end_with(error)
        job.life.force(status, self.clock.now())
        self._follow(job)

    def component_of(self, job: Job) -> Component | None:
        reference = job.component_id
        return self.components.referenced(reference) if reference else None


def _key(scope: str, name: str) -> tuple[str, str]:
    """Resource ids are compared without regard to case, job names are not."""
    return scope.lower(), name
