"""What may stand in rules.yaml, as models: they check the file, and they are its JSON Schema for editors."""

import difflib
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bridge.adapters.files.rules_actions import DoEntry
from bridge.adapters.files.rules_conditions import ConditionEntry
from bridge.adapters.files.yaml_fields import CoolDown, Entry, EntryName, Version, one_line
from bridge.domain import aml_events, event_kinds
from bridge.domain.event_fields import path_problem
from bridge.domain.inputs import closest, shown
from bridge.domain.rules import Rule

MAX_RULES = 200
#: How alike a type must be to one of Azure ML's to be taken for a misspelling. Types of one's own may be similar.
_MISSPELT = 0.85


def kind_problem(name: str) -> str | None:
    """Why no event can be of this kind, with what would be right; None when one can."""
    kind = event_kinds.kind_of(name)
    if kind in event_kinds.NAMES.values():
        return None
    if kind.startswith(event_kinds.BRIDGE_PREFIX):
        return f"{shown(name)} fires no rules: of the bridge's own events use Bridge.RunEnded or Bridge.DeploymentEnded"
    short = kind.removeprefix(aml_events.PREFIX)
    folded = {known.lower(): known for known in event_kinds.NAMES}
    near = difflib.get_close_matches(short[:200], folded, n=1, cutoff=_MISSPELT)
    if near:
        return f"there is no kind of event {shown(name)}: did you mean {folded[near[0]]}?"
    if short != kind:
        return f"Azure ML has no type {shown(name)}: use one of {', '.join(event_kinds.NAMES)}"
    return None


def doubtful_kind(name: str) -> str | None:
    """The kind that was perhaps meant by a type of one's own."""
    is_known = event_kinds.kind_of(name) in event_kinds.NAMES.values()
    return None if is_known or "." in name else closest(name, event_kinds.NAMES)


def _kinds(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _kind(name: str) -> str:
    if problem := kind_problem(name):
        raise ValueError(problem)
    return name


def _path(path: str) -> str:
    if problem := path_problem(path):
        raise ValueError(problem)
    return path


def _no_rules(value: Any) -> Any:
    """`rules: []` is none."""
    if isinstance(value, list) and value:
        raise ValueError("is a list: give each rule its name, as in retrain-on-drift: with its keys below")
    return {} if value == [] else value


class _OneOrSeveral:
    """In the schema: a single text stands for a list of it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        several = handler(schema)
        # The known names are there for editors to offer.
        kind = {"anyOf": [{"enum": list(event_kinds.NAMES)}, {"type": "string", "minLength": 1, "maxLength": 200}]}
        return {"anyOf": [kind, {**several, "items": kind}]}


class _ListOfNone:
    """In the schema: an empty list stands for an empty mapping."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "type": ["object", "array"], "maxItems": 0}


Kind = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(one_line), AfterValidator(_kind)]
Kinds = Annotated[
    list[Kind],
    Field(min_length=1, max_length=50),
    BeforeValidator(_kinds),
    _OneOrSeveral,
]
FieldPath = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_path)]


class RuleEntry(Entry):
    """Which events lead to which action."""

    description: Annotated[str, Field(max_length=5000, description="For people.")] = ""
    on: Annotated[Kinds, Field(description="Kinds of events: one of the bridge's names, or the full type of an event.")]
    where: Annotated[
        dict[FieldPath, ConditionEntry],
        Field(
            default_factory=dict,
            max_length=50,
            description="What fields of the event must be, such as data.DriftCoefficient or tags.stage; all must hold.",
        ),
    ]
    key: Annotated[
        list[FieldPath] | None,
        Field(
            min_length=1,
            max_length=10,
            description="Fields that make two events the same occasion, for cool_down; usually the name of what it is.",
        ),
    ] = None
    do: Annotated[DoEntry, Field(description="Exactly one action.")]
    cool_down: Annotated[
        CoolDown | None, Field(description="Act once on an occasion in this time: 90m, 6h, 1d, 1h30m or PT6H.")
    ] = None
    dry_run: Annotated[bool, Field(description="Decide and keep the decision, but do nothing.")] = False

    def rule(self, name: str) -> Rule:
        """For the domain."""
        return Rule(
            name=name,
            description=self.description,
            on=frozenset(event_kinds.kind_of(kind) for kind in self.on),
            where=tuple(entry.condition(path) for path, entry in self.where.items()),
            key=tuple(self.key or ()),
            action=self.do.action(),
            cool_down=self.cool_down,
            dry_run=self.dry_run,
        )


class FileEntry(Entry):
    """What happens by itself when something is reported."""

    version: Version
    rules: Annotated[
        dict[EntryName, RuleEntry],
        Field(max_length=MAX_RULES, description="By name; none is {}."),
        BeforeValidator(_no_rules),
        _ListOfNone,
    ]
