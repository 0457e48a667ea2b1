"""`runs …`: runs by the app's HTTP API."""

import argparse
import uuid
from typing import TYPE_CHECKING, Any

from bridge.cli import moments
from bridge.cli.connection import api, connection_options
from bridge.cli.failures import DONE, Refused, WrongUsage
from bridge.cli.options import json_option, positive
from bridge.cli.output import field_lines, say, table, write, write_json
from bridge.payloads import lossless

if TYPE_CHECKING:
    from bridge.cli.options import Verbs

#: Not --key, which lets the caller in.
_KEY = ("--key-of-run", "--idempotency-key")
_COLUMNS = ("run_id", "status", "pipeline", "accepted_at", "ended_at", "error_code")
_TIMES = ("accepted_at", "ended_at")
_VALUES = (
    "a value is JSON if it can be read as JSON, else text: rows=5 is a number, as_of=2026-11-01 is text, "
    "and note='\"5\"' is the text 5"
)


def add(verbs: "Verbs") -> None:
    """The parsers of these commands."""
    runs = verbs.add_parser("runs", help="list, show, start, cancel, repeat runs").add_subparsers(
        dest="verb", required=True
    )
    parents = [connection_options(), json_option()]
    listing = runs.add_parser("list", parents=parents, help="runs of the ledger, newest first")
    listing.add_argument("--status", help="such as FAILED")
    listing.add_argument("--pipeline")
    listing.add_argument(
        "--since", metavar="WHEN", type=moments.moment, help="recorded since: a date, or a date and time; in UTC"
    )
    listing.add_argument("--limit", metavar="N", type=positive, default=50, help="1 to 500; default: 50")
    listing.set_defaults(command=_list)
    show = runs.add_parser("show", parents=parents, help="one run, as Azure ML knows it now, else from the ledger")
    show.add_argument("run_id", metavar="RUN_ID")
    show.set_defaults(command=_show)
    _add_start(runs, parents)
    cancel = runs.add_parser("cancel", parents=parents, help="ask for a run to be cancelled")
    cancel.add_argument("run_id", metavar="RUN_ID")
    cancel.set_defaults(command=_cancel)
    rerun = runs.add_parser("rerun", parents=parents, help="the same inputs once more, as a new run")
    rerun.add_argument("run_id", metavar="RUN_ID")
    rerun.add_argument(
        *_KEY, dest="run_key", metavar="KEY", help="the same key means the same new run; default: random"
    )
    rerun.set_defaults(command=_rerun)


def _add_start(runs: "Verbs", parents: list[argparse.ArgumentParser]) -> None:
    start = runs.add_parser("start", parents=parents, help="start a run", epilog=f"Inputs: {_VALUES}.")
    start.add_argument("pipeline", metavar="PIPELINE")
    inputs = start.add_mutually_exclusive_group()
    inputs.add_argument(
        "--input", action="append", default=[], metavar="NAME=VALUE", help="one input, any number of times; see below"
    )
    inputs.add_argument("--inputs", metavar="JSON", help="all inputs, as one JSON object")
    start.add_argument(*_KEY, dest="run_key", metavar="KEY", help="the same key means the same run; default: random")
    start.add_argument("--dry-run", action="store_true", help="send nothing; show what would be submitted")
    start.set_defaults(command=_start)


def _list(options: argparse.Namespace) -> int:
    answer = api(options).get(
        "runs",
        status=options.status,
        pipeline=options.pipeline,
        since=options.since.isoformat() if options.since else None,
        limit=options.limit,
    )
    if options.json:
        write_json(answer)
        return DONE
    runs = [{**run, **{name: moments.shown_text(run.get(name)) for name in _TIMES}} for run in answer["runs"]]
    write(table(runs, _COLUMNS) if runs else ["no such runs"])
    if len(runs) == options.limit:
        say(f"these are the newest {options.limit}: --limit shows more")
    return DONE


def _show(options: argparse.Namespace) -> int:
    return _written(api(options).get("runs", options.run_id), options)


def _start(options: argparse.Namespace) -> int:
    body = {"pipeline": options.pipeline, "inputs": _inputs(options), "dry_run": options.dry_run}
    return _asked_once(options, "runs", body=body)


def _cancel(options: argparse.Namespace) -> int:
    return _written(api(options).post("runs", options.run_id, "cancel"), options)


def _rerun(options: argparse.Namespace) -> int:
    return _asked_once(options, "runs", options.run_id, "rerun", body={})


def _asked_once(options: argparse.Namespace, *path: str, body: dict[str, Any]) -> int:
    """The key is made up here, so that it is known also when no answer comes."""
    key = options.run_key or str(uuid.uuid4())
    try:
        answer = api(options).post(*path, body={**body, "idempotency_key": key})
    except Refused as error:
        if not error.is_passing:
            raise
        hint = f"send it again with {_KEY[0]} {key}, and it is still one run"
        raise Refused(f"{error}; {hint}", document=error.document) from error
    return _written(answer, options)


def _written(answer: Any, options: argparse.Namespace) -> int:
    if options.json:
        write_json(answer)
    else:
        write(field_lines(answer))
    return DONE


def _inputs(options: argparse.Namespace) -> dict[str, Any]:
    if options.inputs is not None:
        return _object(options.inputs)
    inputs: dict[str, Any] = {}
    for text in options.input:
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
