"""What the models found, in words that say what would be right, at the line where it stands."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from bridge.adapters.pipelines_inputs import FINDINGS, Finding, InputEntry
from bridge.adapters.pipelines_model import WORDS, AllowEntry, FileEntry, PipelineEntry, TargetEntry
from bridge.adapters.pipelines_yaml import Document, Path, Problem
from bridge.domain.inputs import InputType, closest, shown

_Details = Mapping[str, Any]


def problems(error: ValidationError, document: Document) -> Iterator[Problem]:
    """One problem for each thing to mend."""
    without_value = {problem.path for problem in document.problems}
    #: Keys whose value has the wrong shape, by the input that they are in.
    misshapen: dict[Path, set[str | int]] = {}
    for item in error.errors(include_url=False):
        place = tuple(part for part in item["loc"] if part != "[key]")
        if item["type"] == "missing" and place in without_value:
            continue
        if _model(place) is InputEntry and item["type"] != "missing":
            misshapen.setdefault(place[:4], set()).add(place[4])
        for inner, text in _texts(item, place):
            path = (*place, *inner)
            yield Problem(document.line(path), path, text)
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


def _texts(item: Any, place: Path) -> Iterable[tuple[Path, str]]:
    context: _Details = item.get("ctx", {})
    if item["type"] == FINDINGS:
        return context[FINDINGS]  # type: ignore[no-any-return]
    if item["type"] == "value_error":
        return [((), str(context["error"]))]
    if item["type"] == "missing":
        described = _model(place).model_fields[str(place[-1])].description
        return [((), f"is missing: add it ({described})")]
    if item["type"] == "extra_forbidden":
        return [((), _unknown_key(place))]
    say = _SAYINGS.get(item["type"])
    return [((), say(item["input"], context) if say else item["msg"])]


def _unknown_key(place: Path) -> str:
    key, known = str(place[-1]), list(_model(place).model_fields)
    near = closest(key, known)
    home = next(
        (name for name, entry in (("target", TargetEntry), ("allow", AllowEntry)) if key in entry.model_fields), ""
    )
    if near is None and home and len(place) == 3:
        return f"is not a key here: it belongs under {home}"
    return f"is not a key here: did you mean {near}?" if near else f"is not a key here: use one of {', '.join(known)}"


def _model(place: Path) -> type[BaseModel]:
    """The model that the last part of this place is a key of."""
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


def _quoted(value: object, _: _Details) -> str:
    if isinstance(value, bool | int | Decimal):
        return f'is {shown(value)}: put it in quotes, "{shown(value)}"'
    return f"is {shown(value)}: give text"


def _unknown_type(value: object, _: _Details) -> str:
    near = closest(value, InputType) if isinstance(value, str) else None
    hint = f"; did you mean {near}?" if near else ""
    return f"unknown type {shown(value)}: use one of {', '.join(InputType)}{hint}"


def _mapping(value: object, _: _Details) -> str:
    return f"is {shown(value)}: give keys with values"


#: By pydantic's error type: what to say of the value, given the details of the error.
_SAYINGS: Mapping[str, Callable[[object, _Details], str]] = {
    "string_type": _quoted,
    "int_type": lambda value, _: f"is {shown(value)}: give a whole number such as 4",
    "bool_type": lambda value, _: f"is {shown(value)}: write true or false",
    "list_type": lambda value, _: f"is {shown(value)}: give a list such as [a, b]",
    "dict_type": _mapping,
    "model_type": _mapping,
    "enum": _unknown_type,
    "literal_error": lambda value, details: (
        f"{shown(value)} is not supported yet: use {details['expected'].strip(chr(39))}"
    ),
    "string_pattern_mismatch": lambda value, details: f"{shown(value)} is not a name: {WORDS[details['pattern']]}",
    "greater_than_equal": lambda value, details: f"is {shown(value)}: it must be at least {details['ge']}",
    "less_than_equal": lambda value, details: f"is {shown(value)}: it must be at most {details['le']}",
    "string_too_short": lambda _, __: "is empty: give text or leave it out",
    "string_too_long": lambda _, details: f"is longer than {details['max_length']} characters: shorten it",
    "too_short": lambda _, __: "is empty: give at least one, or leave it out",
    "too_long": lambda _, details: f"has more than {details['max_length']} entries: remove some",
}
