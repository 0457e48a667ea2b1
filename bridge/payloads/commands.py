"""Bodies of the queues `run-commands` and `run-control`. Their JSON Schemas are in `schemas/`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bridge.domain import identity
from bridge.domain.commands import CancelRun, CheckRun, Origin, SubmitRun
from bridge.domain.errors import PoisonMessage
from bridge.domain.inputs import aml_literal
from bridge.payloads import lossless
from bridge.payloads.shape import Moment, Shape, complaints

SchemaVersion = Literal[1]
#: Source and principal of a run posted straight to the queue.
QUEUE_DOOR = "queue:run-commands"
RunId = Annotated[str, Field(pattern=f"^{identity.RUN_ID.pattern}$")]
ShortText = Annotated[str, Field(max_length=1000)]


class SubmitRunBody(Shape):
    """A run to be submitted. Posted straight to the queue it may be just pipeline, inputs and idempotency_key."""

    schema_version: SchemaVersion = 1
    pipeline: ShortText
    inputs: dict[str, Any] = Field(default_factory=dict)
    idempotency_key: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    run_id: RunId | None = None
    workspace: ShortText | None = None
    component: ShortText | None = None
    experiment: ShortText | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    attempt: int = Field(default=1, ge=1)
    try_: int = Field(default=0, ge=0, alias="try")
    principal: ShortText | None = None
    roles: list[str] = Field(default_factory=list)
    source: ShortText | None = None
    accepted_at: Moment | None = None
    query_id: ShortText | None = None
    query_batch_id: ShortText | None = None
    row_number: int | None = None
    batch_rows: int | None = None
    correlation_id: ShortText | None = None
    traceparent: ShortText | None = None
    rule_chain: list[str] = Field(default_factory=list)
    rerun_of: RunId | None = None

    @property
    def is_command(self) -> bool:
        """Whether `accept` or `execute` wrote it; anything less is a request that has yet to be looked at."""
        return None not in (self.run_id, self.component, self.workspace, self.correlation_id)

    def to_command(self) -> SubmitRun:
        """The command; only for bodies that are one."""
        literals = {name: _literal(value) for name, value in self.inputs.items()}
        component = self.component or ""
        return SubmitRun(
            run_id=self.run_id or "",
            pipeline=self.pipeline,
            inputs=self.inputs,
            fingerprint=identity.fingerprint(self.pipeline, component, literals),
            component=component,
            workspace=self.workspace or "",
            origin=self.to_origin(),
            accepted_at=self.accepted_at,
            experiment=self.experiment,
            tags=self.tags,
            rerun_of=self.rerun_of,
            attempt=self.attempt,
            try_=self.try_,
        )

    def to_origin(self) -> Origin:
        """Where it came from. Only `accept` vouches for a principal: whoever posts a request to the queue is that."""
        accepted = self.is_command and self.accepted_at is not None
        return Origin(
            source=(self.source if accepted else None) or QUEUE_DOOR,
            principal=(self.principal if accepted else None) or QUEUE_DOOR,
            correlation_id=self.correlation_id or self.query_batch_id or self.run_id or "",
            roles=tuple(self.roles) if accepted else (),
            query_id=self.query_id,
            query_batch_id=self.query_batch_id,
            row_number=self.row_number,
            batch_rows=self.batch_rows,
            traceparent=self.traceparent,
            rule_chain=tuple(self.rule_chain),
        )


class CheckRunBody(Shape):
    """A look at one run's job."""

    schema_version: SchemaVersion = 1
    op: Literal["check"]
    run_id: RunId
    workspace: ShortText
    step: int | None = Field(default=None, ge=1, le=10_000)
    origin: ShortText = ""
    submitted_at: Moment | None = None
    timeout_at: Moment | None = None
    last_status: ShortText | None = None
    missing_since: Moment | None = None
    attempt: int = Field(default=1, ge=1)
    if_missing_fail: ShortText | None = None
    try_: int = Field(default=0, ge=0, alias="try")

    def to_command(self) -> CheckRun:
        fields = self.model_dump(exclude={"schema_version", "op"})
        return CheckRun(**fields)


