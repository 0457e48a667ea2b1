"""What is particular to problems of pipelines.yaml: which model stands where, and inputs that are half right."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from bridge.adapters.files import yaml_problems
from bridge.adapters.files.pipelines_inputs import InputEntry
from bridge.adapters.files.pipelines_model import AllowEntry, FileEntry, PipelineEntry, TargetEntry
from bridge.adapters.files.yaml_document import Document, Path, Problem
from bridge.adapters.files.yaml_fields import FINDINGS, Finding
from bridge.adapters.files.yaml_problems import Form, place_of
from bridge.domain.inputs import InputType, closest, shown


def problems(error: ValidationError, document: Document) -> Iterator[Problem]:
    """One problem for each thing to mend."""
    yield from yaml_problems.problems(error, document, _FORM)
    #: Keys whose value has the wrong shape, by the input that they are in.
    misshapen: dict[Path, set[str | int]] = {}
    for item in error.errors(include_url=False):
        place = place_of(item)
        if _model(place) is InputEntry and item["type"] != "missing":
            misshapen.setdefault(place[:4], set()).add(place[4])
    for place, keys in misshapen.items():
        for inner, text in _further_findings(_at(document.data, place), keys):
            yield Problem(document.line((*place, *inner)), (*place, *inner), text)


def _further_findings(data: Mapping[str, Any], misshapen: set[str | int]) -> Iterable[Finding]:
    """What the remaining keys of an input disagree on; its model has not come so far."""
    try:
        InputEntry.model_validate({key: value for key, value in data.items() if key not in misshapen})
    except ValidationError as error:
        item = error.errors()[0]
        if item["type"] == FINDINGS:
            found: Sequence[Finding] = item["ctx"][FINDINGS]
            return found
    return []


def _at(data: Any, place: Path) -> Any:
    for key in place:
        data = data[key]
    return data


def _model(place: Path) -> type[BaseModel]:
    match place[:-1]:
        case ("pipelines", _):
            return PipelineEntry
        case ("pipelines", _, "target"):
            return TargetEntry
        case ("pipelines", _, "allow"):
            return AllowEntry
        case ("pipelines", _, "inputs", _, *_):
            return InputEntry
    return FileEntry


def _home(place: Path) -> str | None:
    homes = (("target", TargetEntry), ("allow", AllowEntry))
    return next((name for name, entry in homes if len(place) == 3 and place[-1] in entry.model_fields), None)


def _unknown_type(value: object, _: Mapping[str, Any]) -> str:
    near = closest(value, InputType) if isinstance(value, str) else None
    hint = f"; did you mean {near}?" if near else ""
    return f"unknown type {shown(value)}: use one of {', '.join(InputType)}{hint}"


def _unknown_kind(value: object, details: Mapping[str, Any]) -> str:
    return f"{shown(value)} is not supported yet: use {details['expected'].strip(chr(39))}"


_FORM = Form(model=_model, home=_home, sayings={"enum": _unknown_type, "literal_error": _unknown_kind})
