"""Schemas of bodies, made of the handlers' own models, and of answers, in the dialect of OpenAPI 3.0."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from bridge.domain.identity import RUN_ID

#: JSON Schema's keywords that OpenAPI 3.0 takes as they are, besides those that `adapted` changes.
_KEPT = frozenset(
    {"type", "format", "default", "description", "enum", "pattern", "required", "minimum", "maximum", "minLength"}
) | {"maxLength", "minItems", "maxItems"}

TEXT: Mapping[str, Any] = {"type": "string"}
NUMBER: Mapping[str, Any] = {"type": "integer"}
MAYBE_TEXT: Mapping[str, Any] = {"type": "string", "nullable": True}
ANYTHING: Mapping[str, Any] = {}
MAYBE_OBJECT: Mapping[str, Any] = {"type": "object", "nullable": True}


def adapted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of pydantic's without what OpenAPI 3.0 does not know. Raises: ValueError for what it has no word for."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if choices:
        if len(choices) > 1:
            raise ValueError(f"no word for {schema}")
        only = {**adapted(choices[0]), "nullable": True}
        return only | ({"default": schema["default"]} if schema.get("default") is not None else {})
    found = {name: value for name, value in schema.items() if name in _KEPT}
    if "properties" in schema:
        found["properties"] = {name: adapted(inner) for name, inner in schema["properties"].items()}
    for name in ("items", "additionalProperties"):
        if name in schema:
            found[name] = adapted(schema[name]) if isinstance(schema[name], Mapping) else schema[name]
    unknown = set(schema) - set(found) - {"anyOf", "title", "properties"}
    if unknown:
        raise ValueError(f"no word for {sorted(unknown)}")
    return found


def of_model(model: type[BaseModel]) -> dict[str, Any]:
    """A body's schema. A definition that is used by name is put in its place."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    schema.pop("description", None)
    return adapted(_inlined(schema, definitions))


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if reference is not None:
            inner = _inlined(definitions[str(reference).rpartition("/")[2]], definitions)
            return {name: part for name, part in inner.items() if name != "description"}
        return {name: _inlined(part, definitions) for name, part in value.items()}
    return [_inlined(part, definitions) for part in value] if isinstance(value, list) else value


def an_object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An answer may gain fields: a client that refuses what it does not know would break."""
    return {"type": "object", "required": sorted(required), "properties": {**required, **(optional or {})}}


def a_list(items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


_VIOLATION = an_object({"code": TEXT, "message": TEXT, "field": MAYBE_TEXT})
_ROW = a_list(ANYTHING, minItems=1, description="Its number, then the function's arguments or its value.")
_PAGE = {"limit": NUMBER, "offset": NUMBER}
_ROW_OF_RUNS = an_object(
    {"run_id": TEXT, "status": TEXT},
    {
        **dict.fromkeys(
            ("pipeline", "fingerprint", "job_name", "workspace", "studio_url", "correlation_id"), MAYBE_TEXT
        ),
        **dict.fromkeys(("started_at", "ended_at", "error_code", "error_message", "rerun_of"), MAYBE_TEXT),
        **dict.fromkeys(("inputs", "outputs"), MAYBE_OBJECT),
    },
)
_DEAD_LETTER = an_object(
    {"dead_letter_id": TEXT, "queue": TEXT, "body": MAYBE_TEXT, "reason": MAYBE_TEXT, "occurred_at": TEXT},
    {"run_id": MAYBE_TEXT, "description": MAYBE_TEXT, "message_id": MAYBE_TEXT, "body_characters": NUMBER},
)

RUN_ID_SCHEMA: Mapping[str, Any] = {"type": "string", "pattern": f"^{RUN_ID.pattern}$"}
#: The schemas that answers refer to by name.
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "Problem": {
        "description": "RFC 9457. `code` and `errors` are for programs, `detail` is for people.",
        **an_object(
            {"type": TEXT, "title": TEXT, "status": NUMBER, "detail": TEXT},
            {"correlation_id": TEXT, "code": TEXT, "errors": a_list(_VIOLATION), "idempotency_key": TEXT}
            | {"run_id": TEXT, "trace_id": TEXT},
        ),
    },
    "Rows": {
        "description": "Snowflake's wire format of external functions.",
        **an_object({"data": a_list(_ROW)}),
    },
    "Waiting": an_object({"status": {"type": "string", "enum": ["WAITING"]}}),
    "AcceptedRun": an_object(
        {"status": {"type": "string", "enum": ["ACCEPTED"]}, "run_id": RUN_ID_SCHEMA, "pipeline": TEXT}
        | {"fingerprint": TEXT, "idempotency_key": TEXT, "trace_id": TEXT},
        {"rerun_of": RUN_ID_SCHEMA},
    ),
    "DryRun": an_object({"dry_run": {"type": "boolean"}, "would_submit": {"type": "object"}}),
    "Run": _ROW_OF_RUNS,
    "Runs": an_object({"runs": a_list({"$ref": "#/components/schemas/Run"}), **_PAGE}),
    "CancelRequested": an_object({"status": TEXT, "run_id": RUN_ID_SCHEMA, "correlation_id": TEXT}),
    "DeadLetter": _DEAD_LETTER,
    "DeadLetters": an_object({"dead_letters": a_list({"$ref": "#/components/schemas/DeadLetter"}), **_PAGE}),
    "Replayed": an_object(
        {"status": TEXT, "dead_letter_id": TEXT, "queue": TEXT, "run_id": MAYBE_TEXT, "correlation_id": TEXT},
        {"attempt": {"type": "integer", "nullable": True}},
    ),
    "Published": an_object({"status": TEXT, "event_id": TEXT, "topic": TEXT}),
    "Sent": an_object({"status": TEXT, "message_id": TEXT, "queue": TEXT}),
    "Pipelines": a_list(an_object({"name": TEXT, "description": TEXT, "inputs_schema": {"type": "object"}})),
    "Health": an_object({"status": TEXT, "version": TEXT}),
    "Document": an_object({"openapi": TEXT, "info": {"type": "object"}, "paths": {"type": "object"}}),
}
#: The request of an external function; a number of arguments that does not fit is told of its row.
BATCH: Mapping[str, Any] = an_object({"data": a_list(_ROW)})
