"""The templates agree with themselves, with the app and with docs/deploy.md; `consistency.py` has the checks."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from bridge.deploy.values import Values
from bridge.domain import aml_events, event_kinds
from bridge.domain.errors import ConfigurationError
from bridge.domain.inbound import DOOR_PROPERTY
from bridge.domain.queues import Queue
from bridge.domain.signals import QUEUE_LAG
from bridge.settings.app_settings import Settings
from bridge.settings.auth_mode import AuthMode
from infra import next_steps
from infra.write_openapi import for_api_management
from tests.infra.bicep import Expression, Template
from tests.infra.bicep_types import problems as type_problems
from tests.infra.consistency import DOCUMENT, INFRA, ROOT, problems, templates, the_app
from tests.infra.published_types import NOT_LOOKED_UP, TYPES

_GUID = "00000000-0000-0000-0000-000000000000"
#: Of what Azure knows only when it deploys.
SAMPLE = {
    "AML_SUBSCRIPTION_ID": _GUID,
    "SERVICE_BUS_RESOURCE_ID": f"/subscriptions/{_GUID}/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus",
    "EXECUTE_MAX_INSTANCES": "4",
    "AUTH_MODE": "key",
    "SNOWFLAKE_AUTHENTICATOR": "WORKLOAD_IDENTITY",
}
OPTIONAL = (
    "ENTRA_",
    "ALLOWED_",
    "SNOWFLAKE_PRIVATE",
    "SNOWFLAKE_TOKEN",
    "SNOWFLAKE_CLIENT",
    "EVENT_GRID",
    "BRIDGE_EVENTS",
)


@pytest.fixture(scope="module")
def found() -> dict[str, Template]:
    return templates()


@pytest.fixture(scope="module")
def settings(found: dict[str, Template]) -> dict[str, Any]:
    values: dict[str, Any] = found["function_app.bicep"].variables["settings"]
    return values


def test_nothing_is_said_twice_in_two_ways() -> None:
    assert problems(INFRA, the_app()) == []


def test_types_properties_and_fixed_values_exist(found: dict[str, Template]) -> None:
    resources = [resource for template in found.values() for resource in template.resources]

    assert [problem for resource in resources for problem in type_problems(resource)] == []
    assert {resource.type for resource in resources} == {*TYPES, *NOT_LOOKED_UP}


@pytest.mark.parametrize("path", sorted(INFRA.glob("*.bicep")), ids=lambda path: path.name)
def test_a_template_is_short_and_says_why_it_exists(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    assert lines[0].startswith("// ")
    assert len(lines) <= 350
    assert max(map(len, lines)) <= 130


# Settings


@pytest.mark.parametrize(
    "asked_for",
    [
        {},
        {
            "AUTH_MODE": "entra",
            "ENTRA_TENANT_ID": _GUID,
            "ENTRA_AUDIENCE": _GUID,
            "ALLOWED_CLIENT_IDS": f"{_GUID},{_GUID}",
        },
        {"SNOWFLAKE_AUTHENTICATOR": "SNOWFLAKE_JWT", "SNOWFLAKE_PRIVATE_KEY": "from the vault"},
        {"SNOWFLAKE_AUTHENTICATOR": "OAUTH", "SNOWFLAKE_TOKEN": "from the vault"},
    ],
    ids=["as it is", "entra", "key pair", "oauth"],
)
def test_the_app_takes_the_settings_that_it_gets(asked_for: dict[str, str], settings: dict[str, Any]) -> None:
    unknown = {name: value for name, value in settings.items() if isinstance(value, Expression)}
    empty = {name: "" for name in unknown if name.startswith(OPTIONAL)}

    read = Settings.from_environ({**settings, **dict.fromkeys(unknown, "x"), **empty, **SAMPLE, **asked_for})

    assert read.queues == {queue: queue.value for queue in Queue}


def test_what_may_be_chosen_is_what_the_app_takes(found: dict[str, Template]) -> None:
    allowed = re.findall(r"@allowed\(\[ (.+) \]\)\n(?:@.*\n)*param (\w+)", found["main.bicep"].text)
    choices = {name: set(re.findall(r"'([^']+)'", values)) for values, name in allowed}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with pytest.raises(ConfigurationError, match="SNOWFLAKE_AUTHENTICATOR") as error:
        Settings.from_environ({**the_app().example, "SNOWFLAKE_AUTHENTICATOR": "?"})
    authenticators = set(re.findall(r"[A-Z_]+", str(error.value).partition("give one of ")[2]))

    assert choices["authMode"] == set(AuthMode) - {AuthMode.SERVICE}  # for a container
    assert choices["snowflakeAuthenticator"] == authenticators - {"SNOWFLAKE"}
    assert len(choices["pythonVersion"]) == 3
    assert all(SpecifierSet(project["requires-python"]).contains(version) for version in choices["pythonVersion"])


def test_the_pace_is_shared_by_as_many_instances_as_the_app_expects(
    found: dict[str, Template], settings: dict[str, Any]
) -> None:
    scale = found["function_app.bicep"].resource("app").body["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    parameters = found["main.bicep"].parameters
    default = parameters["executeInstances"].default

    assert scale["maximumInstanceCount"] == "maxInstances"
    assert settings["EXECUTE_MAX_INSTANCES"] == "string(executeInstances)"
    assert the_app().example["EXECUTE_MAX_INSTANCES"] == str(default)
    assert default <= parameters["maxInstances"].default


def test_threads_and_batches_are_those_of_host_json(found: dict[str, Template], settings: dict[str, Any]) -> None:
    bus = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["extensions"]["serviceBus"]
    scale = found["function_app.bicep"].resource("app").body["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    threads = int(settings["PYTHON_THREADPOOL_THREAD_COUNT"])

    assert threads == 2 * bus["maxConcurrentCalls"]
    assert scale["triggers"]["http"]["perInstanceConcurrency"] <= threads
    assert settings["AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime"] == bus["maxBatchWaitTime"]
    assert bus["maxBatchWaitTime"] == f"00:00:{settings['RECORD_WINDOW_SECONDS']}"
    assert found["alerts.bicep"].variables["waiting"]["run-events"] >= 2 * bus["maxMessageBatchSize"]


def test_no_setting_holds_a_secret(settings: dict[str, Any], found: dict[str, Template]) -> None:
    secret = found["function_app.bicep"].variables["secret"]

    assert all(value.removeprefix("'").startswith("@Microsoft.KeyVault(") for value in secret.values())
    for name in ("SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_TOKEN"):
        assert re.search(r"\? secret\.\w+ : ''$", settings[name])
    assert not [text for template in found.values() for text in template.members if "listKeys" in text]


# Events


def test_the_alert_on_late_messages_asks_for_the_metric_that_the_app_has(found: dict[str, Template]) -> None:
    assert f'Name == "{QUEUE_LAG.name}"' in found["alerts.bicep"].text


def test_each_subscription_sets_its_door(found: dict[str, Template]) -> None:
    doors = {}
    for file in ("workspace_events.bicep", "door_topic.bicep"):
        properties = found[file].resource("subscriptionOfBridge").body["properties"]
        destination = properties["deliveryWithResourceIdentity"]["destination"]["properties"]
        (mapping,) = destination["deliveryAttributeMappings"]
        assert (mapping["name"], mapping["type"]) == (DOOR_PROPERTY, "Static")
        doors[file] = mapping["properties"]["value"]

    assert doors == {"workspace_events.bicep": aml_events.WORKSPACE_DOOR, "door_topic.bicep": "door"}
    given = {
        module.body["params"]["door"] for module in found["main.bicep"].modules if module.type == "door_topic.bicep"
    }
    assert given == {"custom", "snowflake"}


def test_the_workspaces_types_are_those_that_the_app_knows(found: dict[str, Template]) -> None:
    filters = found["workspace_events.bicep"].resource("subscriptionOfBridge").body["properties"]["filter"]
    kinds = {kind for kind in event_kinds.NAMES.values() if kind.startswith(aml_events.PREFIX)}

    assert {kind.lower() for kind in filters["includedEventTypes"]} == kinds


# API Management


@pytest.mark.parametrize("name", ["policy.xml", "policy_keyless.xml"])
def test_every_placeholder_of_the_policy_is_filled_in(name: str, found: dict[str, Template]) -> None:
    text = (ROOT / "sql" / "apim" / name).read_text(encoding="utf-8")
    api = found["api_management.bicep"]
    filled = set(re.findall(r"'<% (\w+) %>'", api.text))

    assert f"../sql/apim/{name}" in api.literals
    assert set(re.findall(r"<% (\w+) %>", text)) == filled
    several = {"snowflake_app_id": "a</value><value>b", "app_id": "c</audience><audience>api://c"}
    for placeholder in filled:
        text = text.replace(f"<% {placeholder} %>", several.get(placeholder, "x"))
    policy = ElementTree.fromstring(text)  # noqa: S314 - our own file
    assert [claim.text for claim in policy.findall(".//claim[@name='appid']/value")] == ["a", "b"]
    assert [audience.text for audience in policy.findall(".//audiences/audience")] == ["c", "api://c"]


def test_the_named_value_is_the_one_that_the_policy_uses(found: dict[str, Template]) -> None:
    policy = (ROOT / "sql" / "apim" / "policy.xml").read_text(encoding="utf-8")

    assert set(re.findall(r"\{\{([\w-]+)\}\}", policy)) == {found["api_management.bicep"].variables["keyName"]}


def test_the_imported_api_has_every_address_that_snowflake_calls() -> None:
    sql = (ROOT / "sql" / "050_external_functions.sql").read_text(encoding="utf-8")
    called = set(re.findall(r"'<% api_url %>(/[\w/]+)'", sql))
    paths = for_api_management()["paths"]

    assert called
    assert all("post" in paths[address] for address in called)
    assert "get" in paths["/v1/snowflake/run_and_wait"]
    assert all(path.startswith("/v1/") for path in paths)


def test_the_imported_api_fits_into_a_template() -> None:
    """A text in a template may have 131,072 characters."""
    assert len(json.dumps(for_api_management())) < 131_072


# azd


def test_a_role_is_given_at_the_narrowest_scope(found: dict[str, Template]) -> None:
    """SECURITY.md, "Least privilege": none on a resource group, receiving and sending on single queues."""
    given = {
        (name, each.symbol): str(each.body.get("scope", "the resource group"))
        for name, template in found.items()
        for each in template.resources
        if each.type.startswith("Microsoft.Authorization/roleAssignments@")
    }

    assert given == {
        ("api_management.bicep", "mayRead"): "functionKey",
        ("bridge_events.bicep", "mayPublish"): "topic",
        ("door_topic.bicep", "mayPublish"): "topic",
        ("event_roles.bicep", "mayKeep"): "container",
        ("event_roles.bicep", "maySend"): "queue",
        ("key_vault.bicep", "mayRead"): "vault",
        ("key_vault.bicep", "mayWrite"): "vault",
        ("roles.bicep", "mayCount"): "namespace",
        ("roles.bicep", "mayHost"): "storage",
        ("roles.bicep", "mayReceive"): "queue[i]",
        ("roles.bicep", "maySend"): "queue[i]",
        ("roles.bicep", "mayTell"): "insights",
        ("roles.bicep", "othersMaySend"): "commands",
        ("workspace_role.bicep", "maySubmit"): "workspace",
    }


def test_an_identity_that_is_made_anew_gets_assignments_of_its_own(found: dict[str, Template]) -> None:
    """Azure changes nobody's assignment into that of another (RoleAssignmentUpdateNotPermitted)."""
    given = {
        (name, each.symbol): (str(each.body["name"]), str(each.body["properties"]["principalId"]))
        for name, template in found.items()
        for each in template.resources
        if each.type.startswith("Microsoft.Authorization/roleAssignments@")
    }

    assert given
    assert {
        where: name for where, (name, principal) in given.items() if principal not in re.split(r"[(), ]+", name)[1:]
    } == {}


