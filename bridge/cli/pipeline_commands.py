"""`pipelines …`: what pipelines.yaml is worth before it is deployed, and what a running app has of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.api import Api
from bridge.cli.connection import calls_the_app
from bridge.cli.environment import app_environment
from bridge.cli.failures import DONE, WrongUsage
from bridge.cli.options import Json, Local, SettingsFile
from bridge.cli.output import write, write_json, write_table, write_text

commands = typer.Typer(help="What can be run: pipelines.yaml, and what an app has of it.")


@commands.command("list")
@calls_the_app
def list_pipelines(app: Api, as_json: Json = False) -> int:
    """The pipelines of a running app, with their inputs: an asterisk marks those that are required."""
    answer = app.get("pipelines")
    if as_json:
        write_json(answer)
        return DONE
    rows = [{**each, "inputs": _inputs(each["inputs_schema"])} for each in answer]
    if rows:
        write_table(rows, ("name", "inputs", "description"))
    else:
        write(["no pipelines"])
    return DONE


def _inputs(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    return ", ".join(f"{name}*" if name in required else name for name in schema.get("properties", {}))


@commands.command()
def check(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="PIPELINES.yaml", show_default=False, help="Default: the setting PIPELINES_FILE."
        ),
    ] = None,
    settings: SettingsFile = None,
    local: Local = False,
    as_json: Json = False,
) -> int:
    """Every problem of the file."""
    from bridge.cli.checking import write_checked
    from bridge.cli.configuration import read_pipelines

    try:
        values = app_environment(settings, local=local)
    except WrongUsage as error:
        raise error.with_those_of(lambda: read_pipelines({}, file)) from error
    return write_checked(lambda: read_pipelines(values, file), as_json=as_json)


@commands.command()
def schema(as_json: Json = False) -> int:
    """The JSON Schema of pipelines.yaml, for editors."""
    from bridge.adapters.files.pipelines_schema import SCHEMA_FILE

    text = SCHEMA_FILE.read_text(encoding="utf-8")
    if as_json:
        write_json(json.loads(text))
    else:
        write_text(text)
    return DONE
