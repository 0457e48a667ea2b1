"""The JSON Schemas of the queue bodies, for whoever posts to the queues; made from the models, so they cannot drift."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from bridge.domain.queues import Queue
from bridge.payloads.commands import SubmitRunBody
from bridge.payloads.control import ControlBody
from bridge.payloads.records import RecordsBody

SCHEMAS = Path(__file__).with_name("schemas")
_BODIES: dict[Queue, TypeAdapter[Any]] = {
    Queue.RUN_COMMANDS: TypeAdapter(SubmitRunBody),
    Queue.RUN_CONTROL: TypeAdapter(ControlBody),
    Queue.RUN_EVENTS: TypeAdapter(RecordsBody),
}


class _WithoutTitles(GenerateJsonSchema):
    """Titles of fields would only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - overrides
        return False


def schema_texts() -> dict[Path, str]:
    """The published files, byte by byte."""
    return {SCHEMAS / f"{queue}.schema.json": _schema_text(queue) for queue in _BODIES}


def publish_schemas() -> None:
    """Write the published files anew after the models have changed."""
    for path, text in schema_texts().items():
        path.write_text(text, encoding="utf-8")


def _schema_text(queue: Queue) -> str:
    schema = _BODIES[queue].json_schema(schema_generator=_WithoutTitles)
    schema.pop("title", None)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Body of a message on {queue}"}
    return json.dumps({**head, **schema}, indent=2) + "\n"
