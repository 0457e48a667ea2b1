"""What docs/events.md gives for Azure, as far as it can be checked without it: Bicep, commands, Logic App, MLflow."""

import importlib.util
import json
import re
import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.domain import aml_events, event_kinds
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.inbound import DOOR_PROPERTY
from bridge.domain.rules import correlation_id, rule_chain
from bridge.domain.tags import job_tags
from bridge.payloads.event_grid import read_events
from bridge.services.bridge_events import ENDS
from tests.docs.rule_chain import EXAMPLES
from tests.docs.test_events import DOCUMENT, text_of
from tests.docs.test_readme import blocks
from tests.infra.bicep import Declaration, read
from tests.infra.consistency import INFRA

#: Flags that the CLI's documentation has for each of these commands.
FLAGS = {
    "az deployment group create": {"-g", "-f", "-p"},
    "az eventgrid system-topic create": {"-g", "-n", "-l", "--source", "--topic-type"},
    "az eventgrid system-topic event-subscription create": {
        "-g", "-n", "--system-topic-name", "--endpoint-type", "--endpoint", "--delivery-attribute-mapping",
        "--included-event-types", "--advanced-filter", "--deadletter-endpoint", "--max-delivery-attempts",
        "--event-ttl",
    },
}  # fmt: skip


def declared(file: str, symbol: str) -> Declaration:
    return read(INFRA / file).resource(symbol)


def commands() -> dict[str, dict[str, list[str]]]:
    """The az commands shown: by their words, flags with their values."""
    text = "\n".join(block.text for block in blocks(DOCUMENT, "sh")).replace("\\\n", " ")
    found: dict[str, dict[str, list[str]]] = {}
    for line in text.splitlines():
        words = shlex.split(line)
        if words[0] == "az":
            begin = next(i for i, word in enumerate(words) if word.startswith("-"))
            flags = found.setdefault(" ".join(words[:begin]), {})
            for word in words[begin:]:
                if word.startswith("-"):
                    values = flags.setdefault(word, [])
                else:
                    values.append(word)
    return found


def test_the_bicep_shown_is_that_of_the_template() -> None:
    (block,) = blocks(DOCUMENT, "bicep")
    lines = [line.strip() for line in block.text.splitlines()]

    shown = (INFRA / "workspace_events.bicep").read_text(encoding="utf-8")
    assert "\n".join(lines) in "\n".join(line.strip() for line in shown.splitlines())


def test_events_are_delivered_with_the_door_and_the_types_of_the_workspace() -> None:
    properties = declared("workspace_events.bicep", "subscriptionOfBridge").body["properties"]
    (mapping,) = properties["deliveryWithResourceIdentity"]["destination"]["properties"]["deliveryAttributeMappings"]

    assert (mapping["name"], mapping["properties"]["value"]) == (DOOR_PROPERTY, aml_events.WORKSPACE_DOOR)
    kinds = {kind for kind in event_kinds.NAMES.values() if kind.startswith(aml_events.PREFIX)}
    assert {kind.lower() for kind in properties["filter"]["includedEventTypes"]} == kinds
    (spared,) = properties["filter"]["advancedFilters"]
    assert [value.lower() for value in spared["values"]] == [event_kinds.STEP_RUN]


def test_the_topic_of_the_bridges_events_takes_cloud_events() -> None:
    properties = declared("bridge_events.bicep", "topic").body["properties"]

    assert properties["inputSchema"] == "CloudEventSchemaV1_0"


def test_the_commands_have_flags_that_exist() -> None:
    found = commands()

    assert set(found) == set(FLAGS)
    assert all(set(flags) <= FLAGS[name] for name, flags in found.items())


def test_the_command_makes_the_subscription_of_the_bicep() -> None:
    given = commands()["az eventgrid system-topic event-subscription create"]
    properties = declared("workspace_events.bicep", "subscriptionOfBridge").body["properties"]
    (spared,) = properties["filter"]["advancedFilters"]

    assert given["--included-event-types"] == properties["filter"]["includedEventTypes"]
    assert given["--advanced-filter"] == [spared["key"], spared["operatorType"], *spared["values"]]
    assert given["--delivery-attribute-mapping"] == [DOOR_PROPERTY, "static", aml_events.WORKSPACE_DOOR, "false"]
    assert given["--endpoint-type"] == ["servicebusqueue"]
    retry = properties["retryPolicy"]
    assert given["--max-delivery-attempts"] + given["--event-ttl"] == [str(value) for value in retry.values()]


