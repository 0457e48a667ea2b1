"""What the emulator knows: jobs, components, who asked what; and the passing of time over it."""

import heapq
import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.local.aml.arm import not_found
from bridge.local.aml.clock import Clock
from bridge.local.aml.components import Component, Registry, seeded
from bridge.local.aml.events import Publisher, events_of
from bridge.local.aml.jobs import Job, checked_submission, ending_of
from bridge.local.aml.lifecycle import Life, timeline
from bridge.local.aml.limits import Limits
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


class RequestLog:
    """The last thousand requests, and counts of all of them."""

    def __init__(self) -> None:
        self.entries: deque[dict[str, Any]] = deque(maxlen=1000)
        self.operations: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()

    def add(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        self.operations[entry["operation"]] += 1
        self.statuses[str(entry["status"])] += 1

    def to_json(self) -> dict[str, Any]:
        return {"operations": self.operations, "statuses": self.statuses, "requests": list(self.entries)}


class AmlEmulator:
    """All state of the emulator; used from one event loop only."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.faults = FaultPlan()
        self.publisher = Publisher(options.event_sink, self.faults)
        self.reset()

    def reset(self) -> None:
        """Forget jobs, requests and what was seeded by hand; keep the options and their seed."""
        self.latency_ms = self.options.latency_ms
        self.limits = Limits(self.clock.now) if self.options.has_limits else None
        self.requests = RequestLog()
        self.components = Registry()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._due: list[tuple[float, int, Job]] = []
        self._number = 0
        self.publisher.reset()
        if self.options.seed_file:
            for entry in json.loads(self.options.seed_file.read_text())["components"]:
                self.components.put(seeded(entry, self.clock.utc()))

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    def settle(self) -> None:
        """Let every job enter the statuses that are due, and publish them."""
        now, at = self.clock.now(), self.clock.utc()
        while self._due and self._due[0][0] <= now:
            job = heapq.heappop(self._due)[2]
            if self._jobs.get(_key(job.scope, job.name)) is not job:
                continue  # deleted meanwhile
            for passage in job.life.settle(now, at):
                self.publisher.publish(events_of(job, passage))
            self._wait_for(job)

    def _wait_for(self, job: Job) -> None:
        if job.life.next_due is not None:
            self._number += 1
            heapq.heappush(self._due, (job.life.next_due, self._number, job))

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
        self._changed(job)
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
        self._changed(job)

    def force_status(self, job: Job, status: str, error: Mapping[str, Any] | None) -> None:
        job.end_with(error)
        job.life.force(status, self.clock.now())
        self._changed(job)

    def _changed(self, job: Job) -> None:
        self._wait_for(job)
        self.settle()

    def component_of(self, job: Job) -> Component | None:
        reference = job.component_id
        return self.components.referenced(reference) if reference else None


def _key(scope: str, name: str) -> tuple[str, str]:
    """Resource ids are compared without regard to case, job names are not."""
    return scope.lower(), name