def test_secrets_are_read_by_the_names_under_which_the_docs_put_them(found: dict[str, Template]) -> None:
    said = DOCUMENT.read_text(encoding="utf-8")
    read = re.findall(r"SecretName=([\w-]+)\)", found["function_app.bicep"].text)
    read.append(found["api_management.bicep"].variables["keyName"])

    assert len(read) == 3
    assert (
        found["service_bus.bicep"].resource("sendKey").body["name"]
        == Values.model_fields["service_bus_key_name"].default
    )
    assert [name for name in read if f"secret `{name}`" not in said and f"read `{name}`" not in said] == []


def test_who_counts_messages_may_do_what_the_docs_say_and_no_more(found: dict[str, Template]) -> None:
    (permission,) = found["roles.bicep"].resource("queueReader").body["properties"]["permissions"]
    said = re.search(r"\*Bridge Queue Reader\* on the namespace \(`(.+?)`\)", DOCUMENT.read_text(encoding="utf-8"))

    assert said is not None
    assert permission == {"actions": ["Microsoft.ServiceBus/namespaces/read", said[1]]}


def test_the_next_steps_ask_for_outputs_that_exist(found: dict[str, Template]) -> None:
    outputs = set(found["main.bicep"].outputs)

    assert {*next_steps.NEEDED, *next_steps.FILLED_IN.values()} <= outputs


