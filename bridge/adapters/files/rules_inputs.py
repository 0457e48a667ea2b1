"""Whether the inputs that a rule gives fit its pipeline, as far as that can be known before there is an event."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.adapters.files.yaml_fields import Finding
from bridge.domain.event_fields import is_reference, references, text_problem
from bridge.domain.inputs import InputError, InputSpec, InputType, closest, shown
from bridge.domain.pipelines import Pipeline

#: What only values of the right type, not texts, are taken for.
_NO_TEXTS = frozenset({InputType.INTEGER, InputType.NUMBER, InputType.BOOLEAN})
#: What stands there in every event, by the path's beginning; the others may be anything.
_SAMPLES = {"date": "2026-11-20", "time": "2026-11-20T10:00:00+00:00"}
_TEXTS = frozenset({"id", "type", "subject", "time", "date", "door", "workspace", "tags"})


def input_findings(pipeline: Pipeline, inputs: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong; places are within the inputs."""
    for name, value in inputs.items():
        spec = pipeline.inputs.get(name)
        if spec is None:
            yield (name,), _unknown(pipeline, name)
        elif problem := _value_problem(spec, value):
            yield (name,), problem
    for name, spec in pipeline.inputs.items():
        if spec.required and name not in inputs:
            yield (name,), f"is missing: {pipeline.name} requires it, give {spec.wanted}"


def _unknown(pipeline: Pipeline, name: str) -> str:
    near = closest(name, pipeline.inputs)
    takes = ", ".join(list(pipeline.inputs)[:20]) or "no inputs"
    return f"is no input of {pipeline.name}: {f'did you mean {near}?' if near else f'it takes {takes}'}"


def _value_problem(spec: InputSpec, value: Any) -> str | None:
    if isinstance(value, list | dict) or (isinstance(value, str) and text_problem(value)):
        return None  # which the models report
    if isinstance(value, str) and (paths := references(value)):
        return _reference_problem(spec, value, paths)
    try:
        spec.accept(value.replace("$$", "$") if isinstance(value, str) else value)
    except InputError as error:
        return error.reason
    return None


def _reference_problem(spec: InputSpec, text: str, paths: tuple[str, ...]) -> str | None:
    """A reference that can never become a value of the type: a text where a number is wanted, a time for a day."""
    root = paths[0].partition(".")[0].lower()
    if spec.type in _NO_TEXTS and not is_reference(text):
        return f"becomes text, and the input is of type {spec.type}: give one reference alone, such as ${{data.rows}}"
    if spec.type in _NO_TEXTS and root in _TEXTS:
        return f"is text in every event, and the input is of type {spec.type}: take it from the event's data"
    if is_reference(text) and root in _SAMPLES:
        try:
            InputSpec(name=spec.name, type=spec.type).accept(_SAMPLES[root])
        except InputError:
            fix = "use ${date}" if spec.type is InputType.DATE else "use ${time}"
            known = spec.type in {InputType.DATE, InputType.TIMESTAMP}
            return f"is like {shown(_SAMPLES[root])}, and the input is of type {spec.type}: " + (
                fix if known else "take it from the event's data"
            )
    return None
