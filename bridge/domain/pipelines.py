"""The allow-list of pipelines: which exist, who may run them, and which inputs they take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from bridge.domain.callers import APP_ROLE_PREFIX, CallerIdentity
from bridge.domain.inputs import CheckedInputs, InputError, InputSpec, Violation, closest, shown

MAX_INPUTS = 200
#: How principals begin that stand for a way in, not for somebody who has signed in.
DOORS = ("event:", "queue:")


@dataclass(frozen=True, kw_only=True)
class Allow:
    """Who may run a pipeline: whoever a principal or a role names."""

    #: As they are, or with "*" for any text. A bare "*" never stands for an event, a queue or an app role.
    principals: frozenset[str] = frozenset()
    #: Snowflake roles, as CURRENT_ROLE spells them.
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One entry of the allow-list."""

    name: str
    #: Pinned: "azureml:name:version".
    component: str
    experiment: str
    description: str = ""
    #: None for the app's own.
    workspace: str | None = None
    #: None for the component's own.
    compute: str | None = None
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta | None = None
    #: Further runs wait while so many are active.
    max_active_runs: int | None = None
    #: None for every caller of an HTTP door.
    allow: Allow | None = None

    @property
    def component_name(self) -> str:
        return self.component.split(":")[1]

    @property
    def component_version(self) -> str:
        return self.component.split(":")[2]

    def allows(self, caller: CallerIdentity) -> bool:
        """Whether this caller may run it; events and queues only by entries that start with the same word."""
        is_person = not caller.principal.startswith(DOORS)
        if self.allow is None:
            return is_person
        if is_person and not self.allow.roles.isdisjoint(caller.roles):
            return True
        return any(_is_named(name, self.allow.principals) for name in caller.names)


@lru_cache(maxsize=1000)  # asked for each row, of few callers
def _is_named(name: str, entries: frozenset[str]) -> bool:
    """Whether an entry is the name or, with a wildcard, stands for it: only one of the same kind does."""
    kind = next((prefix for prefix in (*DOORS, APP_ROLE_PREFIX) if name.startswith(prefix)), "")
    return any(name == entry or (entry.startswith(kind) and _stands_for(entry, name)) for entry in entries)


def _stands_for(entry: str, name: str) -> bool:
    return "*" in entry and fnmatchcase(name, entry)


class Catalogue:
    """All pipelines of the allow-list, by name."""

    def __init__(self, pipelines: Iterable[Pipeline]) -> None:
        self._pipelines = {pipeline.name: pipeline for pipeline in pipelines}

    def names(self) -> list[str]:
        return list(self._pipelines)

    def find(self, name: str) -> Pipeline | None:
        return self._pipelines.get(name)

    def suggest(self, name: str) -> str | None:
        """The pipeline that was probably meant."""
        return closest(name, self._pipelines)

    def unknown(self, name: str) -> Violation:
        """What to tell whoever asked for a pipeline that does not exist."""
        near = self.suggest(name)
        hint = f"did you mean {shown(near)}?" if near else "GET /pipelines lists those that exist"
        return Violation(code="UNKNOWN_PIPELINE", message=f"pipeline {shown(name)} does not exist: {hint}")

    def check(self, pipeline: Pipeline, inputs: Mapping[str, object] | None) -> CheckedInputs | list[Violation]:
        """The inputs with defaults filled in, or everything that is wrong with them. No inputs at all may be null."""
        if inputs is None:
            inputs = {}
        if not isinstance(inputs, Mapping):
            return [Violation(code="WRONG_TYPE", message=f"inputs are {shown(inputs)}: give an object", field="inputs")]
        if len(inputs) > MAX_INPUTS:
            return [Violation(code="TOO_MANY_INPUTS", message=f"there are {len(inputs)}: give at most {MAX_INPUTS}")]
        checked: CheckedInputs = {}
        violations: list[Violation] = []
        if not inputs.keys() <= pipeline.inputs.keys():
            violations = _unknown_inputs(pipeline, [name for name in inputs if name not in pipeline.inputs])
        for name, spec in pipeline.inputs.items():
            if (value := inputs.get(name)) is not None:
                try:
                    checked[name] = spec.accept(value)
                except InputError as error:
                    violations.append(Violation(code=error.code, message=f'input "{name}" {error.reason}', field=name))
            elif spec.required:
                violations.append(spec.absent(is_null=name in inputs))
            elif spec.default is not None:
                checked[name] = spec.default
        return violations or checked


def _unknown_inputs(pipeline: Pipeline, names: Sequence[object]) -> list[Violation]:
    violations = []
    for position, name in enumerate(names):
        # Looking for what was meant is slow, and whoever has many names wrong has another problem.
        near = closest(name, pipeline.inputs) if position < 3 and isinstance(name, str) else None
        takes = ", ".join(list(pipeline.inputs)[:20]) or "no inputs"
        hint = f"did you mean {shown(near)}?" if near else f"{pipeline.name} takes {takes}"
        message = f"input {shown(name)} is not known: {hint}"
        violations.append(Violation(code="UNKNOWN_INPUT", message=message, field=shown(name).strip('"')))
    return violations


def inputs_schema(pipeline: Pipeline) -> dict[str, Any]:
    """JSON Schema of the inputs, for people and for clients that make forms of it; `Catalogue.check` is what counts."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {name: spec.schema for name, spec in pipeline.inputs.items()},
        "required": [name for name, spec in pipeline.inputs.items() if spec.required],
        "additionalProperties": False,
    }
