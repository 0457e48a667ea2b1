"""`submit`: one run, asked for by HTTP, under a key that is known even when no answer comes."""

import uuid
from typing import Annotated, Any

import typer

from bridge.cli.api import Api
from bridge.cli.connection import calls_the_app
from bridge.cli.failures import DONE, Refused, WrongUsage
from bridge.cli.options import Json
from bridge.cli.output import write_answer
from bridge.cli.tailing import tailed_run
from bridge.payloads import lossless

#: Not --key, which lets the caller in.
_KEY = ("--key-of-run", "--idempotency-key")
RunKey = Annotated[
    str,
    typer.Option(
        *_KEY, metavar="KEY", show_default=False, help="The same key means the same run. Default: a random one."
    ),
]
UntilEnd = Annotated[
    bool, typer.Option("--wait", help="Follow the run until it has ended; the exit codes are those of runs tail.")
]
_VALUES = (
    "A value of --input is JSON if it can be read as JSON, else text: rows=5 is a number, as_of=2026-11-01 is text, "
    "and note='\"5\"' is the text 5."
)

commands = typer.Typer()


@commands.command(epilog=_VALUES)
@calls_the_app
def submit(
    app: Api,
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="As pipelines.yaml names it.")],
    *,
    one_by_one: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME=VALUE", help="One input, any number of times, read as said below."),
    ] = None,
    together: Annotated[
        str | None, typer.Option("--inputs", metavar="JSON", help="All inputs, as one JSON object.")
    ] = None,
    run_key: RunKey = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; show what would be submitted.")] = False,
    until_end: UntilEnd = False,
    as_json: Json = False,
) -> int:
    """Start a run."""
    body = {"pipeline": pipeline, "inputs": _inputs(one_by_one or [], together), "dry_run": dry_run}
    if dry_run and until_end:
        raise WrongUsage("--dry-run starts no run: leave out --wait")
    answer = asked_once(app, "runs", body=body, key=run_key)
    write_answer(answer, as_json=as_json)
    return tailed_run(app, answer["run_id"], as_json=as_json) if until_end else DONE


def asked_once(app: Api, *path: str, body: dict[str, Any], key: str) -> Any:
    """The answer to a request that may be sent again. Raises: Refused, with the key if it should be."""
    key = key or str(uuid.uuid4())
    try:
        return app.post(*path, body={**body, "idempotency_key": key})
    except Refused as error:
        if not error.is_passing:
            raise
        hint = f"send it again with {_KEY[0]} {key}, and it is still one run"
        raise Refused(f"{error}; {hint}", document=error.document) from error


def _inputs(one_by_one: list[str], together: str | None) -> dict[str, Any]:
    if together is not None:
        if one_by_one:
            raise WrongUsage("--input and --inputs: give one of them")
        return _object(together)
    inputs: dict[str, Any] = {}
    for text in one_by_one:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise WrongUsage(f'--input "{text[:100]}": give NAME=VALUE')
        if name in inputs:
            raise WrongUsage(f'--input "{name}" is given twice')
        inputs[name] = _value(value)
    return inputs


def _object(text: str) -> dict[str, Any]:
    try:
        value = lossless.loads(text)
    except ValueError as error:
        raise WrongUsage(f"--inputs: {error}") from error
    if not isinstance(value, dict):
        raise WrongUsage('--inputs: give one JSON object, such as \'{"as_of": "2026-11-01"}\'')
    return value


def _value(text: str) -> Any:
    try:
        return lossless.loads(text)
    except ValueError:
        return text
