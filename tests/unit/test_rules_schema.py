"""The JSON Schema that editors use for rules.yaml."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from bridge.adapters.files.rules_schema import SCHEMA_FILE, schema_text
from bridge.adapters.files.yaml_document import read_document


def errors(data: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    return [error.json_path for error in validator.iter_errors(data)]


def example() -> Any:
    return read_document((Path(__file__).parents[2] / "rules.yaml").read_text(encoding="utf-8")).data


def test_the_published_schema_is_made_from_the_models() -> None:
    command = 'python -c "from bridge.adapters.files.rules_schema import publish_schema; publish_schema()"'

    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), f"publish it anew: {command}"


def test_the_schema_is_a_schema_and_takes_the_file_of_this_repository() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))

    assert errors(example()) == []


@pytest.mark.parametrize("rules", [{}, []])
def test_the_schema_takes_a_file_without_rules(rules: Any) -> None:
    assert errors({"version": 1, "rules": rules}) == []


@pytest.mark.parametrize("condition", ["prod", 5, True, ["a", 1], {"in": ["a"]}, {"min": 0.3, "exists": True}])
def test_the_schema_takes_every_form_of_a_condition(condition: Any) -> None:
    data = example()
    data["rules"]["deploy-production-models"]["where"]["data.x"] = condition

    assert errors(data) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((), [{"on": "ModelDeployed"}]),
        (("Upper",), {"on": "ModelDeployed", "do": {"notify": {"channel": "a"}}}),
        (("retrain-on-drift", "wher"), {}),
        (("retrain-on-drift", "on"), []),
        (("retrain-on-drift", "cool_down"), "6"),
        (("retrain-on-drift", "do"), {}),
        (("retrain-on-drift", "do", "notify"), {"channel": "a"}),
        (("retrain-on-drift", "do", "submit", "inputs", "as_of"), ["a"]),
        (("deploy-production-models", "where", "tags.stage"), {}),
        (("deploy-production-models", "where", "tags.stage"), []),
        (("deploy-production-models", "where", "tags.stage"), [["a"]]),
        (("deploy-production-models", "where", "tags.stage"), {"gt": 5}),
        (("deploy-production-models", "where", "tags.stage"), {"min": "5"}),
        (("deploy-production-models", "where", "tags.stage"), None),
        (("deploy-production-models", "do", "deploy", "endpoint"), "a_b"),
        (("deploy-production-models", "do", "deploy", "traffic"), 101),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(place: tuple[str, ...], value: object) -> None:
    data = example()
    target = data
    keys = ("rules", *place)
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value

    assert len(errors(data)) == 1
