"""Reads pipelines.yaml: a file with nothing wrong becomes the catalogue, any other a list of all that is wrong."""

from pathlib import Path

from bridge.adapters.files.pipelines_model import FileEntry
from bridge.adapters.files.pipelines_problems import problems
from bridge.adapters.files.yaml_file import all_shown, content_of, read_entry
from bridge.domain.errors import ConfigurationError
from bridge.domain.pipelines import Catalogue


def load_catalogue(path: Path, *, workspaces: frozenset[str] | None) -> Catalogue:
    """The pipelines of the file; `workspaces` are those that a pipeline may name, None allows every name.

    Raises: ConfigurationError with every problem as "pipelines.yaml:12: place: what is wrong and what would be right".
    """
    return parse_catalogue(content_of(path, "PIPELINES_FILE"), path.name, workspaces=workspaces)


def parse_catalogue(content: bytes, name: str, *, workspaces: frozenset[str] | None) -> Catalogue:
    """The pipelines of a file's content; `name` is what problems call the file.

    Raises: ConfigurationError.
    """
    beginning = "version: 1 and pipelines:"
    reading = read_entry(content, name, FileEntry, problems=problems, beginning=beginning, context=workspaces)
    if reading.problems or reading.entry is None:
        raise ConfigurationError(all_shown(reading.problems, name))
    return Catalogue(pipeline.pipeline(key) for key, pipeline in reading.entry.pipelines.items())
