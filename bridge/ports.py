"""What the services need of the world, as protocols; the adapters are the world."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.jobs import Job, JobDetails, JobRequest
from bridge.domain.pipelines import Catalogue
from bridge.domain.records import Records
from bridge.domain.retry import RetryPolicy


class Queue(StrEnum):
    """The app's four queues; the settings give their names at the broker."""

    RUN_COMMANDS = "run-commands"
    RUN_CONTROL = "run-control"
    RUN_EVENTS = "run-events"
    INBOUND_EVENTS = "inbound-events"


class Clock(Protocol):
    """The time, so that tests can move it."""

    def now(self) -> datetime:
        """Aware, in UTC."""


class JobClient(Protocol):
    """Azure ML's jobs, by workspace name.

    Raises: RetryableError when AML could not answer; AccessDenied; SubmissionRejected.
    """

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


Body = SubmitRun | CheckRun | CancelRun | Records


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message for a queue."""

    message_id: str
    body: Body
    #: Not to be delivered before; None for now.
    due: datetime | None = None


class MessageSender(Protocol):
    """The app's queues."""

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        """Send all, in as few transfers as the broker's limit allows. What was sent before a failure stays sent.

        Raises: RetryableError.
        """

    def text(self, body: Body) -> str:
        """The body as it is sent."""


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs to list; None does not restrict."""

    status: str | None = None
    pipeline: str | None = None
    query_batch_id: str | None = None
    since: datetime | None = None
    limit: int = 50
    offset: int = 0


class Ledger(Protocol):
    """The tables in Snowflake.

    Raises: RetryableError when Snowflake could not answer; RefusedData when it refused the values.
    """

    def write(self, records: Records) -> None:
        """Append all records, in one statement for each table that they touch."""

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        """The run's row of RUNS_ALL, lower-case columns, JSON-able values; None when there is none (yet)."""

    def events(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The run's history, oldest first, repeated events once."""

    def runs(self, wanted: RunFilter) -> Sequence[Mapping[str, Any]]:
        """Rows of RUNS, newest first."""

    def ended(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Those of the runs that the ledger shows as ended by AML."""


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
    clock: Clock
    retry: RetryPolicy
    #: How long a row may wait for its batch before it is written.
    record_window: timedelta
    sweep_days: int
    record_all_events: bool
