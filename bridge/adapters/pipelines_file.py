"""Reads pipelines.yaml: a file with nothing wrong becomes the catalogue, any other a list of all that is wrong."""

from pathlib import Path

from pydantic import ValidationError

from bridge.adapters.pipelines_model import FileEntry
from bridge.adapters.pipelines_problems import problems
from bridge.adapters.pipelines_yaml import Problem, UnreadableError, read_document
from bridge.domain.errors import ConfigurationError
from bridge.domain.pipelines import Catalogue

MAX_FILE_BYTES = 1_000_000


def load_catalogue(path: Path, *, workspaces: frozenset[str] | None) -> Catalogue:
    """The pipelines of the file; `workspaces` are those that a pipeline may name, None allows every name.

    Raises: ConfigurationError with every problem as "pipelines.yaml:12: place: what is wrong and what would be right".
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError([f"{path}: cannot be read, {reason}: PIPELINES_FILE names the file"]) from error
    return parse_catalogue(content, path.name, workspaces=workspaces)


def parse_catalogue(content: bytes, name: str, *, workspaces: frozenset[str] | None) -> Catalogue:
    """The pipelines of a file's content; `name` is what problems call the file.

    Raises: ConfigurationError.
    """
    try:
        document = read_document(_text(content))
    except UnreadableError as error:
        raise ConfigurationError([error.problem.shown(name)]) from error
    found = list(document.problems)
    entry = None
    if document.data is None:
        found.append(Problem(1, (), "is empty: begin with version: 1 and pipelines:"))
    else:
        try:
            entry = FileEntry.model_validate(document.data, context=workspaces)
        except ValidationError as error:
            found += problems(error, document)
    if found or entry is None:
        found.sort(key=lambda problem: problem.line)
        raise ConfigurationError([problem.shown(name) for problem in found])
    return Catalogue(pipeline.pipeline(key) for key, pipeline in entry.pipelines.items())


def _text(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableError(1, f"is larger than {MAX_FILE_BYTES} bytes: split it, one app for each part")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(line, f"is not UTF-8 at byte {error.start}: save it as UTF-8") from error
