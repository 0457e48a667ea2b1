"""What the services need of the world, as protocols; the adapters are the world."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bridge.domain.actions import ActionCommand, Notify, RunDataFactory
from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.deployments import Deployment, DeploymentRequest
from bridge.domain.inbound import InboundEvent
from bridge.domain.jobs import Job, JobDetails, JobRequest
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.pipelines import Catalogue
from bridge.domain.places import Places
from bridge.domain.queues import Queue, QueueDepth
from bridge.domain.records import AmlEvent, Records
from bridge.domain.retry import RetryPolicy
from bridge.domain.rules import Rules
from bridge.domain.signals import SILENT, Telemetry


class Clock(Protocol):
    """The time, so that tests can move it."""

    def now(self) -> datetime:
        """Aware, in UTC."""


class Authenticator(Protocol):
    """Who calls by HTTP."""

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:
        """The caller as `allow` in pipelines.yaml knows it, by the request's headers, whose names have any case.

        Raises: Unauthenticated; CallerRefused; RetryableError when it cannot be found out now.
        """


class JobClient(Protocol):
    """Azure ML's jobs, by workspace name.

    Raises: RetryableError when AML could not answer; Paced, without asking it, when the process would exceed what AML
    takes, or AML has asked for a pause; AccessDenied; SubmissionRejected.
    """

    def prepare(self, workspace: str) -> None:
        """Do what the first submission would wait for; without it that one takes longer. Calls nobody."""

    def submit(self, request: JobRequest) -> Job:
        """Create the job, or return it when it exists with the same contents.

        Raises: JobExists when a job of this name has other contents.
        """

    def get(self, workspace: str, name: str) -> Job | None:
        """The job, or None when AML knows none of this name."""

    def details(self, workspace: str, name: str) -> JobDetails:
        """Times, error and outputs from the job's run history; empty when there is none yet."""

    def cancel(self, workspace: str, name: str) -> None:
        """Ask AML to cancel; returns before it is done."""

    def tagged(self, workspace: str, tag: str, *, since: datetime, pages: int) -> Iterable[Job]:
        """Jobs with a tag of this name, newest first, back to `since`, in at most `pages` reads."""


