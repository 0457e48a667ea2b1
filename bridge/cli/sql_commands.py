"""`sql …`: the scripts of `sql/` to a Snowflake account, and the policy for API Management."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.failures import DONE, NO_SNOW, Refused, WrongUsage
from bridge.cli.options import Json
from bridge.cli.output import say, write_json, write_text
from bridge.cli.progress import working

if TYPE_CHECKING:
    from bridge.deploy.rendering import Rendered, Renderer
    from bridge.deploy.values import Values

_CODES = (
    "Exit codes: 0 done, 1 Snowflake refused a statement, 2 the command, the values or a key is wrong and nothing was "
    "sent, 3 the Snowflake CLI is missing."
)
commands = typer.Typer(help="What is in Snowflake: look at it, make it, remove it.")
ValuesFile = Annotated[Path, typer.Option("--values", metavar="FILE", help="YAML file; see sql/values.example.yaml.")]
SnowConnection = Annotated[
    str | None,
    typer.Option(
        "--connection",
        metavar="NAME",
        show_default=False,
        help="Of the Snowflake CLI's configuration. Default: its default.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="SCRIPT", help="A script's name or number, examples as well; any number of times."),
]
WithLedger = Annotated[
    bool,
    typer.Option("--with-ledger", help="Remove the ledger too, and what 010_account.sql made but the database."),
]


@commands.command()
def render(
    values: ValuesFile,
    *,
    only: Only = None,
    teardown: Annotated[bool, typer.Option("--teardown", help="What teardown would send.")] = False,
    with_ledger: WithLedger = False,
    as_json: Json = False,
) -> int:
    """Print what would be sent, with asterisks for keys; sends nothing."""
    from bridge.deploy import secrets, snow
    from bridge.deploy.rendering import Rendered, Renderer

    with _wrong():
        given, keys = _read(values)
        chosen = _to_remove(given, with_ledger=with_ledger) if teardown else _to_make(given, keys, only)
        # A key that was written into the values file by mistake is not shown either.
        rendered = [
            Rendered(script.name, secrets.masked(script.text, keys)) for script in _rendered(chosen, Renderer(given))
        ]
    if as_json:
        write_json({"scripts": [{"name": script.name, "text": script.text} for script in rendered]})
        return DONE
    say("to send this by hand: snow sql --stdin --enable-templating NONE, with each *** replaced")
    write_text(snow.text_of(rendered))
    return DONE


@commands.command(epilog=_CODES)
def deploy(values: ValuesFile, only: Only = None, connection: SnowConnection = None, as_json: Json = False) -> int:
    """Make or renew everything that the values ask for.

    Keys come from ML_BRIDGE_FUNCTION_KEY, ML_BRIDGE_SEND_KEY and ML_BRIDGE_TOPIC_KEY; a secret whose key is not set
    stays as it is.
    """
    with _wrong():
        given, keys = _read(values)
        chosen = _to_make(given, keys, only)
    return _run("deploy", chosen, given, keys, connection, as_json=as_json)


@commands.command(epilog=_CODES)
def teardown(
    values: ValuesFile, with_ledger: WithLedger = False, connection: SnowConnection = None, as_json: Json = False
) -> int:
    """Remove the doors; the ledger stays readable."""
    with _wrong():
        given, keys = _read(values)
        chosen = _to_remove(given, with_ledger=with_ledger)
    return _run("teardown", chosen, given, keys, connection, as_json=as_json)


@commands.command("apim-policy")
def apim_policy(
    values: ValuesFile,
    keyless: Annotated[bool, typer.Option("--keyless", help="For an app with AUTH_MODE=entra.")] = False,
    as_json: Json = False,
) -> int:
    """Print the policy of the API in API Management."""
    from bridge.deploy.apim import policy
    from bridge.deploy.values import load

    with _wrong():
        text = policy(load(values), keyless=keyless)
    if as_json:
        write_json({"policy": text})
    else:
        write_text(text)
    return DONE


def _run(
    verb: str,
    chosen: Sequence[str],
    values: "Values",
    keys: Mapping[str, str],
    connection: str | None,
    *,
    as_json: bool,
) -> int:
    from bridge.deploy import snow
    from bridge.deploy.rendering import Renderer
    from bridge.deploy.statements import statements

    with _wrong():
        rendered = _rendered(chosen, Renderer(values, keys))
    total = sum(len(list(statements(script.text))) for script in rendered)
    try:
        with working(f"sql {verb}, statements", total=total) as step:
            snow.run(rendered, connection=connection, secrets=keys, say=say, step=step)
    except snow.SnowMissing as error:
        say(str(error))
        return NO_SNOW
    except snow.ScriptFailed as error:
        words = f"stopped at {error}\nEverything before it is done; mend it and run the command again."
        raise Refused(words) from error
    say(f"{verb}: done, {len(rendered)} scripts")
    if as_json:
        write_json({"scripts": [script.name for script in rendered]})
    return DONE


@contextmanager
def _wrong() -> Iterator[None]:
    """Nothing has been sent yet, and what was given has to be changed."""
    from bridge.deploy.rendering import CannotRender
    from bridge.deploy.scripts import UnknownScript
    from bridge.deploy.values import InvalidValues

    try:
        yield
    except (InvalidValues, CannotRender, UnknownScript) as error:
        raise WrongUsage(str(error)) from error


def _read(file: Path) -> tuple["Values", Mapping[str, str]]:
    from bridge.deploy import secrets
    from bridge.deploy.values import load

    return load(file), secrets.from_environment(os.environ)


def _to_make(values: "Values", keys: Mapping[str, str], only: Sequence[str] | None) -> list[str]:
    from bridge.deploy import scripts, secrets

    chosen = scripts.named(only, values, keys) if only else scripts.to_deploy(values, keys)
    for key in secrets.KEYS:
        if key.door in values.doors and key.template not in keys:
            say(f"sql/{key.script}: left out, {key.variable} is not set: the secret stays as it is (it must exist)")
    return scripts.with_context(chosen)


def _to_remove(values: "Values", *, with_ledger: bool) -> list[str]:
    from bridge.deploy import scripts

    return scripts.to_tear_down(values, with_ledger=with_ledger)


def _rendered(names: Sequence[str], renderer: "Renderer") -> list["Rendered"]:
    return [renderer.render(name) for name in names]
