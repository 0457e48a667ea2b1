"""YAML as plain data that knows its lines, read so that nothing in the text can surprise.

YAML's own surprises are left out: `no` is text (not false), `1:30` and `010` are text (not numbers), 2026-11-01 is text
(not a date object), 0.1 is exact, a key given twice is a problem. There are no tags, hence no objects. The parser is
read event by event, because composing a document of half a million brackets takes libyaml minutes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

#: Keys and list positions from the top of the document.
Path = tuple[str | int, ...]

MAX_DEPTH = 20
MAX_ALIASES = 100
#: Values in the document, those behind an alias counted each time.
MAX_VALUES = 200_000

#: Characters of a key or a tag that a problem repeats: there may be a problem for each of a hundred thousand values.
NAME_LIMIT = 100

_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d{0,999})", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(\.\d{1,999}|(0|[1-9]\d{0,999})(\.\d{0,999})?)([eE][-+]?\d{1,4})?", re.ASCII)
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


@dataclass(frozen=True)
class Problem:
    """Something to mend in the file."""

    line: int
    path: Path
    text: str

    def shown(self, file: str) -> str:
        """`pipelines.yaml:12: pipelines.churn.inputs.rows.type: what is wrong and what would be right`."""
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key[:NAME_LIMIT]}" for key in self.path).lstrip(".")
        return f"{file}:{self.line}: {where}: {self.text}" if where else f"{file}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Document:
    """Text, int, Decimal, bool, list and dict; what had a problem is left out where it cannot be read."""

    data: Any
    lines: Mapping[Path, int]
    problems: tuple[Problem, ...]

    def line(self, path: Path) -> int:
        """Of this place, or of the nearest one around it that is in the text."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class UnreadableError(Exception):
    """The text cannot be read past this problem."""

    def __init__(self, line: int, text: str, path: Path = ()) -> None:
        self.problem = Problem(line, path, text)
        super().__init__(text)


def read_document(text: str) -> Document:
    """The one document in the text.

    Raises: UnreadableError.
    """
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise UnreadableError(line, f"has the control character U+{ord(found[0]):04X}: remove it")
    events = yaml.parse(text, Loader=_LOADER)
    try:
        return _Reader(events).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text) from error
    except yaml.YAMLError as error:
        raise UnreadableError(1, f"is not YAML: {error}") from error


def _syntax_error(error: yaml.MarkedYAMLError, text: str) -> UnreadableError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    parts = [f"is not YAML at column {column}: {error.problem or error.context}"]
    if error.problem and error.context and error.context_mark and error.context_mark.line + 1 != line:
        parts.append(f" {error.context} that starts on line {error.context_mark.line + 1}")
    rows = text.split("\n")
    if line <= len(rows) and "\t" in rows[line - 1]:
        parts.append("; the line has a tab: indent with spaces")
    return UnreadableError(line, "".join(parts))


@dataclass
class _Reader:
    """Builds the data from parser events."""

    events: Iterator[Any]
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    #: What an anchor names, and how many values that is.
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    aliases: int = 0
    values: int = 0

    def document(self) -> Document:
        data = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if event.tags:  # each use would repeat the whole prefix, which may be half of the file
                    raise UnreadableError(_line(event), "tags have no meaning here: remove the directive %TAG")
                if self.values:
                    raise UnreadableError(_line(event), "a second document starts here: keep one")
                data = self.value(next(self.events), ())
        return Document(data, self.lines, tuple(self.problems))

    def value(self, event: Any, path: Path) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            raise UnreadableError(_line(event), f"has more than {MAX_VALUES} values", path)
        if isinstance(event, yaml.AliasEvent):
            return self.aliased(event, path)
        if event.tag:
            self.problems.append(
                Problem(_line(event), path, f"tags such as {event.tag[:NAME_LIMIT]} have no meaning: remove it")
            )
        before = self.values
        if isinstance(event, yaml.ScalarEvent):
            # Quoted text is text, whatever it looks like.
            value = _plain(event.value) if event.implicit[0] else event.value
        elif len(path) >= MAX_DEPTH:
            raise UnreadableError(_line(event), f"is nested more than {MAX_DEPTH} deep", path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(path)
        else:
            value = self.mapping(path)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.values - before)
        return value

    def aliased(self, event: Any, path: Path) -> Any:
        self.aliases += 1
        if event.anchor not in self.anchors:
            fix = "anchors are written before their aliases"
            raise UnreadableError(_line(event), f"there is no anchor &{event.anchor}: {fix}", path)
        if self.aliases > MAX_ALIASES:
            raise UnreadableError(_line(event), f"has more than {MAX_ALIASES} aliases: write the values out", path)
        value, size = self.anchors[event.anchor]
        self.values += size
        return value

    def sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            place = (*path, len(items))
            self.lines[place] = _line(event)
            value = self.value(event, place)
            if self.is_given(value, place):
                items.append(value)
        return items

    def mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise UnreadableError(_line(event), "a key must be text", path)
            key, place = event.value, (*path, event.value)
            is_repeated = place in self.lines
            if is_repeated:
                text = f"is given twice, first on line {self.lines[place]}: keep one"
                self.problems.append(Problem(_line(event), place, text))
                place = (*place, "(again)")
            self.lines[place] = _line(event)
            value = self.value(next(self.events), place)
            if key == "<<":
                merged = merged if is_repeated else self.mergeable(value, place)
            elif key not in found and self.is_given(value, place):
                found[key] = value
        return {**merged, **found}

    def is_given(self, value: Any, place: Path) -> bool:
        if value is None:
            self.problems.append(Problem(self.lines[place], place, "has no value: give one or leave it out"))
        return value is not None

    def mergeable(self, value: Any, place: Path) -> dict[str, Any]:
        """The mappings behind `<<`; of several, the first that has a key counts."""
        mappings = value if isinstance(value, list) else [value]
        if not all(isinstance(mapping, dict) for mapping in mappings):
            self.problems.append(Problem(self.lines[place], place, "merges mappings only, such as <<: *name"))
            return {}
        return {key: item for mapping in reversed(mappings) for key, item in mapping.items()}


def _plain(text: str) -> Any:
    """What unquoted text stands for."""
    if text in _NULLS:
        return None
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