Body = SubmitRun | CheckRun | CancelRun | ActionCommand | Records | InboundEvent


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """One message for a queue that is not the app's own, as its sender wrote it."""

    message_id: str
    text: str
    content_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message for a queue."""

    message_id: str
    body: Body
    #: Not to be delivered before; None for now.
    due: datetime | None = None
    #: The body as `MessageSender.text` gives it, where it was asked for already.
    text: str | None = None


class MessageSender(Protocol):
    """The app's queues."""

    def prepare(self) -> None:
        """Connect for the queues that callers wait for; a broker that is away is no failure, only the next is told."""

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        """Send all, in as few transfers as the broker's limit allows. What was sent before a failure stays sent.

        Raises: RetryableError.
        """

    def text(self, body: Body) -> str:
        """The body as it is sent: ASCII, so that its characters are its bytes."""

    def parts(self, records: Records, limit: int) -> Iterable[tuple[Records, str]]:
        """The records in parts, each with its text, of so many bytes at most or of one record."""

    def post(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """Send all to any queue of the namespace, by its name at the broker.

        Raises: RetryableError; PermanentError when a message is too large or the queue does not exist; AccessDenied.
        """


class QueueDepths(Protocol):
    """How much waits in the app's queues; for people to look at, nothing depends on it."""

    def read(self) -> Mapping[Queue, QueueDepth]:
        """Some seconds old at most; queues that the namespace does not have are left out.

        Raises: RetryableError when it cannot be found out now; AccessDenied; PermanentError.
        """


class EventPublisher(Protocol):
    """Event Grid topics that others listen to."""

    def size(self, event: OutgoingEvent) -> int:
        """Bytes that the event takes in a request."""

    def publish(self, topic: str, events: Sequence[OutgoingEvent]) -> None:
        """Publish all to the topic with this endpoint, in as few requests as its limits allow.

        What was published before a failure stays published.
        Raises: RetryableError; PermanentError when an event is too large or the topic refuses it; AccessDenied.
        """


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs to list; None does not restrict."""

    status: str | None = None
    pipeline: str | None = None
    query_batch_id: str | None = None
    since: datetime | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class DeadLetterFilter:
    """Which dead letters to list; None does not restrict."""

    queue: str | None = None
    run_id: str | None = None
    since: datetime | None = None
    limit: int = 50
    offset: int = 0


#: In the place of a status: every one that is no end.
ACTIVE = "ACTIVE"


@dataclass(frozen=True, kw_only=True)
class RunSearch:
    """Which runs people look at: those that began since then, and all that have not ended. None does not restrict."""

    since: datetime
    #: Or ACTIVE.
    status: str | None = None
    pipeline: str | None = None
    #: Part of an id, an error, a caller or what the run belongs to, in any case.
    text: str | None = None
    #: Runs that the text means without being part of them.
    run_ids: Sequence[str] = ()
    limit: int = 25
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class DecisionFilter:
    """Which decisions of rules to list; None does not restrict."""

    since: datetime
    rule: str | None = None
    #: Also those in which nothing was done.
    not_fired: bool = False
    limit: int = 50
    offset: int = 0


class Ledger(Protocol):
    """The tables in Snowflake.

    Raises: RetryableError when Snowflake could not answer; RefusedData when it refused the values.
    """

    def write(self, records: Records) -> None:
        """Append all records, in one statement for each table that they touch."""

    def write_rows(self, rows: Mapping[str, Sequence[str]]) -> None:
        """The same for rows that are JSON: by table, as the fields of `Records` are named, texts of one or several."""

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        """The run's row of RUNS_ALL, lower-case columns, JSON-able values; None when there is none (yet)."""

    def runs_by_id(self, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Rows of RUNS_ALL by run id, in one statement; runs that are not there (yet) are left out."""

    def batch(self, query_batch_id: str) -> Sequence[Mapping[str, Any]]:
        """The rows of one batch of an external function, by row number: each with the state of its run.

        Columns: those of RUNS_ALL, but `row_number` and `batch_rows` are the batch's, and `requested_at` is when it
        was first accepted or rejected. Several rows may have the same run. Rows that are not recorded yet are left out.
        `request_status` is ACCEPTED, with `request_fingerprint`, or REJECTED, with `request_error_code` and
        `request_error_message`: of this row alone, because its key may belong to a run that another row had accepted.
        """

    def dead_letters_by_id(self, dead_letter_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Rows of DEAD_LETTERS by id, repeats once, in one statement."""

    def dead_letters(self, wanted: DeadLetterFilter) -> Sequence[Mapping[str, Any]]:
        """Rows of DEAD_LETTERS, repeats once, newest first; `body` is its first 2,000 of `body_characters`."""

    def events(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The run's history, oldest first, repeated events once."""

    def runs(self, wanted: RunFilter) -> Sequence[Mapping[str, Any]]:
        """Rows of RUNS, newest first."""

    def search(self, wanted: RunSearch) -> Sequence[Mapping[str, Any]]:
        """Runs in few columns, the last begun first, in one statement."""

    def totals(self, wanted: RunSearch, every: timedelta) -> Sequence[Mapping[str, Any]]:
        """What there is of these runs, whatever their status, and of all else in this time; in one statement.

        Rows of `kind`, `name`, `status`, `amount`, `median_seconds`, `slow_seconds` (the 95th percentile) and
        `latest_at`: `time`, by the number of the span `every` since 1970 in which runs began; `pipeline`; `all`;
        `dead_letter` by queue; `rule`; and `recorded`, whose `latest_at` is up to when the ledger is written.
        """

    def surroundings(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The run's dead letters, and what rules made of it or of what it belongs to; oldest first, repeats once.

        Rows of `kind` (dead_letter, rule), `id`, `name`, `status`, `detail` and `occurred_at`.
        """

    def decisions(self, wanted: DecisionFilter) -> Sequence[Mapping[str, Any]]:
        """How far each rule got with each event, newest first."""

    def ended(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Those of the runs that the ledger shows as ended by AML."""

    def fired(self, action_ids: Sequence[str]) -> Mapping[str, str]:
        """Of the rules' actions that fired already: the id of the event that was the first to fire each."""

    def aml_events(self, *, since: datetime, limit: int) -> Sequence[AmlEvent]:
        """Recorded events since then by their own time, else by that of recording; oldest first, repeats once."""


class Deployments(Protocol):
    """Models at Azure ML's managed online endpoints.

    Raises: RetryableError when AML could not answer; AccessDenied; PermanentError.
    """

    def get(self, workspace: str, endpoint: str, deployment: str) -> Deployment | None:
        """The deployment, or None when the endpoint has none of this name.

        Raises: PermanentError with code UNKNOWN_ENDPOINT when there is no such endpoint.
        """

    def serving(self, workspace: str, endpoint: str) -> Sequence[Deployment]:
        """The endpoint's deployments that have traffic.

        Raises: PermanentError with code UNKNOWN_ENDPOINT when there is no such endpoint.
        """

    def begin(self, request: DeploymentRequest) -> None:
        """Ask AML for the deployment, without traffic; returns before it is there, which takes many minutes."""

    def move_traffic(self, workspace: str, endpoint: str, deployment: str, percent: int) -> None:
        """Give the deployment its share of the traffic, the others theirs of the rest; returns before it is done."""


class Notifier(Protocol):
    """The channels of the settings: webhooks that tell people or programs."""

    def send(self, notification: Notify, *, at: datetime) -> None:
        """Deliver it; a repeated one has the same id, by which a receiver can tell.

        Raises: RetryableError; PermanentError when the receiver will never take it, or there is no such channel.
        """


class DataFactories(Protocol):
    """Pipelines of Data Factory."""

    def start(self, command: RunDataFactory) -> str:
        """Start the pipeline; its run id there. With a `key_parameter` the run that the occasion has already, if any.

        Raises: RetryableError; AccessDenied; PermanentError.
        """


@dataclass(frozen=True, kw_only=True)
class Reactions:
    """What happens by itself: the rules, and what they can do besides starting runs."""

    rules: Rules
    deployments: Deployments
    notifier: Notifier
    factories: DataFactories
    #: Endpoint of the topic of the bridge's own events; None when they are not published.
    events_topic: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outbound:
    """Where callers may send events and messages by way of the app: nowhere that is not listed here."""

    publisher: EventPublisher
    #: Endpoint by name; the name is the first label of the endpoint's host unless the settings give one.
    topics: Mapping[str, str]
    #: For callers that name none; None when there is no such topic.
    default_topic: str | None
    #: Names of queues at the broker.
    queues: frozenset[str]
    #: The app's own queue of requests, if it is among them: a message for it asks for a run, and claims no more.
    requests_queue: str | None = None


@dataclass(frozen=True, kw_only=True)
class DashboardOptions:
    """What the page lets people do, and where it leads them."""

    #: Cancel, rerun and replay.
    has_actions: bool = False
    #: Of a query in Snowsight, up to its id; None when the account's name does not tell it.
    queries_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """Everything the services work with. Its adapters load their SDKs on first use."""

    #: Tells the jobs of several bridges in one workspace apart.
    name: str
    #: For pipelines that name none.
    workspace: str
    #: Every workspace that a pipeline may use, by name.
    workspaces: frozenset[str]
    #: Their ARM ids, lower case: only their events count.
    workspace_ids: frozenset[str]
    catalogue: Catalogue
    jobs: JobClient
    sender: MessageSender
    ledger: Ledger
    outbound: Outbound
    reactions: Reactions
    #: Of the routes that are not open to everybody.
    authenticator: Authenticator
    clock: Clock
    retry: RetryPolicy
    #: Of pipelines with `max_active_runs`, as this process sees them.
    places: Places
    #: How long a row may wait for its batch before it is written.
    record_window: timedelta
    sweep_days: int
    record_all_events: bool
    #: None while the settings do not say where the namespace is.
    queue_depths: QueueDepths | None = None
    telemetry: Telemetry = SILENT
    dashboard: DashboardOptions = DashboardOptions()
