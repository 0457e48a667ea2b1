"""Applies the project's SQL scripts to the laptop's Snowflake, as `make sql-deploy` does to a real one."""

from collections.abc import Collection, Iterator
from typing import Any

from bridge.deploy.rendering import Renderer
from bridge.deploy.scripts import to_deploy
from bridge.deploy.statements import statements
from bridge.deploy.values import Door, Values, parse
from bridge.local import endpoints

#: What an operator would write into a values file: every door that the emulators have, with keys.
DOORS = (
    Door.EXTERNAL_FUNCTIONS,
    Door.PROCEDURES_KEY,
    Door.SERVICE_BUS_KEY,
    Door.EVENT_GRID_KEY,
    Door.NOTIFICATIONS,
    Door.HAND_OVER,
)
SECRETS = {
    "function_key": endpoints.FUNCTION_KEY,
    "send_key": endpoints.SAS_KEY,
    "topic_key": endpoints.TOPIC_KEY,
}


def laptop_values(doors: Collection[Door] = DOORS) -> Values:
    """The values of the laptop's deployment."""
    return parse(
        {
            "database": endpoints.DATABASE,
            "schema": endpoints.SCHEMA,
            "doors": list(doors),
            "tenant_id": endpoints.TENANT_ID,
            "app_id": endpoints.APP_ID,
            "app_identity_id": endpoints.APP_IDENTITY_ID,
            "client_id": endpoints.CLIENT_ID,
            "app_host": endpoints.APP_HOST,
            "api_url": endpoints.API_URL,
            "service_bus_host": endpoints.SERVICE_BUS_HOST,
            "service_bus_key_name": "RootManageSharedAccessKey",
            "topic_host": endpoints.TOPIC_HOST,
            "notification_topic_host": endpoints.NOTIFICATION_TOPIC_HOST,
            "exchange_url": "azure://laptop.blob.core.windows.net/exchange/ml-bridge",
            "bridge_name": endpoints.BRIDGE_NAME,
            "predictions_table": "PREDICTIONS",
            "datastore_path": "azureml://datastores/exchange/paths/ml-bridge",
        },
        source="the laptop's values",
    )


def apply_ledger(arguments: dict[str, Any]) -> None:
    """Run every script, in order."""
    import snowflake.connector

    # Named when they are made; a session that starts in what is not there yet is refused by some versions.
    without_place = {name: value for name, value in arguments.items() if name not in {"database", "schema"}}
    connection = snowflake.connector.connect(**without_place)
    try:
        cursor = connection.cursor()
        for statement in laptop_statements():
            cursor.execute(statement)
    finally:
        connection.close()


def laptop_statements() -> Iterator[str]:
    """Every statement of every script, with the laptop's values."""
    values = laptop_values()
    renderer = Renderer(values, SECRETS)
    for script in to_deploy(values, SECRETS):
        yield from statements(renderer.render(script).text)
