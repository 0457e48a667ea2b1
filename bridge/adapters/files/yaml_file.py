"""Reads a file that a user edits, up to what its models say of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from bridge.adapters.files.yaml_document import Document, Problem, UnreadableError, read_document
from bridge.domain.errors import ConfigurationError

MAX_FILE_BYTES = 1_000_000

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Reading(Generic[Model]):
    """A file as far as it could be read."""

    document: Document
    #: None when there are problems.
    entry: Model | None
    problems: tuple[Problem, ...]


def content_of(path: Path, setting: str) -> bytes:
    """At most one byte more than a file may have; `setting` names the file.

    Raises: ConfigurationError.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError([f"{path}: cannot be read, {reason}: {setting} names the file"]) from error


def read_entry(
    content: bytes,
    name: str,
    model: type[Model],
    *,
    problems: Callable[[ValidationError, Document], Iterable[Problem]],
    beginning: str,
    context: Any = None,
) -> Reading[Model]:
    """What the model makes of a file's content; `beginning` is what an empty file should begin with.

    Raises: ConfigurationError when the content cannot be read at all.
    """
    try:
        document = read_document(_text(content))
    except UnreadableError as error:
        raise ConfigurationError([error.problem.shown(name)]) from error
    if document.data is None:
        empty = Problem(1, (), f"is empty: begin with {beginning}")
        return Reading(document=document, entry=None, problems=(*document.problems, empty))
    try:
        entry = model.model_validate(document.data, context=context)
    except ValidationError as error:
        return Reading(document=document, entry=None, problems=(*document.problems, *problems(error, document)))
    return Reading(document=document, entry=entry, problems=document.problems)


def all_shown(problems: Iterable[Problem], name: str) -> list[str]:
    """In the order of their lines, each as `pipelines.yaml:12: place: what is wrong and what would be right`."""
    return [problem.shown(name) for problem in sorted(problems, key=lambda problem: problem.line)]


def _text(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableError(1, f"is larger than {MAX_FILE_BYTES} bytes: split it, one app for each part")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(line, f"is not UTF-8 at byte {error.start}: save it as UTF-8") from error
