"""The JSON Schema that editors use for pipelines.yaml."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from bridge.adapters.files.pipelines_schema import SCHEMA_FILE, schema_text
from bridge.adapters.files.yaml_document import read_document


def errors(data: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    return [error.json_path for error in validator.iter_errors(data)]


def example() -> Any:
    return read_document((Path(__file__).parents[2] / "pipelines.yaml").read_text(encoding="utf-8")).data


def test_the_published_schema_is_made_from_the_models() -> None:
    command = 'python -c "from bridge.adapters.files.pipelines_schema import publish_schema; publish_schema()"'

    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), f"publish it anew: {command}"


def test_the_schema_is_a_schema_and_takes_the_file_of_this_repository() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))

    assert errors(example()) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("version",), 2),
        (("pipelines", "Upper"), {"target": {"kind": "aml_pipeline", "component": "azureml:a:1"}}),
        (("pipelines", "churn-training", "experment"), "x"),
        (("pipelines", "churn-training", "timeout"), "6"),
        (("pipelines", "churn-training", "experiment"), None),
        (("pipelines", "churn-training", "target", "component"), "azureml:a"),
        (("pipelines", "churn-training", "inputs", "as_of", "type"), "dat"),
        (("pipelines", "churn-training", "inputs", "as_of", "default"), [1]),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(place: tuple[str, ...], value: object) -> None:
    data = example()
    target = data
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value

    assert len(errors(data)) == 1
