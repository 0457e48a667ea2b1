"""docs/http-api.md, from the document that `GET /api/v1/openapi.json` answers with."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.handlers.openapi import examples
from bridge.handlers.openapi.document import PROBLEMS, document
from reference.codes import CODES
from reference.rendering import rendered

Schema = Mapping[str, Any]
#: Characters of an example that is shown on one line.
_WIDTH = 110


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation, as a reader wants to see it."""

    method: str
    path: str
    summary: str
    #: Name, place and form of each thing that it takes.
    parameters: tuple[tuple[str, str, str], ...]
    command: str
    #: Status, meaning and example of the good ones.
    answers: tuple[tuple[str, str, str], ...]
    problems: tuple[str, ...]
    is_batch: bool
    anchor: str
    #: Of a batch: a row's arguments and value.
    arguments: list[Any]
    value: Any


def page() -> str:
    found = document()
    routes = [
        _route(path, method, operation, found["components"])
        for path, item in found["paths"].items()
        for method, operation in item.items()
    ]
    return rendered(
        "http_api.md.j2",
        routes=[route for route in routes if not route.is_batch],
        batches=[route for route in routes if route.is_batch and route.method == "POST"],
        problems=PROBLEMS,
        problem=_example(examples.PROBLEM),
        codes=CODES,
        compact=compact,
    )


def compact(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _route(path: str, method: str, operation: Schema, components: Schema) -> Route:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    answers = {status: each for status, each in operation["responses"].items() if "content" in each}
    is_batch = "snowflake" in operation["tags"]
    return Route(
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        parameters=tuple(_parameters(operation, body, components)),
        command=_command(path, method, body.get("example"), is_open=operation.get("security") == []),
        answers=tuple(
            (status, each["description"], _example(each["content"]["application/json"]["example"]))
            for status, each in answers.items()
        ),
        problems=tuple(status for status in operation["responses"] if status not in answers),
        is_batch=is_batch,
        anchor=re.sub(r"[^\w-]", "", f"{method}-{path}"),
        arguments=body["example"]["data"][0][1:] if is_batch and body else [],
        value=operation["responses"]["200"]["content"]["application/json"]["example"]["data"][0][1]
        if is_batch
        else None,
    )


def _parameters(operation: Schema, body: Schema, components: Schema) -> Iterator[tuple[str, str, str]]:
    for each in operation["parameters"]:
        found = _resolved(each, components)
        if found["name"] != "x-correlation-id":  # told once for all
            yield found["name"], found["in"], form(found["schema"], is_needed=found["required"])
    if body:
        schema = _resolved(body["schema"], components)
        for name, inner in schema["properties"].items():
            yield name, "body", form(inner, is_needed=name in schema.get("required", []))


def _resolved(value: Schema, components: Schema) -> Schema:
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    found: Schema = components[kind][name]
    return found


def form(schema: Schema, *, is_needed: bool) -> str:
    """What a value has to be, in a few words."""
    kind = "time with offset" if schema.get("format") == "date-time" else schema.get("type", "any JSON value")
    words: list[str] = [kind]
    if "maximum" in schema:
        words.append(f"{schema['minimum']:,} to {schema['maximum']:,}")
    if "maxLength" in schema:
        words.append(f"{schema.get('minLength', 0)} to {schema['maxLength']:,} characters")
    if "pattern" in schema:
        words.append(f"as `{schema['pattern']}`")
    if schema.get("default") is not None:
        words.append(f"default `{json.dumps(schema['default'])}`")
    return ", ".join([*words, "**needed**"] if is_needed else words)


def _command(path: str, method: str, body: Any, *, is_open: bool) -> str:
    url = path.replace("{run_id}", "$RUN_ID").replace("{dead_letter_id}", "$DEAD_LETTER_ID")
    lines = [f'curl{"" if method == "get" else f" -X {method.upper()}"} "$BRIDGE_URL/api/v1{url}"']
    if not is_open:
        lines[0] += ' -H "x-functions-key: $BRIDGE_KEY"'
    if body is not None:
        lines.append(f"  -d {shlex.quote(compact(body))}")
    return " \\\n".join(lines)


def _example(value: Any) -> str:
    """On one line if that can be read."""
    line = compact(value)
    return line if len(line) <= _WIDTH else json.dumps(value, ensure_ascii=False, indent=2)
