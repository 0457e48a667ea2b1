"""Rules: which events lead to which actions, on which occasions. All of it is a function of the event and the file."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from bridge.domain import event_kinds
from bridge.domain.event_fields import ABSENT, event_tags
from bridge.domain.event_fields import field as field_of
from bridge.domain.identity import short_hash
from bridge.domain.inputs import shown
from bridge.domain.records import AmlEvent
from bridge.domain.tags import CORRELATION_ID, RULE_CHAIN

#: Rules that may lead to each other: a longer chain was hardly meant.
CHAIN_LIMIT = 10


#: Words for what does not hold, the condition's field, the test of the event's value with it.
_TEXT_TESTS: tuple[tuple[str, str, Callable[[str, str], bool]], ...] = (
    ("does not begin with", "prefix", str.startswith),
    ("does not end with", "suffix", str.endswith),
    ("does not contain", "contains", operator.contains),
)
_NUMBER_TESTS: tuple[tuple[str, str, Callable[[Decimal, Decimal], bool]], ...] = (
    ("not at least", "minimum", operator.ge),
    ("not at most", "maximum", operator.le),
    ("not above", "above", operator.gt),
    ("not below", "below", operator.lt),
)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What one field of the event must be; everything that is given must hold. Texts are compared without case."""

    path: str
    equals: Any = None
    one_of: tuple[Any, ...] = ()
    none_of: tuple[Any, ...] = ()
    prefix: str | None = None
    suffix: str | None = None
    contains: str | None = None
    #: Bounds, for numbers and for texts that are numbers: `minimum` and `maximum` are allowed themselves.
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    exists: bool | None = None

    def unmet(self, event: AmlEvent) -> str | None:
        """Why the event does not meet it, as `data.x is 5, not at least 7`; None when it does."""
        value = field_of(event, self.path)
        if self.exists is False:
            return None if value is ABSENT else f"{self.path} is there: {shown(value)}"
        if value is ABSENT:
            return f"the event has no {self.path}"
        wanted = next((text for text, holds in self._tests(value) if not holds), None)
        return f"{self.path} is {shown(value)}, {wanted}" if wanted else None

    def _tests(self, value: Any) -> Sequence[tuple[str, bool]]:
        folded, number = _folded(value), _number(value)
        tests: list[tuple[str, bool]] = []
        if self.equals is not None:
            tests.append((f"not {shown(self.equals)}", _same(value, self.equals)))
        if self.one_of:
            listed = ", ".join(map(shown, self.one_of))
            tests.append((f"not one of {listed}", any(_same(value, item) for item in self.one_of)))
        if self.none_of:
            tests.append(("which is excluded", not any(_same(value, item) for item in self.none_of)))
        for words, part, holds in _TEXT_TESTS:
            if (wanted := getattr(self, part)) is not None:
                tests.append((f"which {words} {shown(wanted)}", holds(folded, wanted.casefold())))
        for words, bound, meets in _NUMBER_TESTS:
            if (limit := getattr(self, bound)) is not None:
                tests.append((f"{words} {limit}", number is not None and meets(number, limit)))
        return tests


@dataclass(frozen=True, kw_only=True)
class SubmitAction:
    """Start a run."""

    kind: ClassVar[str] = "submit"
    pipeline: str
    #: Texts may have references to the event.
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeployAction:
    """Bring a registered model to an endpoint."""

    kind: ClassVar[str] = "deploy"
    endpoint: str
    #: "name:version"; None for the model that the event is about.
    model: str | None = None
    instance_type: str = "Standard_DS3_v2"
    instance_count: int = 1
    environment: str | None = None
    traffic: int = 100


@dataclass(frozen=True, kw_only=True)
class NotifyAction:
    """Tell people."""

    kind: ClassVar[str] = "notify"
    channel: str
    title: str | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class PublishAction:
    """Publish an event."""

    kind: ClassVar[str] = "publish"
    #: None for the default topic.
    topic: str | None = None
    event_type: str
    subject: str | None = None
    #: None for the data of the event itself.
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class DataFactoryAction:
    """Start a Data Factory pipeline."""

    kind: ClassVar[str] = "run_data_factory"
    factory: str
    pipeline: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    subscription_id: str | None = None
    resource_group: str | None = None
    key_parameter: str | None = None


