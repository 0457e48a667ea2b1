"""The ports in memory: full implementations that pass the same behaviour suites as the real ones, for unit tests."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain import events, statuses
from bridge.domain.errors import JobExists, PermanentError, RefusedData, SubmissionRejected
from bridge.domain.jobs import Job, JobDetails, JobRequest
from bridge.domain.records import Records
from bridge.payloads import bodies, commands, records
from bridge.ports import Body, Message, Queue, RunFilter

#: Of a Standard queue.
LARGEST_MESSAGE = 256 * 1024


class MemoryClock:
    """Time that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


class MemoryQueues:
    """MessageSender that keeps what was sent, in the order of sending."""

    def __init__(self) -> None:
        self.sent: dict[Queue, list[Message]] = {queue: [] for queue in Queue}
        #: Raised by the next sends, one each.
        self.failures: list[Exception] = []
        self._lock = threading.Lock()

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            if any(len(bodies.write(message.body).encode()) > LARGEST_MESSAGE for message in messages):
                raise PermanentError("a message is too large", code="TOO_LARGE")
            # Through the wire format and back, as a broker does it.
            self.sent[queue] += [replace(message, body=_reread(queue, message.body)) for message in messages]

    def text(self, body: Body) -> str:
        return bodies.write(body)


def _reread(queue: Queue, body: Body) -> Body:
    text = bodies.write(body)
    readers: dict[Queue, Callable[[str], Body]] = {
        Queue.RUN_COMMANDS: lambda text: commands.read_submit(text).to_command(),
        Queue.RUN_CONTROL: commands.read_control,
        Queue.RUN_EVENTS: records.read_records,
    }
    return readers[queue](text)


@dataclass
class MemoryJob:
    """A job in memory, and how it is steered by a test."""

    request: JobRequest
    created_at: datetime
    status: str = statuses.JobStatus.NOT_STARTED
    details: JobDetails = field(default_factory=JobDetails)
    puts: int = 1


class MemoryJobs:
    """JobClient whose jobs do nothing until they are told to."""

    def __init__(self, clock: MemoryClock) -> None:
        self.jobs: dict[str, MemoryJob] = {}
        #: Components that exist; None for all.
        self.components: frozenset[str] | None = None
        #: Raised by the next calls of these names, one each: ("submit", error).
        self.failures: list[tuple[str, Exception]] = []
        #: As `failures`, but the submit has its effect first.
        self.lost_answers: list[Exception] = []
        self.calls: list[str] = []
        self._clock = clock
        self._lock = threading.Lock()

    def submit(self, request: JobRequest) -> Job:
        with self._lock:
            self._called("submit")
            if self.components is not None and request.component not in self.components:
                raise SubmissionRejected(f"component {request.component} not found", code="USER_ERROR")
            existing = self.jobs.get(request.name)
            if existing is None:
                self.jobs[request.name] = MemoryJob(request, self._clock.now())
            elif _contents(existing.request) != _contents(request):
                raise JobExists(f"a job named {request.name} exists with other contents", code="CONFLICT")
            else:
                existing.puts += 1
                existing.request = request
            if self.lost_answers:
                raise self.lost_answers.pop(0)
            return self._job(request.name)

    def get(self, workspace: str, name: str) -> Job | None:
        with self._lock:
            self._called("get")
            job = self.jobs.get(name)
            return self._job(name) if job and job.request.workspace == workspace else None

    def details(self, workspace: str, name: str) -> JobDetails:
        with self._lock:
            self._called("details")
            job = self.jobs.get(name)
            return job.details if job and job.request.workspace == workspace else JobDetails()

    def cancel(self, workspace: str, name: str) -> None:
        with self._lock:
            self._called("cancel")
            job = self.jobs.get(name)
            if job is None or job.request.workspace != workspace:
                raise PermanentError(f"no job named {name}", code="NOT_FOUND")
            if not statuses.is_terminal(job.status):
                job.status = statuses.JobStatus.CANCEL_REQUESTED

    def tagged(self, workspace: str, tag: str, *, since: datetime, pages: int) -> Iterable[Job]:  # noqa: ARG002 - one page
        with self._lock:
            self._called("tagged")
            found = [
                job
                for job in self.jobs.values()
                if job.request.workspace == workspace and job.created_at >= since and tag in job.request.tags
            ]
            found.sort(key=lambda job: job.created_at, reverse=True)
            return [self._job(job.request.name) for job in found]

    def _called(self, name: str) -> None:
        self.calls.append(name)
        for failure in self.failures:
            if failure[0] == name:
                self.failures.remove(failure)
                raise failure[1]

    def _job(self, name: str) -> Job:
        job = self.jobs[name]
        return Job(
            name=name,
            status=job.status,
            tags=dict(job.request.tags),
            created_at=job.created_at,
            studio_url=f"https://ml.azure.com/runs/{name}",
            experiment=job.request.experiment,
        )


def _contents(request: JobRequest) -> JobRequest:
    """What AML does not let a second PUT change."""
    return replace(request, tags={}, display_name="")


class MemoryLedger:
    """Ledger whose tables are lists and whose RUNS view is the domain's fold."""

    def __init__(self) -> None:
        self.records = Records()
        self.writes: list[int] = []
        self._recorded: dict[str, datetime] = {}
        #: Raised by the next writes, one each.
        self.failures: list[Exception] = []
        #: A run whose rows are refused, as values that the table does not take.
        self.refused_runs: set[str] = set()
        self._lock = threading.Lock()

    def write(self, records: Records) -> None:
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            if any(event.run_id in self.refused_runs for event in records.run_events):
                raise RefusedData("a value is refused", code="100038")
            self.records = self.records + replace(records, try_=0)
            self._recorded |= {event.run_id: datetime.now(UTC) for event in records.run_events}
            self.writes.append(len(records))

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        folded = events.fold(event for event in self.records.run_events if event.run_id == run_id)
        return _plain(folded) if folded else None

    def events(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        mine = {event.event_id: event for event in self.records.run_events if event.run_id == run_id}
        return [records.row(event) for event in sorted(mine.values(), key=lambda event: event.occurred_at)]

    def runs(self, wanted: RunFilter) -> Sequence[Mapping[str, Any]]:
        ids = dict.fromkeys(event.run_id for event in reversed(self.records.run_events))
        rows = [row for run_id in ids if (row := self.run(run_id)) is not None]
        matching = [row for row in rows if _matches(row, wanted) and self._is_recent(row["run_id"], wanted.since)]
        return matching[wanted.offset : wanted.offset + wanted.limit]

    def _is_recent(self, run_id: str, since: datetime | None) -> bool:
        return since is None or self._recorded[run_id] >= since

    def ended(self, run_ids: Sequence[str]) -> frozenset[str]:
        rows = {run_id: self.run(run_id) for run_id in run_ids}
        return frozenset(
            run_id
            for run_id, row in rows.items()
            if row and row["is_job_fact"] and statuses.is_terminal(str(row["status"]))
        )


def _matches(row: Mapping[str, Any], wanted: RunFilter) -> bool:
    conditions = {
        "status": wanted.status,
        "pipeline": wanted.pipeline,
        "query_batch_id": wanted.query_batch_id,
    }
    return all(value is None or row.get(name) == value for name, value in conditions.items())


def _plain(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: commands.timestamp(value) if isinstance(value, datetime) else value for name, value in row.items()}