class CancelRunBody(Shape):
    """A run to be cancelled."""

    schema_version: SchemaVersion = 1
    op: Literal["cancel"]
    run_id: RunId
    workspace: ShortText | None = None
    requested_at: Moment
    principal: ShortText
    reason: ShortText = "asked by the user"
    origin: ShortText = ""
    try_: int = Field(default=0, ge=0, alias="try")

    def to_command(self) -> CancelRun:
        return CancelRun(**self.model_dump(exclude={"schema_version", "op"}))


ControlBody = Annotated[CheckRunBody | CancelRunBody, Field(discriminator="op")]
_SUBMIT = TypeAdapter(SubmitRunBody)
_CONTROL: TypeAdapter[CheckRunBody | CancelRunBody] = TypeAdapter(ControlBody)


def read_submit(text: str | bytes) -> SubmitRunBody:
    """The body of a message on `run-commands`. Raises: PoisonMessage."""
    try:
        return _SUBMIT.validate_python(lossless.loads(text, depth=lossless.OWN_DEPTH))
    except ValidationError as error:
        raise PoisonMessage(complaints(error)) from error
    except ValueError as error:
        raise PoisonMessage(str(error)) from error


def read_control(text: str | bytes) -> CheckRun | CancelRun:
    """The body of a message on `run-control`. Raises: PoisonMessage."""
    try:
        return _CONTROL.validate_python(lossless.loads(text, depth=lossless.OWN_DEPTH)).to_command()
    except ValidationError as error:
        raise PoisonMessage(complaints(error)) from error
    except ValueError as error:
        raise PoisonMessage(str(error)) from error


def write_submit(command: SubmitRun) -> dict[str, Any]:
    """The full form, as `read_submit` takes it."""
    origin = command.origin
    fields: dict[str, Any] = {
        "schema_version": 1,
        "run_id": command.run_id,
        "pipeline": command.pipeline,
        "inputs": dict(command.inputs),
        "workspace": command.workspace,
        "component": command.component,
        "experiment": command.experiment,
        "tags": dict(command.tags),
        "attempt": command.attempt,
        "try": command.try_,
        "principal": origin.principal,
        "roles": list(origin.roles),
        "source": origin.source,
        "accepted_at": timestamp(command.accepted_at),
        "query_id": origin.query_id,
        "query_batch_id": origin.query_batch_id,
        "row_number": origin.row_number,
        "batch_rows": origin.batch_rows,
        "correlation_id": origin.correlation_id,
        "traceparent": origin.traceparent,
        "rule_chain": list(origin.rule_chain),
        "rerun_of": command.rerun_of,
    }
    return _without_nothing(fields)


def write_check(command: CheckRun) -> dict[str, Any]:
    return _without_nothing(
        {
            "schema_version": 1,
            "op": "check",
            "run_id": command.run_id,
            "workspace": command.workspace,
            "step": command.step,
            "origin": command.origin,
            "submitted_at": timestamp(command.submitted_at),
            "timeout_at": timestamp(command.timeout_at),
            "last_status": command.last_status,
            "missing_since": timestamp(command.missing_since),
            "attempt": command.attempt,
            "if_missing_fail": command.if_missing_fail,
            "try": command.try_,
        }
    )


def write_cancel(command: CancelRun) -> dict[str, Any]:
    fields = {
        "schema_version": 1,
        "op": "cancel",
        "run_id": command.run_id,
        "workspace": command.workspace,
        "requested_at": timestamp(command.requested_at),
        "principal": command.principal,
        "reason": command.reason,
        "try": command.try_,
    }
    # Only where there is one: an instance of the version before this field refuses what it does not know.
    return {**fields, "origin": command.origin} if command.origin else fields


def timestamp(value: datetime | None) -> str | None:
    """ISO 8601 in UTC; None stays None."""
    return value.astimezone(UTC).isoformat() if value is not None else None


def _literal(value: Any) -> str:
    """As AML is given it. What no pipeline takes only needs a text here: it is refused when the inputs are checked."""
    return aml_literal(value) if isinstance(value, str | int | Decimal) else lossless.dumps(value)


def _without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
