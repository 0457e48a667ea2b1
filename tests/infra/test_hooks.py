"""What azd runs before and after: the API's document, and the values file with what to do next."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.deploy.values import Door, load
from infra import next_steps, write_openapi
from tests.infra.consistency import ROOT

GUID = "6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10"
OUTPUTS = {
    "AZURE_TENANT_ID": GUID,
    "AZURE_RESOURCE_GROUP": "rg-test",
    "AZURE_FUNCTION_NAME": "func-bridge-test",
    "BRIDGE_URL": "https://func-bridge-test.azurewebsites.net",
    "BRIDGE_NAME": "bridge",
    "BRIDGE_AUTH_MODE": "key",
    "BRIDGE_IDENTITY_ID": GUID,
    "BRIDGE_APP_ID": "",
    "BRIDGE_API_URL": "",
    "SERVICE_BUS_HOST": "sb-bridge-test.servicebus.windows.net",
    "SERVICE_BUS_SEND_KEY_MADE": "false",
    "CUSTOM_TOPIC_HOST": "",
    "NOTIFICATION_TOPIC_HOST": "",
    "SNOWFLAKE_LEDGER_DATABASE": "ML",
    "SNOWFLAKE_LEDGER_SCHEMA": "ML_BRIDGE",
    "SNOWFLAKE_LEDGER_WAREHOUSE": "ML_BRIDGE_WH",
}
EVERYTHING = {
    "BRIDGE_AUTH_MODE": "entra",
    "BRIDGE_APP_ID": f"api://{GUID}",
    "BRIDGE_API_URL": "https://apim-bridge-test.azure-api.net/bridge",
    "SERVICE_BUS_SEND_KEY_MADE": "true",
    "CUSTOM_TOPIC_HOST": "evgt-custom-test.westeurope-1.eventgrid.azure.net",
    "NOTIFICATION_TOPIC_HOST": "evgt-snowflake-test.westeurope-1.eventgrid.azure.net",
}


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing in it, and the environment that azd gives."""
    monkeypatch.chdir(tmp_path)
    for name, value in OUTPUTS.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_a_values_file_is_written_that_the_deployment_takes(deployed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert next_steps.main() == next_steps.DONE

    values = load(deployed / "values.yaml")
    assert values.doors == (Door.PROCEDURES_KEY,)
    assert (values.app_host, values.app_identity_id) == ("func-bridge-test.azurewebsites.net", GUID)
    told = capsys.readouterr().out
    assert "values.yaml was written" in told
    assert "az functionapp keys list -g rg-test -n func-bridge-test" in told
    assert "make sql-deploy VALUES=values.yaml" in told
    # Without --app it would look for the app's settings on this machine.
    assert "-m bridge doctor --app func-bridge-test --resource-group rg-test\n" in told
    assert "client_id" not in told


def test_whatever_was_made_in_azure_gets_its_door(
    deployed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in EVERYTHING.items():
        monkeypatch.setenv(name, value)

    assert next_steps.main() == next_steps.DONE

    values = load(deployed / "values.yaml")
    assert set(values.doors) == {
        Door.PROCEDURES_KEYLESS,
        Door.EXTERNAL_FUNCTIONS,
        Door.SERVICE_BUS_KEY,
        Door.EVENT_GRID_KEYLESS,
        Door.NOTIFICATIONS,
    }
    assert values.app_id == GUID
    told = capsys.readouterr().out
    assert "fill in client_id" in told
    assert "FUNCTION_KEY" not in told


def test_a_values_file_that_is_there_is_left_alone(deployed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (deployed / "values.yaml").write_text("mine: true\n", encoding="utf-8")

    assert next_steps.main() == next_steps.DONE

    assert (deployed / "values.yaml").read_text(encoding="utf-8") == "mine: true\n"
    assert "was left as it is" in capsys.readouterr().out


def test_without_outputs_it_says_which_are_missing(
    deployed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BRIDGE_URL")

    assert next_steps.main() == next_steps.WRONG

    assert "not set: BRIDGE_URL" in capsys.readouterr().err
    assert not (deployed / "values.yaml").exists()


def test_an_output_that_cannot_be_used_is_named(
    deployed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_BUS_HOST", "sb.example.com")

    assert next_steps.main() == next_steps.WRONG

    assert "service_bus_host" in capsys.readouterr().err


def test_the_document_is_written_where_the_template_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_openapi, "FILE", tmp_path / "openapi.json")

    write_openapi.main()

    document = json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8"))
    assert document["servers"] == [{"url": "/api"}]
    assert "/v1/snowflake/submit_run" in document["paths"]


def test_the_hook_runs_as_a_command(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [sys.executable, "-m", "infra.next_steps"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == next_steps.WRONG
    assert done.stderr.startswith("not set: AZURE_TENANT_ID")
