"""`runs …`: runs by the app's HTTP API."""

from typing import Annotated

import typer

from bridge.cli import moments
from bridge.cli.api import Api
from bridge.cli.connection import calls_the_app
from bridge.cli.failures import DONE, WrongUsage
from bridge.cli.options import Json, Limit, Since, check_run_id
from bridge.cli.output import say, write, write_answer, write_json, write_table
from bridge.cli.submit_command import RunKey, UntilEnd, asked_once
from bridge.cli.tailing import EXIT_CODES, tailed_run, tailed_runs
from bridge.domain import statuses

_COLUMNS = ("run_id", "status", "pipeline", "accepted_at", "ended_at", "error_code")
_TIMES = ("accepted_at", "ended_at")

commands = typer.Typer(help="List, show, follow, cancel and repeat runs.")
RunId = Annotated[str, typer.Argument(metavar="RUN_ID")]


def _status(text: str) -> str:
    """For options: a status in any case, also as Azure ML writes it."""
    status = statuses.job_status(text)
    if status not in statuses.KNOWN:
        raise typer.BadParameter(f'"{text[:100]}": give one of {", ".join(statuses.KNOWN)}')
    return status


@commands.command("list")
@calls_the_app
def list_runs(
    app: Api,
    *,
    status: Annotated[
        str | None, typer.Option(parser=_status, metavar="STATUS", show_default=False, help="Such as FAILED.")
    ] = None,
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


@commands.command(epilog=EXIT_CODES)
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
        return tailed_runs(app, pipeline=pipeline, since=since, limit=limit, forever=forever, as_json=as_json)
    check_run_id(run_id)
    if pipeline or since or forever:
        raise WrongUsage("a run's id and a query: give one of them")
    return tailed_run(app, run_id, as_json=as_json)


@commands.command()
@calls_the_app
def cancel(app: Api, run_id: RunId, as_json: Json = False) -> int:
    """Ask for a run to be cancelled."""
    write_answer(app.post("runs", run_id, "cancel"), as_json=as_json)
    return DONE


@commands.command()
@calls_the_app
def rerun(app: Api, run_id: RunId, *, run_key: RunKey = "", until_end: UntilEnd = False, as_json: Json = False) -> int:
    """The same inputs once more, as a new run."""
    answer = asked_once(app, "runs", run_id, "rerun", body={}, key=run_key)
    write_answer(answer, as_json=as_json)
    return tailed_run(app, answer["run_id"], as_json=as_json) if until_end else DONE
