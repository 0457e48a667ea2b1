"""Bodies of the queue `run-commands`. Their JSON Schema is in `schemas/`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bridge.domain import identity
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.errors import PoisonMessage
from bridge.domain.inputs import aml_literal
from bridge.payloads import lossless
from bridge.payloads.shape import COUNT_LIMIT, ROW_LIMIT, Moment, Shape, complaints

SchemaVersion = Literal[1]
#: Source and principal of a run posted straight to the queue.
QUEUE_DOOR = "queue:run-commands"
RunId = Annotated[str, Field(pattern=f"^{identity.RUN_ID.pattern}$")]
RowNumber = Annotated[int, Field(gt=-ROW_LIMIT, lt=ROW_LIMIT)]
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
    attempt: int = Field(default=1, ge=1, le=COUNT_LIMIT)
    try_: int = Field(default=0, ge=0, le=COUNT_LIMIT, alias="try")
    waits: int = Field(default=0, ge=0, le=COUNT_LIMIT)
    waiting_since: Moment | None = None
    principal: ShortText | None = None
    roles: list[str] = Field(default_factory=list)
    app_roles: list[str] = Field(default_factory=list)
    source: ShortText | None = None
    accepted_at: Moment | None = None
    query_id: ShortText | None = None
    query_batch_id: ShortText | None = None
    row_number: RowNumber | None = None
    batch_rows: RowNumber | None = None
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
            waits=self.waits,
            waiting_since=self.waiting_since,
        )

    def to_origin(self) -> Origin:
        """Where it came from. Only `accept` vouches for a principal: whoever posts a request to the queue is that."""
        accepted = self.is_command and self.accepted_at is not None
        return Origin(
            source=(self.source if accepted else None) or QUEUE_DOOR,
            principal=(self.principal if accepted else None) or QUEUE_DOOR,
            correlation_id=self.correlation_id or self.query_batch_id or self.run_id or "",
            roles=tuple(self.roles) if accepted else (),
            app_roles=tuple(self.app_roles) if accepted else (),
            query_id=self.query_id,
            query_batch_id=self.query_batch_id,
            row_number=self.row_number,
            batch_rows=self.batch_rows,
            traceparent=self.traceparent,
            rule_chain=tuple(self.rule_chain),
        )


_SUBMIT = TypeAdapter(SubmitRunBody)


def read_submit(text: str | bytes) -> SubmitRunBody:
    """The body of a message on `run-commands`. Raises: PoisonMessage."""
    try:
        return _SUBMIT.validate_python(lossless.loads_message(text, depth=lossless.OWN_DEPTH))
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
        "waits": command.waits or None,
        "waiting_since": timestamp(command.waiting_since),
        "principal": origin.principal,
        "roles": list(origin.roles),
        "app_roles": list(origin.app_roles) or None,
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
    return without_nothing(fields)


def timestamp(value: datetime | None) -> str | None:
    """ISO 8601 in UTC; None stays None."""
    return value.astimezone(UTC).isoformat() if value is not None else None


def _literal(value: Any) -> str:
    """As AML is given it. What no pipeline takes only needs a text here: it is refused when the inputs are checked."""
    return aml_literal(value) if isinstance(value, str | int | Decimal) else lossless.dumps(value)


def without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
