"""One input in pipelines.yaml: its shape, and whether its parts agree with each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from bridge.adapters.files.pipelines_patterns import MAX_PATTERN_LENGTH, pattern_problem
from bridge.adapters.files.yaml_fields import Entry, Finding, Scalar, findings_error
from bridge.domain.inputs import MAX_LENGTH, InputError, InputSpec, InputType, Value, shown

_NUMBERS = frozenset({InputType.INTEGER, InputType.NUMBER})
_TIMES = frozenset({InputType.DATE, InputType.TIMESTAMP})
_TEXTS = frozenset({InputType.STRING, InputType.URI_FILE, InputType.URI_FOLDER})
#: Which types a key has a meaning for.
_APPLIES = {
    "enum": _NUMBERS | _TIMES | _TEXTS,
    "min": _NUMBERS | _TIMES,
    "max": _NUMBERS | _TIMES,
    "pattern": _TEXTS,
    "max_length": _TEXTS,
}


class InputEntry(Entry):
    """An input that callers may give."""

    type: Annotated[InputType, Field(strict=False, description="What values look like.")]
    required: Annotated[bool, Field(description="Refuse a run that does not give it.")] = False
    default: Annotated[
        Scalar, Field(description="Used when a caller leaves it out. Without one, the component's own default holds.")
    ] = None
    enum: Annotated[
        list[Scalar] | None, Field(min_length=1, max_length=1000, description="The only values that are allowed.")
    ] = None
    min: Annotated[Scalar, Field(description="Least value, of a number, date or timestamp.")] = None
    max: Annotated[Scalar, Field(description="Greatest value, of a number, date or timestamp.")] = None
    pattern: Annotated[
        str | None, Field(min_length=1, description="Python regular expression that the whole text must match.")
    ] = None
    max_length: Annotated[
        int | None,
        Field(
            ge=1,
            le=32_000,
            description=f"Most characters of a text. Usually {MAX_LENGTH}, with a pattern {MAX_PATTERN_LENGTH}.",
        ),
    ] = None
    description: Annotated[str, Field(max_length=1000, description="For the people who call it.")] = ""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        _, findings = read_input("", self)
        if findings:
            raise findings_error(findings)
        return self


def read_input(name: str, entry: InputEntry) -> tuple[InputSpec, Sequence[Finding]]:
    """The input for the domain, and what is wrong with it."""
    reading = _Reading(entry)
    return reading.spec(name), reading.findings


@dataclass
class _Reading:
    entry: InputEntry
    findings: list[Finding] = field(default_factory=list)

    def spec(self, name: str) -> InputSpec:
        """Every value is checked by what is already known to be good."""
        entry = self.entry
        foreign = {key for key, types in _APPLIES.items() if self.given(key) and entry.type not in types}
        for key in sorted(foreign):
            self.finding(key, f"means nothing for type {entry.type}: remove it")
        pattern = entry.pattern if "pattern" not in foreign else None
        if pattern is not None and (problem := pattern_problem(pattern)):
            self.finding("pattern", problem)
            pattern = None
        spec = InputSpec(
            name=name,
            type=entry.type,
            required=entry.required,
            pattern=pattern,
            max_length=entry.max_length or (MAX_LENGTH if pattern is None else MAX_PATTERN_LENGTH),
            description=entry.description,
        )
        if not foreign & {"min", "max"}:
            spec = self.with_bounds(spec)
        if "enum" not in foreign:
            spec = self.with_enum(spec)
        if entry.required and self.given("default"):
            self.finding("default", "is never used, because the input is required: remove one of the two")
        return replace(spec, default=self.accepted(spec, entry.default, "default"))

    def with_bounds(self, spec: InputSpec) -> InputSpec:
        low: Any = self.accepted(spec, self.entry.min, "min")
        high: Any = self.accepted(spec, self.entry.max, "max")
        if low is not None and high is not None and low > high:
            self.finding("min", f"is {shown(low)} and above max, {shown(high)}: swap them")
            return spec
        return replace(spec, minimum=low, maximum=high)

    def with_enum(self, spec: InputSpec) -> InputSpec:
        allowed: dict[Value, None] = {}  # in their order
        for position, item in enumerate(self.entry.enum or []):
            value = self.accepted(spec, item, "enum", position)
            if value in allowed:
                self.finding("enum", f"has {shown(value)} twice: keep one", position)
            elif value is not None:
                allowed[value] = None
        return replace(spec, enum=tuple(allowed))

    def accepted(self, spec: InputSpec, value: object, *place: str | int) -> Value | None:
        if value is None:
            return None
        try:
            return spec.accept(value)
        except InputError as error:
            self.findings.append((place, error.reason))
            return None

    def given(self, key: str) -> bool:
        return getattr(self.entry, key) is not None

    def finding(self, key: str, text: str, *place: int) -> None:
        self.findings.append(((key, *place), text))
