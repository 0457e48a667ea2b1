"""`dead-letters …`: messages that could not be handled, by the app's HTTP API."""

from typing import Annotated

import typer

from bridge.cli import moments
from bridge.cli.api import Api
from bridge.cli.connection import calls_the_app
from bridge.cli.failures import DONE
from bridge.cli.options import Json, Limit, Since
from bridge.cli.output import say, write, write_answer, write_json, write_table

_COLUMNS = ("dead_letter_id", "occurred_at", "queue", "reason", "run_id", "description")
#: Characters of a description in a table.
_CUT = 80

commands = typer.Typer(help="List and replay messages that could not be handled.")


@commands.command("list")
@calls_the_app
def list_dead_letters(
    app: Api,
    *,
    queue: Annotated[str | None, typer.Option(metavar="QUEUE", help="Such as run-commands.")] = None,
    run_id: Annotated[str | None, typer.Option(metavar="RUN_ID")] = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> int:
    """Dead letters of the ledger, newest first."""
    answer = app.get(
        "dead-letters", queue=queue, run_id=run_id, since=since.isoformat() if since else None, limit=limit
    )
    if as_json:
        write_json(answer)
        return DONE
    letters = [
        {
            **letter,
            "occurred_at": moments.shown_text(letter.get("occurred_at")),
            "description": str(letter.get("description") or "")[:_CUT],
        }
        for letter in answer["dead_letters"]
    ]
    if letters:
        write_table(letters, _COLUMNS)
    else:
        write(["no such dead letters"])
    if len(letters) == limit:
        say(f"these are the newest {limit}: --limit shows more")
    return DONE


@commands.command()
@calls_the_app
def replay(app: Api, dead_letter_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> int:
    """Have one handled again."""
    write_answer(app.post("dead-letters", dead_letter_id, "replay"), as_json=as_json)
    return DONE
