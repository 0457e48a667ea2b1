"""Bodies of the queue `run-control`. Their JSON Schema is in `schemas/`."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bridge.domain.actions import ActionCommand
from bridge.domain.commands import LAST_STEP, CancelRun, CheckRun
from bridge.domain.errors import PoisonMessage
from bridge.payloads import lossless
from bridge.payloads.actions import DeployBody, NotifyBody, PublishBody, RunDataFactoryBody, write_action
from bridge.payloads.commands import RunId, SchemaVersion, ShortText, timestamp, without_nothing
from bridge.payloads.shape import COUNT_LIMIT, Moment, Shape, complaints

ControlCommand = CheckRun | CancelRun | ActionCommand


class CheckRunBody(Shape):
    """A look at one run's job."""

    schema_version: SchemaVersion = 1
    op: Literal["check"]
    run_id: RunId
    workspace: ShortText
    step: int | None = Field(default=None, ge=1, le=LAST_STEP)
    origin: ShortText = ""
    submitted_at: Moment | None = None
    timeout_at: Moment | None = None
    last_status: ShortText | None = None
    missing_since: Moment | None = None
    attempt: int = Field(default=1, ge=1, le=COUNT_LIMIT)
    if_missing_fail: ShortText | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    try_: int = Field(default=0, ge=0, le=COUNT_LIMIT, alias="try")

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
    roles: tuple[str, ...] = ()
    app_roles: tuple[str, ...] = ()
    reason: ShortText = "asked by the user"
    origin: ShortText = ""
    try_: int = Field(default=0, ge=0, le=COUNT_LIMIT, alias="try")

    def to_command(self) -> CancelRun:
        return CancelRun(**self.model_dump(exclude={"schema_version", "op"}))


AnyBody = CheckRunBody | CancelRunBody | NotifyBody | PublishBody | DeployBody | RunDataFactoryBody
ControlBody = Annotated[AnyBody, Field(discriminator="op")]
_CONTROL: TypeAdapter[AnyBody] = TypeAdapter(ControlBody)


def read_control(text: str | bytes) -> ControlCommand:
    """The body of a message on `run-control`. Raises: PoisonMessage."""
    try:
        return _CONTROL.validate_python(lossless.loads_message(text, depth=lossless.OWN_DEPTH)).to_command()
    except ValidationError as error:
        raise PoisonMessage(complaints(error)) from error
    except ValueError as error:
        raise PoisonMessage(str(error)) from error


def write_control(command: ControlCommand) -> dict[str, Any]:
    """As `read_control` takes it."""
    if isinstance(command, CheckRun):
        return _write_check(command)
    return _write_cancel(command) if isinstance(command, CancelRun) else write_action(command)


def _write_check(command: CheckRun) -> dict[str, Any]:
    return without_nothing(
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
            "tags": dict(command.tags) or None,
            "try": command.try_,
        }
    )


def _write_cancel(command: CancelRun) -> dict[str, Any]:
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
    # Only where there are some: an instance of the version before these fields refuses what it does not know.
    optional = {"origin": command.origin, "roles": list(command.roles), "app_roles": list(command.app_roles)}
    return fields | {name: value for name, value in optional.items() if value}
