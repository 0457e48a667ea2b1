"""The ports in memory: full implementations that pass the same behaviour suites as the real ones, for unit tests."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bridge.adapters.pacing import Call, Pace
from bridge.domain import statuses
from bridge.domain.errors import JobExists, PermanentError, SubmissionRejected, Throttled
from bridge.domain.inbound import InboundEvent
from bridge.domain.jobs import Job, JobDetails, JobRequest
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue, QueueDepth
from bridge.domain.records import Records
from bridge.payloads import bodies, commands, control, event_grid, records
from bridge.payloads.outgoing import event_bytes
from bridge.payloads.records import split_records
from bridge.ports import Body, Message, OutgoingMessage

#: Of a Standard queue.
LARGEST_MESSAGE = 256 * 1024
LARGEST_EVENT = 1_000_000


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
        #: What was posted to other queues, by their names.
        self.posted: dict[str, list[OutgoingMessage]] = {}
        #: The other queues that exist; None for all.
        self.known: frozenset[str] | None = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Nothing to connect to."""

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            texts = [message.text or bodies.write(message.body) for message in messages]
            if any(len(text) > LARGEST_MESSAGE for text in texts):
                raise PermanentError("a message is too large", code="TOO_LARGE")
            # Through the wire format and back, as a broker does it.
            self.sent[queue] += [
                replace(message, body=_reread(queue, message.body, text), text=None)
                for message, text in zip(messages, texts, strict=True)
            ]

    def text(self, body: Body) -> str:
        return bodies.write(body)

    def parts(self, records: Records, limit: int) -> Iterable[tuple[Records, str]]:
        return split_records(records, limit)

    def post(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            if self.known is not None and queue not in self.known:
                raise PermanentError(f"there is no queue {queue}", code="UNKNOWN_QUEUE")
            if any(len(message.text.encode()) > LARGEST_MESSAGE for message in messages):
                raise PermanentError("a message is too large", code="TOO_LARGE")
            self.posted.setdefault(queue, []).extend(messages)


def _reread(queue: Queue, body: Body, text: str) -> Body:
    if isinstance(body, InboundEvent):  # its door travels beside the text
        return replace(body, event=event_grid.read_events(text, body.event.door)[0])
    readers: dict[Queue, Callable[[str], Body]] = {
        Queue.RUN_COMMANDS: lambda text: commands.read_submit(text).to_command(),
        Queue.RUN_CONTROL: control.read_control,
        Queue.RUN_EVENTS: records.read_records,
    }
    return readers[queue](text)


class MemoryQueueDepths:
    """QueueDepths that a test writes; every queue exists and is empty until then."""

    def __init__(self) -> None:
        self.depths = {queue: QueueDepth(active=0, scheduled=0, dead_lettered=0) for queue in Queue}
        #: Raised by the next calls, one each.
        self.failures: list[Exception] = []

    def read(self) -> Mapping[Queue, QueueDepth]:
        if self.failures:
            raise self.failures.pop(0)
        return dict(self.depths)


class MemoryTopics:
    """EventPublisher that keeps what was published, by endpoint."""

    def __init__(self) -> None:
        self.published: dict[str, list[OutgoingEvent]] = {}
        #: The topics that refuse the app, by endpoint.
        self.refusing: dict[str, Exception] = {}
        #: Raised by the next calls, one each.
        self.failures: list[Exception] = []
        self._lock = threading.Lock()

    def size(self, event: OutgoingEvent) -> int:
        return event_bytes(event)

    def publish(self, topic: str, events: Sequence[OutgoingEvent]) -> None:
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            if topic in self.refusing:
                raise self.refusing[topic]
            if any(event_bytes(event) > LARGEST_EVENT for event in events):
                raise PermanentError("an event is too large", code="TOO_LARGE")
            self.published.setdefault(topic, []).extend(events)


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

    def __init__(self, clock: MemoryClock, pace: Pace | None = None) -> None:
        self.jobs: dict[str, MemoryJob] = {}
        #: Components that exist; None for all.
        self.components: frozenset[str] | None = None
        #: Raised by the next calls of these names, one each: ("submit", error).
        self.failures: list[tuple[str, Exception]] = []
        #: As `failures`, but the submit has its effect first.
        self.lost_answers: list[Exception] = []
        self.calls: list[str] = []
        self._clock = clock
        self._pace = pace
        self._lock = threading.Lock()

    def prepare(self, workspace: str) -> None:
        """Nothing to load."""

    def submit(self, request: JobRequest) -> Job:
        with self._lock:
            self._called("submit", Call.SUBMIT)
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
            self._called("cancel", Call.CHANGE)
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

    def _called(self, name: str, call: Call = Call.READ) -> None:
        if self._pace:
            self._pace.enter(call)
        self.calls.append(name)
        for failure in self.failures:
            if failure[0] == name:
                self.failures.remove(failure)
                if self._pace and isinstance(failure[1], Throttled):
                    self._pace.throttled(call, failure[1].retry_after)
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
