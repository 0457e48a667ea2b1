"""The JSON Schema of rules.yaml, which editors use while one types."""

from pathlib import Path

from bridge.adapters.files.rules_model import FileEntry
from bridge.adapters.files.yaml_schema import editor_schema

SCHEMA_FILE = Path(__file__).parents[2] / "payloads" / "schemas" / "rules.schema.json"


def schema_text() -> str:
    """The published file, byte by byte."""
    return editor_schema(FileEntry)


def publish_schema() -> None:
    """Write the published file anew after the models have changed."""
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
