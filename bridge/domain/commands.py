"""What the bridge is asked to do, as it travels through the queues."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from bridge.domain import identity
from bridge.domain.callers import CallerIdentity
from bridge.domain.inputs import aml_literal
from bridge.domain.trace import Trace

#: An input of a run after it was checked. Numbers are exact: int of any size or Decimal, never a rounded float.
Inputs = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request came from: what every row about its run repeats."""

    #: The door, for example "external_function", "http", "queue:run-commands", "event:custom".
    source: str
    #: Who asked, in the words of `allow` in pipelines.yaml.
    principal: str
    correlation_id: str
    #: Snowflake roles that the door vouches for.
    roles: tuple[str, ...] = ()
    #: App roles of Entra, of the token that came with the request.
    app_roles: tuple[str, ...] = ()
    query_id: str | None = None
    query_batch_id: str | None = None
    row_number: int | None = None
    batch_rows: int | None = None
    #: Where the run belongs, as W3C Trace Context has it; from the door on, so that retries stay there.
    traceparent: str | None = None
    #: Rules that led here, oldest first; the loop guard reads it.
    rule_chain: tuple[str, ...] = ()

    @property
    def caller(self) -> CallerIdentity:
        return CallerIdentity(principal=self.principal, roles=self.roles, app_roles=self.app_roles)

    @property
    def trace(self) -> Trace:
        """There always is one: without the caller's, that of its query, of which every row then has the same."""
        return Trace.read(self.traceparent) or Trace.derived(self.query_id or self.correlation_id)

    @property
    def trace_id(self) -> str:
        return self.trace.trace_id


@dataclass(frozen=True, kw_only=True)
class SubmitRun:
    """Make sure that exactly one AML job named `run_id` exists and does this work."""

    run_id: str
    pipeline: str
    inputs: Inputs
    fingerprint: str
    #: Pinned: "azureml:name:version", fixed when the request was accepted.
    component: str
    workspace: str
    origin: Origin
    #: None for a command posted straight to the queue.
    accepted_at: datetime | None
    experiment: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    rerun_of: str | None = None
    #: Raised by a replay.
    attempt: int = 1
    #: Raised by each scheduled copy after a failure.
    try_: int = 0
    #: Raised by each copy that waits for its place within a try, which is no failure.
    waits: int = 0
    #: Since when the pipeline was found full, in this try.
    waiting_since: datetime | None = None

    @property
    def message_id(self) -> str:
        return identity.submit_message_id(self.run_id, self.fingerprint, self.attempt, self.try_, self.waits)

    def next_try(self) -> Self:
        return replace(self, try_=self.try_ + 1, waits=0, waiting_since=None)

    def next_wait(self, waiting_since: datetime | None) -> Self:
        return replace(self, waits=self.waits + 1, waiting_since=waiting_since)

    def with_inputs(self, inputs: Inputs) -> Self:
        """The same command for these inputs; the fingerprint follows them."""
        literals = {name: aml_literal(value) for name, value in inputs.items()}
        print_ = identity.fingerprint(self.pipeline, self.component, literals)
        return replace(self, inputs=inputs, fingerprint=print_)


#: Of a chain of checks: hourly from 1970 to 2199, the years that a moment of ours may lie in.
LAST_STEP = 2_100_000


@dataclass(frozen=True, kw_only=True)
class CheckRun:
    """Ask AML about one run and report what changed."""

    run_id: str
    workspace: str
    #: The step of the run's chain; None for a one-shot check, which schedules no successor.
    step: int | None = None
    #: Who asked for a one-shot check: "e.{event id}", "s.{date}", "c", "d.{dead letter id}".
    origin: str = ""
    submitted_at: datetime | None = None
    #: When the pipeline's timeout is over.
    timeout_at: datetime | None = None
    #: The last status that was reported.
    last_status: str | None = None
    #: When AML first answered 404.
    missing_since: datetime | None = None
    #: The attempt that a dead submit belonged to.
    attempt: int = 1
    #: A one-shot check of a dead submit ends the run as FAILED with this text when no job exists.
    if_missing_fail: str | None = None
    #: What the run's job says of its request, see `tags.origin_tags`: told with an end that leaves no job to ask.
    tags: Mapping[str, str] = field(default_factory=dict)
    try_: int = 0

    @property
    def op(self) -> str:
        return f"check.{self.origin or self.step}"

    @property
    def message_id(self) -> str:
        return identity.control_message_id(self.run_id, self.op, self.try_)

    def next_try(self) -> Self:
        return replace(self, try_=self.try_ + 1)


@dataclass(frozen=True, kw_only=True)
class CancelRun:
    """Cancel the run's job as soon as it exists."""

    run_id: str
    #: None when whoever asked does not know it: every workspace is then looked into.
    workspace: str | None
    requested_at: datetime
    principal: str
    #: As in `Origin`.
    roles: tuple[str, ...] = ()
    app_roles: tuple[str, ...] = ()
    reason: str = "asked by the user"
    #: Tells the same request, sent again: "{query batch id}:{row}", "d.{dead letter id}…"; "" where only the time does.
    origin: str = ""
    try_: int = 0

    @property
    def caller(self) -> CallerIdentity:
        return CallerIdentity(principal=self.principal, roles=self.roles, app_roles=self.app_roles)

    @property
    def key(self) -> str:
        return self.origin or f"{self.requested_at:%Y%m%dT%H%M%S}"

    @property
    def message_id(self) -> str:
        return identity.control_message_id(self.run_id, f"cancel.{self.key}", self.try_)

    def next_try(self) -> Self:
        return replace(self, try_=self.try_ + 1)
