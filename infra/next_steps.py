"""`python -m infra.next_steps`: what is left to do in Snowflake, with the names that the deployment made.

azd runs it after it has made the resources, with the templates' outputs in the environment. It writes `values.yaml` for
`make sql-deploy`, if there is none yet. Exit codes: 0 done; 2 the environment is not that of a deployment.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from bridge.deploy.values import Door, InvalidValues, parse

DONE, WRONG = 0, 2
FILE = Path("values.yaml")
TO_FILL_IN = "00000000-0000-0000-0000-000000000000"
NEEDED = (
    "AZURE_TENANT_ID",
    "AZURE_RESOURCE_GROUP",
    "AZURE_FUNCTION_NAME",
    "BRIDGE_URL",
    "BRIDGE_AUTH_MODE",
    "BRIDGE_IDENTITY_ID",
    "SERVICE_BUS_HOST",
    "SNOWFLAKE_LEDGER_DATABASE",
)
#: Key of the values file, and the output that fills it in.
FILLED_IN = {
    "database": "SNOWFLAKE_LEDGER_DATABASE",
    "schema": "SNOWFLAKE_LEDGER_SCHEMA",
    "warehouse": "SNOWFLAKE_LEDGER_WAREHOUSE",
    "tenant_id": "AZURE_TENANT_ID",
    "app_identity_id": "BRIDGE_IDENTITY_ID",
    "app_id": "BRIDGE_APP_ID",
    "api_url": "BRIDGE_API_URL",
    "service_bus_host": "SERVICE_BUS_HOST",
    "topic_host": "CUSTOM_TOPIC_HOST",
    "notification_topic_host": "NOTIFICATION_TOPIC_HOST",
    "bridge_name": "BRIDGE_NAME",
}


def values_text(outputs: Mapping[str, str]) -> str:
    """A values file that opens the doors for which there is something in Azure.

    Raises:
        InvalidValues: an output cannot be used.
    """
    values = {key: outputs[name] for key, name in FILLED_IN.items() if outputs.get(name)}
    values["app_host"] = outputs["BRIDGE_URL"].removeprefix("https://")
    values["app_id"] = values.get("app_id", "").removeprefix("api://")
    doors = list(_doors(outputs))
    if any(door.endswith("_keyless") for door in doors):
        values["client_id"] = TO_FILL_IN
    given = {"doors": doors} | {key: value for key, value in values.items() if value}
    parse(given, source="outputs of the deployment")
    text = "# Made by the deployment. sql/values.example.yaml explains each line and shows what else there is.\n"
    return text + yaml.safe_dump(given, sort_keys=False)


def _doors(outputs: Mapping[str, str]) -> Iterator[str]:
    keyless = outputs["BRIDGE_AUTH_MODE"] == "entra"
    yield Door.PROCEDURES_KEYLESS.value if keyless else Door.PROCEDURES_KEY.value
    if outputs.get("BRIDGE_API_URL"):
        yield Door.EXTERNAL_FUNCTIONS.value
    if outputs.get("SERVICE_BUS_SEND_KEY_MADE", "").lower() == "true":
        yield Door.SERVICE_BUS_KEY.value
    if outputs.get("CUSTOM_TOPIC_HOST") and keyless:  # the topic takes no keys
        yield Door.EVENT_GRID_KEYLESS.value
    if outputs.get("NOTIFICATION_TOPIC_HOST"):
        yield Door.NOTIFICATIONS.value


def steps(outputs: Mapping[str, str], *, written: bool) -> str:
    """Commands to copy, in their order."""
    group, name = outputs["AZURE_RESOURCE_GROUP"], outputs["AZURE_FUNCTION_NAME"]
    has_key = outputs["BRIDGE_AUTH_MODE"] == "key"
    file = f"{FILE} was written" if written else f"{FILE} was there already, and was left as it is"
    lines = ["", f"The resources are made; {file}. In Snowflake:"]
    if TO_FILL_IN in values_text(outputs):
        lines.append(f"  fill in client_id in {FILE}: docs/snowflake.md, b. Procedures")
    if has_key:
        lines.append("  # after azd deploy; the key stays in this shell")
        key = f"$(az functionapp keys list -g {group} -n {name} --query functionKeys.default -o tsv)"
        lines.append(f'  export ML_BRIDGE_FUNCTION_KEY="{key}"')
    lines += [f"  make sql-dry-run VALUES={FILE}", f"  make sql-deploy VALUES={FILE}"]
    lines += ["Then look whether everything fits:"]
    lines += ['  export BRIDGE_KEY="$ML_BRIDGE_FUNCTION_KEY"'] if has_key else []
    lines += [f"  .venv/bin/python -m bridge doctor --app {name} --resource-group {group}"]
    lines += ["The rest is in docs/deploy.md.", ""]
    return "\n".join(lines)


def main() -> int:
    """The exit code."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        sys.stderr.write(f"not set: {', '.join(missing)}: azd runs this after azd provision (azd env get-values)\n")
        return WRONG
    try:
        text = values_text(os.environ)
    except InvalidValues as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    is_new = not FILE.exists()
    if is_new:
        FILE.write_text(text, encoding="utf-8")
    sys.stdout.write(steps(os.environ, written=is_new))
    return DONE


if __name__ == "__main__":
    raise SystemExit(main())