Action = SubmitAction | DeployAction | NotifyAction | PublishAction | DataFactoryAction


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One entry of rules.yaml."""

    name: str
    #: Kinds of events, as `event_kinds.kinds` has them.
    on: frozenset[str]
    where: tuple[Condition, ...] = ()
    #: Paths; empty for the field that makes an occasion of this kind of event.
    key: tuple[str, ...] = ()
    action: Action
    cool_down: timedelta | None = None
    dry_run: bool = False
    description: str = ""

    def wants(self, event: AmlEvent) -> bool:
        """Whether the rule is about events of this kind at all."""
        return bool(self.on & event_kinds.kinds(event)) and not self._leaves_out_steps(event)

    def unmet(self, event: AmlEvent) -> list[str]:
        """Every condition that the event does not meet."""
        return [reason for condition in self.where if (reason := condition.unmet(event)) is not None]

    def firing_key(self, event: AmlEvent) -> tuple[str, ...]:
        """What tells this occasion from others; with a cool-down, by the part of time that the event falls into.

        An event without a time falls into no part: it is an occasion of its own.
        """
        if self.cool_down is None or event.event_time is None:
            return (self.name, *event_kinds.occasion(event))
        values = tuple(_key_text(event, path) for path in self.key or event_kinds.key_paths(event))
        part = int(event.event_time.timestamp() // self.cool_down.total_seconds())
        return (self.name, *values, str(part))

    def action_id(self, event: AmlEvent, bridge_name: str) -> str:
        return short_hash([bridge_name, *self.firing_key(event)])

    def _leaves_out_steps(self, event: AmlEvent) -> bool:
        """Steps of a pipeline send the same events as the pipeline: they count for rules that ask for them only."""
        asked = any(condition.path.lower() == "data.runtype" for condition in self.where)
        return event_kinds.is_step(event) and not asked


class Rules:
    """All rules of the file, in its order."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.all = tuple(rules)

    def about(self, event: AmlEvent) -> list[Rule]:
        return [rule for rule in self.all if rule.wants(event)]

    def listen_for(self, kind: str) -> bool:
        """Whether any rule is about this kind of event."""
        return any(kind in rule.on for rule in self.all)


def correlation_id(event: AmlEvent) -> str:
    """What the event belongs to: the id that the run, the model or the bridge's own event carries; else its own id."""
    tagged = event_tags(event).get(CORRELATION_ID)
    for value in (_stamp(event, "correlation_id"), tagged, event.data.get("correlation_id")):
        if isinstance(value, str) and value:
            return value
    return event.id


def rule_chain(event: AmlEvent) -> tuple[str, ...] | None:
    """The rules that led to this event, oldest first; None when it does not say.

    All that the event says counts: what it was published with may be a copy that knows less than its stamp.
    """
    tags = event_tags(event)
    given = [tags[RULE_CHAIN].split(",")] if RULE_CHAIN in tags else []
    given += [value for value in (event.data.get("rule_chain"), _stamp(event, "rule_chain")) if isinstance(value, list)]
    if not given:
        return () if tags else None
    names = (str(name)[:NAME_CHARACTERS] for values in given for name in values[: 2 * CHAIN_LIMIT] if name)
    return tuple(dict.fromkeys(names))


#: Where a published event says which rules led to it.
STAMP = "bridge"
#: No rule's name is longer.
NAME_CHARACTERS = 100


def _stamp(event: AmlEvent, name: str) -> Any:
    stamp = event.data.get(STAMP)
    return stamp.get(name) if isinstance(stamp, Mapping) else None


def bucket_start(moment: datetime, cool_down: timedelta) -> datetime:
    """When the part of time began in which the rule acts once."""
    seconds = cool_down.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, tz=moment.tzinfo)


def _key_text(event: AmlEvent, path: str) -> str:
    value = field_of(event, path)
    return "" if value is ABSENT else _folded(value)


def _folded(value: Any) -> str:
    return str(value).casefold()


def _same(value: Any, wanted: Any) -> bool:
    """Two texts are compared as texts: version "1.0" is not version "1"."""
    if isinstance(value, str) and isinstance(wanted, str):
        return _folded(value) == _folded(wanted)
    numbers = _number(value), _number(wanted)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return _folded(value) == _folded(wanted)


def _number(value: Any) -> Decimal | None:
    """Tags are texts, also where they mean numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
