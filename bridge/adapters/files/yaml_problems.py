"""What the models found in a file, in words that say what would be right, at the line where it stands."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from bridge.adapters.files.yaml_document import Document, Path, Problem
from bridge.adapters.files.yaml_fields import FINDINGS, WORDS
from bridge.domain.inputs import closest, shown

_Details = Mapping[str, Any]
Saying = Callable[[object, _Details], str]


@dataclass(frozen=True, kw_only=True)
class Form:
    """What messages about a kind of file need to know of it."""

    #: The model that the last part of a place is a key of.
    model: Callable[[Path], type[BaseModel]]
    #: Where an unknown key belongs, if it is one of another mapping.
    home: Callable[[Path], str | None]
    #: Words for the file's own patterns of names.
    words: Mapping[str, str] = field(default_factory=dict)
    #: By pydantic's error type, where the file has more to say than others.
    sayings: Mapping[str, Saying] = field(default_factory=dict)


def problems(error: ValidationError, document: Document, form: Form) -> Iterator[Problem]:
    """One problem for each thing to mend."""
    without_value = {problem.path for problem in document.problems}
    for item in error.errors(include_url=False):
        place = place_of(item)
        if item["type"] == "missing" and place in without_value:
            continue
        for inner, text in _texts(item, place, form):
            path = (*place, *inner)
            yield Problem(document.line(path), path, text)


def place_of(item: Any) -> Path:
    """Where pydantic found an error, as keys of the document."""
    return tuple(part for part in item["loc"] if part != "[key]")


def keys(model: type[BaseModel]) -> list[str]:
    """As the file spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _texts(item: Any, place: Path, form: Form) -> Iterable[tuple[Path, str]]:
    context: _Details = item.get("ctx", {})
    if item["type"] == FINDINGS:
        return context[FINDINGS]  # type: ignore[no-any-return]
    if item["type"] == "value_error":
        return [((), str(context["error"]))]
    if item["type"] == "missing":
        described = form.model(place).model_fields[str(place[-1])].description
        return [((), f"is missing: add it ({described})")]
    if item["type"] == "extra_forbidden":
        return [((), _unknown_key(place, form))]
    if item["type"] == "string_pattern_mismatch":
        words = WORDS.get(context["pattern"]) or form.words[context["pattern"]]
        return [((), f"{shown(item['input'])} is not a name: {words}")]
    say = form.sayings.get(item["type"]) or _SAYINGS.get(item["type"])
    return [((), say(item["input"], context) if say else item["msg"])]


def _unknown_key(place: Path, form: Form) -> str:
    known = keys(form.model(place))
    near = closest(str(place[-1]), known)
    home = form.home(place)
    if near is None and home:
        return f"is not a key here: it belongs under {home}"
    return f"is not a key here: did you mean {near}?" if near else f"is not a key here: use one of {', '.join(known)}"


def _quoted(value: object, _: _Details) -> str:
    if isinstance(value, bool | int | Decimal):
        return f'is {shown(value)}: put it in quotes, "{shown(value)}"'
    return f"is {shown(value)}: give text"


def _mapping(value: object, _: _Details) -> str:
    return f"is {shown(value)}: give keys with values"


#: By pydantic's error type: what to say of the value, given the details of the error.
_SAYINGS: Mapping[str, Saying] = {
    "string_type": _quoted,
    "int_type": lambda value, _: f"is {shown(value)}: give a whole number such as 4",
    "bool_type": lambda value, _: f"is {shown(value)}: write true or false",
    "list_type": lambda value, _: f"is {shown(value)}: give a list such as [a, b]",
    "dict_type": _mapping,
    "model_type": _mapping,
    "greater_than_equal": lambda value, details: f"is {shown(value)}: it must be at least {details['ge']}",
    "less_than_equal": lambda value, details: f"is {shown(value)}: it must be at most {details['le']}",
    "string_too_short": lambda _, __: "is empty: give text or leave it out",
    "string_too_long": lambda _, details: f"is longer than {details['max_length']} characters: shorten it",
    "too_short": lambda _, __: "is empty: give at least one, or leave it out",
    "too_long": lambda _, details: f"has more than {details['max_length']} entries: remove some",
}
