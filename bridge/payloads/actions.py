"""Bodies of what rules have the bridge do, on the queue `run-control`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bridge.domain.actions import ActionCommand, Deploy, Notify, Occasion, Publish, RunDataFactory
from bridge.domain.outgoing import OutgoingEvent
from bridge.payloads.commands import SchemaVersion, ShortText, timestamp, without_nothing
from bridge.payloads.shape import COUNT_LIMIT, Moment, Shape, in_utc

#: When an event says that it happened: any time that can be written again.
EventTime = Annotated[datetime, AfterValidator(in_utc)]
Text = Annotated[str, Field(max_length=100_000)]


class OccasionBody(Shape):
    """Why a rule acts."""

    rule: ShortText
    action_id: ShortText
    event_id: ShortText
    event_type: ShortText
    event_time: EventTime | None = None
    correlation_id: ShortText
    run_id: ShortText | None = None
    rule_chain: tuple[ShortText, ...] = ()

    def to_occasion(self) -> Occasion:
        return Occasion(**self.model_dump())


class _ActionBody(Shape):
    """What every action has."""

    schema_version: SchemaVersion = 1
    occasion: OccasionBody
    attempt: int = Field(default=1, ge=1, le=COUNT_LIMIT)
    replay: ShortText = ""
    try_: int = Field(default=0, ge=0, le=COUNT_LIMIT, alias="try")

    def fields(self) -> dict[str, Any]:
        """The command's fields, the occasion as one of its own."""
        plain = self.model_dump(exclude={"schema_version", "op", "occasion"})
        return {**plain, "occasion": self.occasion.to_occasion()}


class NotifyBody(_ActionBody):
    """A notification."""

    op: Literal["notify"]
    channel: ShortText
    title: Text
    text: Text
    event: dict[str, Any] = Field(default_factory=dict)
    link: Text | None = None

    def to_command(self) -> Notify:
        return Notify(**self.fields())


class RunDataFactoryBody(_ActionBody):
    """A Data Factory pipeline to be started."""

    op: Literal["run_data_factory"]
    factory: ShortText
    pipeline: ShortText
    parameters: dict[str, Any] = Field(default_factory=dict)
    subscription_id: ShortText | None = None
    resource_group: ShortText | None = None
    key_parameter: ShortText | None = None

    def to_command(self) -> RunDataFactory:
        return RunDataFactory(**self.fields())


class DeployBody(_ActionBody):
    """A model to be deployed, and how far that has come."""

    op: Literal["deploy"]
    workspace: ShortText
    endpoint: ShortText
    deployment: ShortText
    model_name: ShortText
    model_version: ShortText
    instance_type: ShortText
    instance_count: int = Field(default=1, ge=1, le=COUNT_LIMIT)
    environment: ShortText | None = None
    traffic: int = Field(default=100, ge=0, le=100)
    step: int = Field(default=0, ge=0, le=10_000)
    begun_at: Moment | None = None
    asked_at: EventTime | None = None
    moved: bool = False

    def to_command(self) -> Deploy:
        return Deploy(**self.fields())


class EventBody(Shape):
    """An event to be published."""

    event_id: ShortText
    event_type: ShortText
    subject: ShortText
    data: Any = None
    occurred_at: EventTime
    source: ShortText | None = None

    def to_event(self) -> OutgoingEvent:
        return OutgoingEvent(**self.model_dump())


class PublishBody(Shape):
    """Events to be published."""

    schema_version: SchemaVersion = 1
    op: Literal["publish"]
    topic: ShortText | None = None
    events: tuple[EventBody, ...] = Field(min_length=1)
    occasion: OccasionBody | None = None
    attempt: int = Field(default=1, ge=1, le=COUNT_LIMIT)
    replay: ShortText = ""
    try_: int = Field(default=0, ge=0, le=COUNT_LIMIT, alias="try")

    def to_command(self) -> Publish:
        return Publish(
            topic=self.topic,
            events=tuple(event.to_event() for event in self.events),
            occasion=self.occasion.to_occasion() if self.occasion else None,
            attempt=self.attempt,
            replay=self.replay,
            try_=self.try_,
        )


def write_action(command: ActionCommand) -> dict[str, Any]:
    """As the bodies above read it."""
    fields = {name: _plain(value) for name, value in vars(command).items()}
    fields["try"] = fields.pop("try_")
    return without_nothing({"schema_version": 1, "op": command.op, **fields})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Occasion | OutgoingEvent):
        return without_nothing({name: _plain(item) for name, item in vars(value).items()})
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
