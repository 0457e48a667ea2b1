"""What rules have the bridge do besides starting runs, as it travels through the queue `run-control`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Self

from bridge.domain import identity
from bridge.domain.identity import short_hash
from bridge.domain.outgoing import OutgoingEvent


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """Why a rule acts: which event fired it, and what that belongs to."""

    rule: str
    #: Of the rule and its firing key: two events on the same occasion have the same.
    action_id: str
    event_id: str
    event_type: str
    #: None when the event did not say.
    event_time: datetime | None = None
    correlation_id: str
    #: The run that the event is about.
    run_id: str | None = None
    #: Rules that led here, oldest first, this one the last.
    rule_chain: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Command:
    """What every action has in common."""

    op: ClassVar[str]
    occasion: Occasion
    #: Raised by a replay.
    attempt: int = 1
    #: Which replay asked for it: two of one letter must not look like one message.
    replay: str = ""
    #: Raised by each scheduled copy.
    try_: int = 0

    @property
    def message_id(self) -> str:
        """`notify.{rule}.{action id}:{attempt}:{try}`, within the broker's 128 characters."""
        name = f"{self.op}.{self.occasion.rule}.{self.occasion.action_id}"
        return identity.action_message_id(name + self.replay, self.attempt, self.try_)

    def next_try(self) -> Self:
        return replace(self, try_=self.try_ + 1)

    def replayed(self, replay: str) -> Self:
        return replace(self, attempt=self.attempt + 1, try_=0, replay=replay)


@dataclass(frozen=True, kw_only=True)
class Notify(_Command):
    """Tell people, by a webhook whose address the settings have."""

    op: ClassVar[str] = "notify"
    #: Name of the channel in the settings.
    channel: str
    title: str
    text: str
    #: What the event said, for programs that read the notification.
    event: Mapping[str, Any] = field(default_factory=dict)
    #: Where people find more.
    link: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunDataFactory(_Command):
    """Start a Data Factory pipeline."""

    op: ClassVar[str] = "run_data_factory"
    factory: str
    pipeline: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: None for the app's own.
    subscription_id: str | None = None
    resource_group: str | None = None
    #: The pipeline's parameter that takes the action id; with it a repeated start is found out.
    key_parameter: str | None = None


@dataclass(frozen=True, kw_only=True)
class Deploy(_Command):
    """Bring a registered model to a managed online endpoint: begin, look until it is there, then move the traffic."""

    op: ClassVar[str] = "deploy"
    workspace: str
    endpoint: str
    deployment: str
    model_name: str
    model_version: str
    instance_type: str
    instance_count: int = 1
    #: "azureml:name:version"; None for models that bring their own, as MLflow's do.
    environment: str | None = None
    #: Percent that the new deployment gets in the end; the others keep their share of the rest.
    traffic: int = 100
    #: When the event happened that asks for it, and not later than it was read.
    asked_at: datetime | None = None
    #: The last step that was taken: 0 before the deployment was begun.
    step: int = 0
    begun_at: datetime | None = None
    #: Whether the traffic was moved once; who moves it again afterwards has the last word.
    moved: bool = False

    @property
    def message_id(self) -> str:
        """Each step has its own, so that a repeated step is not taken for the next one."""
        name = f"{self.op}.{self.occasion.rule}.{self.occasion.action_id}.{self.step}"
        return identity.action_message_id(name + self.replay, self.attempt, self.try_)

    def replayed(self, replay: str) -> Self:
        return replace(self, attempt=self.attempt + 1, try_=0, replay=replay, step=0, begun_at=None, moved=False)


@dataclass(frozen=True, kw_only=True)
class Publish:
    """Publish events to a topic: what a rule wants published, or what the bridge tells of its runs."""

    #: Name of an allowed topic; None for the topic of the bridge's own events.
    topic: str | None
    events: tuple[OutgoingEvent, ...]
    #: None for the bridge's own events.
    occasion: Occasion | None = None
    attempt: int = 1
    replay: str = ""
    try_: int = 0

    op: ClassVar[str] = "publish"

    @property
    def message_id(self) -> str:
        events = short_hash([event.event_id for event in self.events])
        name = f"{self.op}.{self.occasion.rule}.{self.occasion.action_id}" if self.occasion else f"{self.op}.{events}"
        return identity.action_message_id(name + self.replay, self.attempt, self.try_)

    def next_try(self) -> Self:
        return replace(self, try_=self.try_ + 1)

    def replayed(self, replay: str) -> Self:
        return replace(self, attempt=self.attempt + 1, try_=0, replay=replay)


ActionCommand = Notify | Publish | Deploy | RunDataFactory


def deployment_name(model_name: str, model_version: str) -> str:
    """The one deployment of this model version at an endpoint: 3 to 32 letters, digits and hyphens, a letter first."""
    wanted = f"{model_name}-{model_version}"
    folded = "".join(character if character.isascii() and character.isalnum() else "-" for character in wanted.lower())
    tail = f"-{short_hash([model_name, model_version])[:8]}"
    if folded == wanted and folded[:1].isalpha() and len(folded) <= 32:
        return folded
    begin = folded if folded[:1].isalpha() else f"m-{folded}"
    return begin[: 32 - len(tail)].rstrip("-") + tail
