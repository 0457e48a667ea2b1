"""The JSON Schemas of the queue bodies, for whoever posts to a queue."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from bridge.payloads.publish import publish_schemas, schema_texts
from tests.unit.test_payloads_poison import CANCEL, CHECK, RECORDS, SUBMIT

BY_QUEUE = {path.name.removesuffix(".schema.json"): json.loads(text) for path, text in schema_texts().items()}
GOOD = [("run-commands", SUBMIT), ("run-control", CHECK), ("run-control", CANCEL), ("run-events", RECORDS)]


@pytest.mark.parametrize("path", schema_texts(), ids=lambda path: path.name)
def test_a_published_schema_is_made_from_the_models(path: Path) -> None:
    command = 'python -c "from bridge.payloads.publish import publish_schemas; publish_schemas()"'

    assert path.read_text(encoding="utf-8") == schema_texts()[path], f"publish it anew: {command}"


def test_publishing_writes_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = schema_texts()
    monkeypatch.setattr("bridge.payloads.publish.SCHEMAS", tmp_path)

    publish_schemas()

    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
        path.name: text for path, text in published.items()
    }


@pytest.mark.parametrize("queue", BY_QUEUE)
def test_a_published_schema_is_a_schema(queue: str) -> None:
    jsonschema.Draft202012Validator.check_schema(BY_QUEUE[queue])
    assert queue in BY_QUEUE[queue]["title"]


@pytest.mark.parametrize(("queue", "body"), GOOD)
def test_a_schema_takes_what_the_reader_takes(queue: str, body: dict[str, Any]) -> None:
    jsonschema.validate(body, BY_QUEUE[queue])
    jsonschema.validate({**body, "schema_version": 1, "try": 3}, BY_QUEUE[queue])


@pytest.mark.parametrize("change", [{"colour": 1}, {"schema_version": 2}, {"try": -1}, {"try": "x"}])
@pytest.mark.parametrize(("queue", "body"), GOOD)
def test_a_schema_refuses_what_the_reader_refuses(queue: str, body: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**body, **change}, BY_QUEUE[queue])


@pytest.mark.parametrize("missing", ["op", "run_id", "workspace"])
def test_a_check_needs_its_fields(missing: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({name: value for name, value in CHECK.items() if name != missing}, BY_QUEUE["run-control"])
