"""The JSON Schema of pipelines.yaml, which editors use while one types; made from the models, so it cannot drift."""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bridge.adapters.pipelines_model import FileEntry

SCHEMA_FILE = Path(__file__).parents[1] / "payloads" / "schemas" / "pipelines.schema.json"


class _EditorSchema(GenerateJsonSchema):
    """No null, which the file does not take, and no titles, which only repeat the keys."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return (
            self.generate_inner(schema["schema"]) if schema.get("default") is None else super().default_schema(schema)
        )

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - overrides
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        # A pattern alone would let every other name pass unchecked.
        return {**found, "additionalProperties": False} if "patternProperties" in found else found


def schema_text() -> str:
    """The published file, byte by byte."""
    schema = FileEntry.model_json_schema(schema_generator=_EditorSchema)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def publish_schema() -> None:
    """Write the published file anew after the models have changed."""
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
