"""Reads an event by paths such as `data.ModelTags.stage`, and fills texts from it.

Keys are compared without regard to case at every level: documentation and captures of Azure ML's events disagree.
"""

import json
import string
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from bridge.domain.aml_events import workspace_of
from bridge.domain.inputs import shown
from bridge.domain.records import AmlEvent

#: What a path may begin with; `data` and `tags` go on, the others are whole.
ROOTS = ("id", "type", "subject", "time", "date", "door", "workspace", "data", "tags")
#: Where events keep tags, in lower case: those of a run, a model, a deployment, and of the bridge's own events.
_TAG_FIELDS = ("runtags", "modeltags", "servicetags", "tags")
ABSENT = object()


class MissingField(LookupError):
    """The event does not have what a rule wants of it."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"the event has no {path}")


class _Template(string.Template):
    """`${path}`; a dollar sign alone is text only as `$$`."""

    idpattern = "(?!)"  # no references without braces
    braceidpattern = r"[A-Za-z_][^{}]*"


def path_problem(path: str) -> str | None:
    """Why a path can never lead anywhere, with what would be right; None when it can."""
    root, _, rest = path.partition(".")
    if root.lower() not in ROOTS:
        return f"begins with {shown(root)}: begin with one of {', '.join(ROOTS)}, as in data.ModelName"
    if (root.lower() in {"data", "tags"}) != bool(rest):
        return f"is incomplete: name a field, as in {root}.name" if not rest else f"{root} has no fields: write {root}"
    return None


def field(event: AmlEvent, path: str) -> Any:
    """What stands at the path; ABSENT when nothing does, or null."""
    root, _, rest = path.partition(".")
    whole = _whole(event, root.lower())
    return _inside(whole, rest.lower().split(".")) if rest else whole


def event_tags(event: AmlEvent) -> dict[str, str]:
    """All tags that the event carries, by lower-case name."""
    found = (_inside(event.data, [name]) for name in _TAG_FIELDS)
    return {
        str(name).lower(): str(value)
        for tags in found
        if isinstance(tags, Mapping)
        for name, value in tags.items()
        if value is not None
    }


def text_problem(text: str) -> str | None:
    """Why a text with references cannot be filled, whatever the event; None when it can."""
    template = _Template(text)
    if not template.is_valid():
        return "has a $ that begins no reference: write ${data.ModelName}, or $$ for the sign itself"
    return next(
        (f"${{{path}}} {problem}" for path in template.get_identifiers() if (problem := path_problem(path))), None
    )


def references(text: str) -> tuple[str, ...]:
    """The paths that a text takes from the event, each once."""
    return tuple(_Template(text).get_identifiers())


def is_reference(text: str) -> bool:
    """Whether a text is one reference and nothing else: it keeps the type of what stands there."""
    paths = references(text)
    return len(paths) == 1 and text == f"${{{paths[0]}}}"


def filled(value: Any, event: AmlEvent, absent: str | None = None) -> Any:
    """The value with every `${path}` in its texts replaced; a text that is one reference becomes what stands there.

    `absent`: what stands for a field that is not there.
    Raises: MissingField, unless something stands for it.
    """
    if isinstance(value, Mapping):
        return {name: filled(item, event, absent) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [filled(item, event, absent) for item in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    found = {path: _required(event, path, absent) for path in references(value)}
    if is_reference(value):
        return next(iter(found.values()))
    return _Template(value).substitute({path: shown_in_text(item) for path, item in found.items()})


def shown_in_text(value: Any) -> str:
    """A value of an event within a text: as it is written in JSON, a text without its quotes."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | Mapping | Sequence):
        return json.dumps(value, default=float, ensure_ascii=False)
    return str(value)


def _required(event: AmlEvent, path: str, absent: str | None) -> Any:
    value = field(event, path)
    if value is ABSENT and absent is None:
        raise MissingField(path)
    return absent if value is ABSENT else value


def _whole(event: AmlEvent, root: str) -> Any:
    time = event.event_time.astimezone(UTC) if event.event_time else None
    wholes: dict[str, Any] = {
        "id": event.id,
        "type": event.event_type,
        "subject": event.subject,
        "time": time.isoformat() if time else None,
        "date": time.date().isoformat() if time else None,
        "door": event.door,
        "workspace": workspace_of(event.topic) or None,
        "data": event.data,
        "tags": event_tags(event),
    }
    value = wholes.get(root)
    return ABSENT if value is None else value


def _inside(value: Any, parts: list[str]) -> Any:
    """Names may have dots themselves, as `azureml.runsource` has: the longest name that fits is taken."""
    if not parts:
        return ABSENT if value is None else value
    if not isinstance(value, Mapping):
        return ABSENT
    folded = {str(name).lower(): item for name, item in value.items()}
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in folded and (found := _inside(folded[name], parts[length:])) is not ABSENT:
            return found
    return ABSENT
