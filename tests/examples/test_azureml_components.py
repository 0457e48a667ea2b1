"""The example's components, as azure-ai-ml reads and registers them, without an account."""

import argparse
import importlib.util
import re
import shlex
import warnings
from typing import Any

import pytest
import yaml

from tests.examples.conftest import CHURN, EXAMPLE

FILES = ("component.yaml", "write_predictions.yaml", "pipeline.yaml")
CHURN_FILES = tuple(sorted(path.name for path in CHURN.glob("*.yaml") if path.name != "conda.yaml"))


@pytest.fixture(scope="module")
def components() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from azure.ai.ml import load_component

        found = {name: load_component(EXAMPLE / name) for name in FILES}
        return found | {name: load_component(CHURN / name) for name in CHURN_FILES}


@pytest.mark.parametrize("name", [*FILES, *CHURN_FILES])
def test_a_component_is_valid(components: dict[str, Any], name: str) -> None:
    result = components[name]._validate()

    assert result.passed, result.error_messages
    assert components[name]._to_rest_object().properties.component_spec["name"] == components[name].name


@pytest.mark.parametrize("name", FILES[:2])
def test_no_step_is_answered_from_an_earlier_run(components: dict[str, Any], name: str) -> None:
    assert components[name]._is_deterministic is False


def arguments_of(command: str, optional: bool) -> list[str]:
    """The words of a command as a shell sees them once Azure ML has filled it in."""
    shown = re.sub(r"\$\[\[(.*?)\]\]", r"\1" if optional else "", command)
    filled = re.sub(r"\$\{\{inputs\.rows_per_file\}\}", "5", shown)
    return shlex.split(re.sub(r"\$\{\{\w+\.(\w+)\}\}", r"SELECT $1, \1; `x` \\", filled))[1:]


@pytest.mark.parametrize(("name", "optional"), [("component.yaml", True), ("component.yaml", False), (FILES[1], True)])
def test_the_command_fits_the_script_and_quotes_what_it_is_given(
    components: dict[str, Any], name: str, optional: bool
) -> None:
    script, *words = arguments_of(components[name].command, optional)
    spec = importlib.util.spec_from_file_location("step", EXAMPLE / script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    given: argparse.Namespace = module._arguments(words)

    inputs = {*components[name].inputs} if optional else {"source", "account"}
    for found in inputs - {"rows_per_file"}:
        assert str(getattr(given, found)) == f"SELECT $1, {found}; `x` \\"


def test_the_pipeline_reads_as_the_computes_identity_and_writes_where_load_outputs_looks(
    components: dict[str, Any],
) -> None:
    jobs = components["pipeline.yaml"]._to_rest_object().properties.component_spec["jobs"]

    assert {job["identity"]["identity_type"] for job in jobs.values()} == {"Managed"}
    assert jobs["write"]["outputs"]["exchange"]["uri"] == "azureml://datastores/exchange/paths/aml/out/"
    assert jobs["write"]["inputs"]["predictions"]["value"] == "${{parent.jobs.read.outputs.data}}"


def test_no_input_is_a_secret() -> None:
    for name in FILES:
        inputs = yaml.safe_load((EXAMPLE / name).read_text())["inputs"]
        assert not {found for found in inputs if re.search("password|token|private_key|pem", found)}
