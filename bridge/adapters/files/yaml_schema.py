"""JSON Schemas of the files that a user edits, for editors; made from the models, so they cannot drift."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class _EditorSchema(GenerateJsonSchema):
    """No null, which the files do not take, and no titles, which only repeat the keys."""

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


def editor_schema(model: type[BaseModel]) -> str:
    """The text to publish, byte by byte."""
    schema = model.model_json_schema(schema_generator=_EditorSchema)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