def test_azd_finds_the_app_the_templates_and_the_hooks(found: dict[str, Template]) -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    (service,) = project["services"]
    modules = {name: re.findall(r"-m (\S+)", hook["posix"]["run"]) for name, hook in project["hooks"].items()}

    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").is_file()
    assert f"'azd-service-name': '{service}'" in found["function_app.bicep"].text
    assert modules == {
        # Nothing else runs after a parameter that cannot be used.
        "preprovision": ["infra.check_parameters", "infra.write_openapi"],
        "postprovision": ["infra.next_steps"],
    }
    assert " && " in project["hooks"]["preprovision"]["posix"]["run"]
    assert all(importlib.util.find_spec(name) for names in modules.values() for name in names)


def test_what_is_to_be_copied_stays_on_the_screen() -> None:
    hooks = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))["hooks"]

    assert [hook["posix"]["interactive"] for hook in hooks.values()] == [True, True]


def test_what_the_docs_say_of_parameters_is_what_there_is() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    section = text.partition("### Parameters")[2].partition("\n### ")[0]
    names = {
        re.sub(r"[${}]|=.*", "", entry["value"]) if isinstance(entry["value"], str) else name
        for name, entry in given.items()
    }
    by_azd = {name for name in names if name.startswith("AZURE_")}

    assert {name for name in names - by_azd if f"`{name}`" not in section} == set()


def test_names_set_in_the_docs_are_parameters() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    given = (INFRA / "main.parameters.json").read_text(encoding="utf-8")

    assert {name for name in re.findall(r"azd env set (\w+)", text) if not re.search(rf"\$\{{{name}[=}}]", given)} == {
        "NAME"
    }


# Policies


def test_each_exception_of_checkov_is_there_once_and_has_a_reason() -> None:
    lines = (INFRA / "checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [
        re.fullmatch(r"  - (CKV_AZURE_\d+) +# (\S.{10,})", line) for line in lines if "CKV" in line.partition("#")[0]
    ]

    assert skipped
    assert all(skipped)
    names = [match[1] for match in skipped if match]
    assert len(names) == len(set(names))
