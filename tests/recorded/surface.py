"""What callers of the bridge lean on, read from code and scripts: no release takes any of it away."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from bridge.adapters.files import pipelines_schema, rules_schema
from bridge.domain import event_kinds
from bridge.domain.events import RunEvent
from bridge.domain.records import TABLES, ActionStatus, AmlEvent, DeadLetter, RuleAction
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.handlers.openapi.document import document
from bridge.handlers.openapi.operations import OPERATIONS
from bridge.services import bridge_events
from bridge.settings.catalogue import SETTINGS
from reference.codes import CODES

SQL = Path(__file__).parents[2] / "sql"
_ROUTINE = re.compile(
    r"^CREATE OR REPLACE (?:SECURE )?(?:EXTERNAL )?(?:FUNCTION|PROCEDURE) (\w+)\(([^)]*)\)", re.MULTILINE
)


def surface() -> dict[str, Any]:
    """By kind: what there is; nothing may go, and what is `needed` may not grow."""
    return {
        "routes": sorted(f"{each.method.upper()} {each.path}" for each in OPERATIONS),
        "answers": _answers(),
        "requests": _of_bodies("properties"),
        "needed": _of_bodies("required"),
        "codes": sorted(code.name for code in CODES),
        "statuses": sorted({*BridgeStatus, *JobStatus, *ActionStatus}),
        "settings": sorted(SETTINGS),
        "columns": {
            name: sorted(each.name for each in fields(kind))
            for name, kind in zip(TABLES, (RunEvent, AmlEvent, DeadLetter, RuleAction), strict=True)
        },
        "routines": _routines(),
        "events": sorted({*event_kinds.NAMES, *bridge_events.ENDS.values()} | _told()),
        "fields_of_pipelines_yaml": _fields(pipelines_schema.schema_text()),
        "fields_of_rules_yaml": _fields(rules_schema.schema_text()),
    }


def _answers() -> dict[str, list[str]]:
    """The fields that every answer has."""
    schemas = document()["components"]["schemas"]
    found = {name: sorted(schema["required"]) for name, schema in schemas.items() if "required" in schema}
    return {name: needed for name, needed in found.items() if name not in _bodies()}


def _of_bodies(part: str) -> dict[str, list[str]]:
    """The fields that a request's body may have, or needs."""
    schemas = document()["components"]["schemas"]
    return {name: sorted(schemas[name].get(part, [])) for name in _bodies()}


def _bodies() -> list[str]:
    return sorted({each.body.__name__ for each in OPERATIONS if isinstance(each.body, type)})


def _routines() -> list[str]:
    """Name and arguments, as SQL has them."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(SQL.glob("*.sql")))
    return sorted({f"{name}({' '.join(arguments.split())})" for name, arguments in _ROUTINE.findall(text)})


def _told() -> set[str]:
    return {value for value in vars(bridge_events).values() if isinstance(value, str) and value.startswith("Bridge.")}


def _fields(schema: str) -> list[str]:
    """Whatever a file may say, at any depth."""

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value.get("properties", {})
            for each in value.values():
                yield from walk(each)
        elif isinstance(value, list):
            for each in value:
                yield from walk(each)

    return sorted(set(walk(json.loads(schema))))
