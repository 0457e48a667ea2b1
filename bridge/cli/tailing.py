"""A line for each new status of the runs that a command follows, and the exit code that says how they ended."""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from bridge.cli import following, moments
from bridge.cli.api import Api
from bridge.cli.failures import DONE, RUN_CANCELED, RUN_FAILED, Refused
from bridge.cli.following import Run, Wait
from bridge.cli.output import write, write_json
from bridge.cli.progress import working

EXIT_CODES = (
    "Exit codes: 0 all completed, 3 one failed or was rejected, else 4 one was cancelled; "
    "1 it could not be followed, or no run fits the query; 130 after Ctrl-C."
)
#: Of what became of a run; everything else is RUN_FAILED.
_CODES = {"COMPLETED": DONE, "CANCELED": RUN_CANCELED}
#: Between two questions.
wait: Wait = time.sleep


def tailed_run(app: Api, run_id: str, *, as_json: bool) -> int:
    """One run until its end."""
    return _tailed(following.follow_run(app, run_id, wait), as_json=as_json)


def tailed_runs(
    app: Api, *, pipeline: str | None, since: datetime | None, limit: int, forever: bool, as_json: bool
) -> int:
    """All runs of a query; the worst of their ends."""
    query = {"pipeline": pipeline, "since": since.isoformat() if since else None, "limit": limit}
    return _tailed(following.follow_runs(app, wait, forever=forever, **query), as_json=as_json)


def _tailed(changes: Iterable[Run], *, as_json: bool) -> int:
    last: dict[str, str] = {}
    with working("following, Ctrl-C ends it"):
        for run in changes:
            last[run["run_id"]] = run["status"]
            if as_json:
                write_json(run)
            else:
                write([_told(run)])
            sys.stdout.flush()
    if not last:
        raise Refused("no such runs: there is nothing to follow")
    codes = {_CODES.get(status, RUN_FAILED) for status in last.values()}
    return next((code for code in (RUN_FAILED, RUN_CANCELED) if code in codes), DONE)


def _told(run: Run) -> str:
    reason = " ".join(str(run[name]) for name in ("error_code", "error_message") if run.get(name))
    seen = f"{moments.shown(datetime.now(UTC))}  {run['run_id']}  {run['status']}"
    return f"{seen}  {reason}" if reason else seen
