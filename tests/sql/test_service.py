"""The service's specification: what Snowflake reads of it, and that the app starts with the settings that it names."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.container.application import Role
from bridge.deploy import scripts
from bridge.deploy.rendering import ROOT, Renderer
from bridge.deploy.values import Door
from bridge.domain.queues import Queue
from bridge.settings.app_settings import Settings
from bridge.settings.auth_mode import CONTAINER, HOSTING, AuthMode
from bridge.settings.catalogue import SETTINGS
from bridge.settings.function_keys import read_function_keys
from bridge.settings.secrets import secret_values
from tests.sql.every_script import ALL_VALUES, SECRETS, rendered, values_with

#: What Snowflake itself sets in every container of a service.
OF_SNOWFLAKE = {
    "SNOWFLAKE_ACCOUNT": "AB12345",
    "SNOWFLAKE_HOST": "snowflake.internal.snowflakecomputing.com",
    "SNOWFLAKE_PORT": "443",
    "SNOWFLAKE_DATABASE": "ML",
    "SNOWFLAKE_SCHEMA": "ML_BRIDGE",
    "SNOWFLAKE_SERVICE_NAME": "ML_BRIDGE_SERVICE",
}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside its own container
#: docs.snowflake.com, "Service specification reference".
KEYS = {"name", "image", "args", "env", "secrets", "readinessProbe", "resources"}


def specifications() -> list[dict[str, Any]]:
    texts = re.findall(r"FROM SPECIFICATION \$\$\n(.*?)\n\$\$", rendered()["077_service.sql"], re.DOTALL)
    return [yaml.safe_load(text) for text in texts]


def containers() -> dict[str, dict[str, Any]]:
    return {container["name"]: container for container in specifications()[0]["spec"]["containers"]}


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    file = tmp_path / "token"
    file.write_text("a token", encoding="utf-8")
    return str(file)


def environment(name: str, token_file: str) -> dict[str, str]:
    """Of one container, with a token in the place of Snowflake's."""
    container = containers()[name]
    secrets = {each["envVarName"]: "client~secret" for each in container["secrets"]}
    return {**OF_SNOWFLAKE, **container["env"], **secrets, HOSTING: CONTAINER, "SNOWFLAKE_TOKEN_FILE": token_file}


def test_what_is_made_is_what_is_changed_later() -> None:
    made, changed = specifications()

    assert made == changed


def test_only_the_http_containers_port_is_an_endpoint_and_not_a_public_one() -> None:
    (specification, _) = specifications()
    (endpoint,) = specification["spec"]["endpoints"]

    assert endpoint == {"name": "api", "port": 8080, "public": False}
    assert specification["serviceRoles"] == [{"name": "callers", "endpoints": ["api"]}]
    assert "ENDPOINT = api\n" in rendered()["078_service_functions.sql"]


@pytest.mark.parametrize(("name", "path"), [("http", "/api/v1/health"), ("worker", "/ready")])
def test_each_container_is_one_role_of_the_entry_point_and_is_asked_on_its_own_port(name: str, path: str) -> None:
    container = containers()[name]
    role, *options = container["args"]

    assert set(container) == KEYS
    assert role == name == Role(role)
    assert options == ["--host", EVERYWHERE, "--port", str(container["readinessProbe"]["port"])]
    assert container["readinessProbe"]["path"] == path
    assert container["image"] == "/ml/ml_bridge/ml_bridge_images/ml-bridge:1"
    assert all(isinstance(value, str) for value in container["env"].values())


@pytest.mark.parametrize("name", ["http", "worker"])
def test_the_settings_are_right_and_their_secret_is_masked(name: str, token_file: str) -> None:
    environ = environment(name, token_file)

    settings = Settings.from_environ(environ)

    assert settings.auth_mode is AuthMode.SERVICE
    assert read_function_keys(environ) == ()
    assert "client~secret" in set(secret_values(environ))
    assert settings.identity.credential_arguments()["client_secret"] == "client~secret"
    assert settings.snowflake.connection_arguments() == {
        "account": "AB12345",
        "host": "snowflake.internal.snowflakecomputing.com",
        "port": 443,
        "protocol": "https",
        "authenticator": "OAUTH",
        "token_file_path": token_file,
        "warehouse": "ML_BRIDGE_WH",
        "database": "ML",
        "schema": "ML_BRIDGE",
    }


@pytest.mark.parametrize("name", ["http", "worker"])
def test_a_setting_of_the_specification_is_one_of_the_app_and_names_its_queues(name: str) -> None:
    written = containers()[name]["env"]

    # That one is read by Snowflake's connector itself.
    assert set(written) - set(SETTINGS) <= {"SNOWFLAKE_DISABLE_PLATFORM_DETECTION"}
    assert written["SNOWFLAKE_TOKEN_FILE"] == "/snowflake/session/token"
    assert {queue: written[f"{queue.name}_QUEUE"] for queue in Queue} == {queue: queue.value for queue in Queue}


def test_both_containers_have_the_same_settings_but_for_the_sweep(token_file: str) -> None:
    http, worker = environment("http", token_file), environment("worker", token_file)

    assert worker == {**http, "SWEEP_SCHEDULE": "0 0 3 * * *"}


def test_the_service_reaches_azure_and_no_other_host() -> None:
    values = values_with(Door.SERVICE_FUNCTIONS, topic_host=None)
    (rule,) = re.findall(r"VALUE_LIST = \((.*)\)", Renderer(values).render("077_service.sql").text)

    assert rule.replace("'", "").split(", ") == [
        "management.azure.com:443",
        "login.microsoftonline.com:443",
        "westeurope.api.azureml.ms:443",
        "my-bridge.servicebus.windows.net:5671",
    ]
    assert "my-topic.westeurope-1.eventgrid.azure.net:443" in rendered()["077_service.sql"]


def test_the_secret_stands_in_its_own_script_alone() -> None:
    assert [name for name, text in rendered().items() if SECRETS["client_secret"] in text] == ["039_secret_client.sql"]


def test_the_administrators_scripts_come_first_and_only_where_they_are_this_deployments() -> None:
    chosen = scripts.to_deploy(values_with(Door.SERVICE_FUNCTIONS), SECRETS)

    assert chosen[:3] == ["010_account.sql", "011_account_service.sql", "020_schema.sql"]
    assert scripts.with_context(["011_account_service.sql", "076_service_images.sql"]) == [
        "011_account_service.sql",
        "020_schema.sql",
        "076_service_images.sql",
    ]
    assert scripts.with_context(list(scripts.ACCOUNT)) == list(scripts.ACCOUNT)
    without = scripts.to_deploy(values_with(Door.SERVICE_FUNCTIONS, account_script=False), SECRETS)
    assert without[0] == "020_schema.sql"
    assert "011_account_service.sql" not in scripts.to_deploy(values_with(Door.PROCEDURES_KEY), SECRETS)


def test_the_values_of_the_example_are_those_of_the_tests() -> None:
    example = (ROOT / "sql" / "values.example.yaml").read_text(encoding="utf-8")

    assert f"# service_image: {ALL_VALUES['service_image']} " in example
