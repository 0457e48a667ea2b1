"""Every script rendered once with each door that it may belong to, and its statements, for all tests of the texts."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from bridge.deploy import scripts
from bridge.deploy.rendering import SQL, Renderer
from bridge.deploy.statements import statements
from bridge.deploy.values import Door, Values, parse

_GUID = "{0}0000000-0000-0000-0000-000000000000"
ALL_VALUES: dict[str, Any] = {
    "database": "ML",
    "tenant_id": _GUID.format(1),
    "app_identity_id": _GUID.format(2),
    "app_host": "my-bridge.azurewebsites.net",
    "app_id": _GUID.format(3),
    "api_url": "https://my-apim.azure-api.net/bridge",
    "snowflake_app_id": _GUID.format(4),
    "client_id": _GUID.format(5),
    "service_bus_host": "my-bridge.servicebus.windows.net",
    "topic_host": "my-topic.westeurope-1.eventgrid.azure.net",
    "notification_topic_host": "my-notes.westeurope-1.eventgrid.azure.net",
    "exchange_url": "azure://myaccount.blob.core.windows.net/exchange/ml-bridge",
    "predictions_table": "SALES.PUBLIC.PREDICTIONS",
    "service_image": "ml-bridge:1",
    "service_client_id": _GUID.format(6),
    "aml_subscription_id": _GUID.format(7),
    "aml_resource_group": "my-resource-group",
    "aml_workspace": "my-workspace",
    "aml_region": "westeurope",
    "datastore_path": "azureml://datastores/exchange/paths/ml-bridge",
}
KEY_DOORS = (
    Door.EXTERNAL_FUNCTIONS,
    Door.PROCEDURES_KEY,
    Door.SERVICE_BUS_KEY,
    Door.EVENT_GRID_KEY,
    Door.NOTIFICATIONS,
    Door.HAND_OVER,
)
KEYLESS_DOORS = (
    Door.SERVICE_FUNCTIONS,
    Door.PROCEDURES_KEYLESS,
    Door.SERVICE_BUS_KEYLESS,
    Door.EVENT_GRID_KEYLESS,
    Door.NOTIFICATIONS,
    Door.HAND_OVER,
)
SECRETS = {
    "function_key": "function-key==",
    "send_key": "send/key+value=",
    "topic_key": "topic-key-value",
    "client_secret": "client~secret",
}
TEARDOWN = ("teardown.sql", "teardown_ledger.sql", "teardown_account.sql")


@dataclass(frozen=True)
class Statement:
    """One statement and where it stands."""

    script: str
    number: int
    text: str

    @property
    def place(self) -> str:
        return f"sql/{self.script}, statement {self.number}"

    @property
    def bare(self) -> str:
        """Without what stands in quotes, so that a search finds code only."""
        return re.sub(r"'(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$", "''", self.text, flags=re.DOTALL)


def values_with(*doors: Door, **changed: Any) -> Values:
    return parse({**ALL_VALUES, "doors": list(doors), **changed})


def names() -> list[str]:
    """Every script there is."""
    examples = sorted(f"examples/{file.name}" for file in (SQL / "examples").glob("*.sql"))
    return [*scripts.every_script(), *examples, *TEARDOWN]


@cache
def rendered() -> dict[str, str]:
    """The text of every script, by name; those of keyless doors with the values of such a deployment."""
    with_keys, keyless = values_with(*KEY_DOORS), values_with(*KEYLESS_DOORS)
    run_keyless = set(scripts.to_deploy(keyless, SECRETS)) - set(scripts.to_deploy(with_keys, SECRETS))
    return {
        name: Renderer(keyless if name in run_keyless else with_keys, SECRETS).render(name).text for name in names()
    }


@cache
def every_statement() -> tuple[Statement, ...]:
    return tuple(
        Statement(name, number, text)
        for name, script in rendered().items()
        for number, text in enumerate(statements(script), 1)
    )


def deployed() -> list[Statement]:
    """What deployments run: no examples, no teardown."""
    return [item for item in every_statement() if not item.script.startswith(("examples/", "teardown"))]
