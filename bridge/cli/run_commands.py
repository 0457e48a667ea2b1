"""`runs …`: runs by the app's HTTP API."""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from bridge.cli import following, moments
from bridge.cli.api import Api
from bridge.cli.connection import calls_the_app
from bridge.cli.failures import DONE, RUN_CANCELED, RUN_FAILED, WrongUsage
from bridge.cli.following import Run, Wait
from bridge.cli.options import Json, Limit, Since
from bridge.cli.output import say, write, write_answer, write_json, write_table
from bridge.cli.progress import working
from bridge.cli.submit_command import RunKey, asked_once
from bridge.domain.identity import is_run_id

_COLUMNS = ("run_id", "status", "pipeline", "accepted_at", "ended_at", "error_code")
_TIMES = ("accepted_at", "ended_at")

#: Of what became of a run; everything else is RUN_FAILED.
_CODES = {"COMPLETED": DONE, "CANCELED": RUN_CANCELED}
_TAIL_CODES = (
    "Exit codes: 0 all completed, 3 one failed or was rejected, else 4 one was cancelled; "
    "1 it could not be followed; 130 after Ctrl-C."
)
#: Between two questions.
wait: Wait = time.sleep

commands = typer.Typer(help="List, show, follow, cancel and repeat runs.")
RunId = Annotated[str, typer.Argument(metavar="RUN_ID")]


@commands.command("list")
@calls_the_app
def list_runs(
    app: Api,
    *,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="Such as FAILED.")] = None,
    pipeline: Annotated[str | None, typer.Option(metavar="PIPELINE")] = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> int:
    """Runs of the ledger, newest first."""
    answer = app.get("runs", status=status, pipeline=pipeline, since=since.isoformat() if since else None, limit=limit)
    if as_json:
        write_json(answer)
        return DONE
    runs = [{**run, **{name: moments.shown_text(run.get(name)) for name in _TIMES}} for run in answer["runs"]]
    if runs:
        write_table(runs, _COLUMNS)
    else:
        write(["no such runs"])
    if len(runs) == limit:
        say(f"these are the newest {limit}: --limit shows more")
    return DONE


@commands.command()
@calls_the_app
def show(app: Api, run_id: RunId, as_json: Json = False) -> int:
    """One run, as Azure ML knows it now, else from the ledger."""
    write_answer(app.get("runs", run_id), as_json=as_json)
    return DONE


@commands.command(epilog=_TAIL_CODES)
@calls_the_app
def tail(
    app: Api,
    run_id: Annotated[str | None, typer.Argument(metavar="RUN_ID", help="Without one: all runs of the query.")] = None,
    *,
    pipeline: Annotated[str | None, typer.Option(metavar="PIPELINE", help="Of the query.")] = None,
    since: Since = None,
    limit: Limit = 50,
    forever: Annotated[
        bool, typer.Option("--forever", help="Go on when all runs of the query have ended: new ones may come.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Follow a run, or the newest runs of a query, until they have ended: a line for each new status.

    Runs of a query are read from the ledger, for which a warehouse runs meanwhile.
    """
    if run_id is None:
        query = {"pipeline": pipeline, "since": since.isoformat() if since else None, "limit": limit}
        return _followed(following.follow_runs(app, wait, forever=forever, **query), as_json=as_json)
    if not is_run_id(run_id):
        raise WrongUsage(f'"{run_id[:100]}" is no id of a run: ids look like r-abcdefghijklmnopqrstuvwxyz')
    if pipeline or since or forever:
        raise WrongUsage("a run's id and a query: give one of them")
    return _followed(following.follow_run(app, run_id, wait), as_json=as_json)


@commands.command()
@calls_the_app
def cancel(app: Api, run_id: RunId, as_json: Json = False) -> int:
    """Ask for a run to be cancelled."""
    write_answer(app.post("runs", run_id, "cancel"), as_json=as_json)
    return DONE


@commands.command()
@calls_the_app
def rerun(app: Api, run_id: RunId, run_key: RunKey = "", as_json: Json = False) -> int:
    """The same inputs once more, as a new run."""
    write_answer(asked_once(app, "runs", run_id, "rerun", body={}, key=run_key), as_json=as_json)
    return DONE


def _followed(changes: Iterable[Run], *, as_json: bool) -> int:
    """The worst end of all runs."""
    last: dict[str, str] = {}
    with working("following, Ctrl-C ends it"):
        for run in changes:
            last[run["run_id"]] = run["status"]
            if as_json:
                write_json(run)
            else:
                write([_told(run)])
            sys.stdout.flush()
    codes = {_CODES.get(status, RUN_FAILED) for status in last.values()}
    return next((code for code in (RUN_FAILED, RUN_CANCELED) if code in codes), DONE)


def _told(run: Run) -> str:
    reason = " ".join(str(run[name]) for name in ("error_code", "error_message") if run.get(name))
    seen = f"{moments.shown(datetime.now(UTC))}  {run['run_id']}  {run['status']}"
    return f"{seen}  {reason}" if reason else seen