def test_the_deployments_parameters_are_those_of_the_bicep() -> None:
    given = commands()["az deployment group create"]
    (file,) = given["-f"]

    parameters = read(EXAMPLES.parents[1] / file).parameters.values()
    required = {each.name for each in parameters if each.default is None}
    assert {value.partition("=")[0] for value in given["-p"]} == required


# The Logic App


@pytest.fixture
def workflow() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "mail_on_failure.json").read_text(encoding="utf-8"))
    return found


def test_the_logic_app_has_the_parts_of_a_workflow(workflow: dict[str, Any]) -> None:
    definition = workflow["definition"]

    assert definition["$schema"].endswith("/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#")
    assert set(definition) == {"$schema", "contentVersion", "parameters", "triggers", "actions", "outputs"}
    assert [trigger["type"] for trigger in definition["triggers"].values()] == ["ApiConnectionWebhook"]
    assert [action["type"] for action in definition["actions"].values()] == ["ApiConnection"]
    assert set(workflow["parameters"]) == set(definition["parameters"])


def test_the_logic_app_wants_failed_runs_only(workflow: dict[str, Any]) -> None:
    (trigger,) = workflow["definition"]["triggers"].values()
    (condition,) = trigger["conditions"]
    wanted = trigger["inputs"]["body"]["properties"]

    assert wanted["filter"] == {"includedEventTypes": [ENDS["FAILED"]]}
    assert ENDS["FAILED"] in condition["expression"]
    assert wanted["eventDeliverySchema"] == "CloudEventSchemaV1_0"


def test_the_logic_app_names_ids_by_parameters(workflow: dict[str, Any]) -> None:
    text = json.dumps(workflow)
    used = set(re.findall(r"parameters\('([^']+)'\)", text))

    assert used == set(workflow["definition"]["parameters"])
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)
    assert not re.search(r"[\w.]+@[\w.]+\.\w{2,}", text), "an address of mail"


def test_the_mail_is_made_of_fields_that_events_have(workflow: dict[str, Any]) -> None:
    (action,) = workflow["definition"]["actions"].values()
    fields = set(re.findall(r"\['data'\]\?\['(\w+)'\]", json.dumps(action)))

    assert fields == {"run_id", "pipeline", "error_message", "studio_url", "correlation_id"}
    assert all(f"`{name}`" in text_of("What may be referenced") for name in fields)


# MLflow


class Registry:
    """As much of MLflow as the example calls: runs that have tags, and models that are registered."""

    def __init__(self, tags: dict[str, str]) -> None:
        self._tags = tags
        self.models: list[tuple[str, str, dict[str, str]]] = []

    def MlflowClient(self) -> "Registry":  # noqa: N802 - MLflow's name
        return self

    def get_run(self, run_id: str) -> Any:
        tags = self._tags if run_id == "r-root" else {}
        return SimpleNamespace(data=SimpleNamespace(tags=tags))

    def register_model(self, uri: str, name: str, *, tags: dict[str, str]) -> None:
        self.models.append((uri, name, tags))


def tag_model() -> Any:
    spec = importlib.util.spec_from_file_location("tag_model", EXAMPLES / "tag_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_tagged_models_event_is_led_back_to_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_ROOT_RUN_ID", "r-root")
    origin = Origin(source="rule:retrain", principal="rule:retrain", correlation_id="drift-7", rule_chain=("retrain",))
    command = SubmitRun(
        run_id="r-root",
        pipeline="train",
        inputs={},
        fingerprint="f" * 64,
        component="azureml:churn:3",
        workspace="ws1",
        origin=origin,
        accepted_at=None,
    )
    registry = Registry(job_tags("bridge", command))

    tag_model().register(registry, "churn", "runs:/step/model", stage="prod")

    ((uri, name, tags),) = registry.models
    assert (uri, name, tags["stage"], tags["bridge_run_id"]) == ("runs:/step/model", "churn", "prod", "r-root")
    data = {"ModelName": name, "ModelVersion": "4", "ModelTags": tags}
    body = {"id": "e", "eventType": "Microsoft.MachineLearningServices.ModelRegistered", "data": data}
    (event,) = read_events(json.dumps(body), "workspace")
    assert (correlation_id(event), rule_chain(event)) == ("drift-7", ("retrain",))


def test_the_python_shown_is_that_of_the_example() -> None:
    (block,) = [block for block in blocks(DOCUMENT, "python") if "bridge_tags" in block.text]
    example = (EXAMPLES / "tag_model.py").read_text(encoding="utf-8").replace("\n\n\n", "\n\n")

    assert block.text.replace("\n\n\n", "\n\n") in example
