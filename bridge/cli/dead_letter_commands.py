"""`dead-letters …`: messages that could not be handled, by the app's HTTP API or, with --broker, at Service Bus."""

from typing import Annotated

import typer

from bridge.cli import broker_dead_letters, moments
from bridge.cli.connection import Connection
from bridge.cli.environment import app_environment
from bridge.cli.failures import DONE, WrongUsage
from bridge.cli.options import Json, Limit, SettingsFile, Since, check_run_id, takes
from bridge.cli.output import say, write, write_answer, write_json, write_table
from bridge.domain.queues import Queue

_COLUMNS = ("dead_letter_id", "occurred_at", "queue", "reason", "run_id", "description")
#: Characters of a description in a table.
CUT = 80

commands = typer.Typer(help="List, show and replay messages that could not be handled.")
DeadLetterId = Annotated[
    str | None,
    typer.Argument(metavar="ID", show_default=False, help="Of DEAD_LETTERS; with --broker: a sequence number."),
]
BrokerQueue = Annotated[
    Queue | None,
    typer.Option(
        "--broker",
        metavar="QUEUE",
        show_default=False,
        help="In the dead-letter queue of this queue at Service Bus itself, with the settings of the app.",
    ),
]


@commands.command("list")
@takes(Connection)
def list_dead_letters(
    connection: Connection,
    *,
    queue: Annotated[Queue | None, typer.Option(metavar="QUEUE", help="Such as run-commands.")] = None,
    run_id: Annotated[str | None, typer.Option(metavar="RUN_ID")] = None,
    since: Since = None,
    limit: Limit = 50,
    broker: Annotated[
        bool,
        typer.Option("--broker", help="Peek into the dead-letter queues at Service Bus itself; changes nothing there."),
    ] = False,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> int:
    """Dead letters of the ledger, newest first."""
    if broker:
        if run_id or since:
            raise WrongUsage("--run-id and --since are for the ledger: leave them or --broker out")
        values = app_environment(settings, local=connection.local)
        return broker_dead_letters.write_list(values, queue, limit=limit, as_json=as_json)
    if run_id is not None:
        check_run_id(run_id)
    answer = connection.api().get(
        "dead-letters", queue=queue, run_id=run_id, since=since.isoformat() if since else None, limit=limit
    )
    if as_json:
        write_json(answer)
        return DONE
    letters = [
        {
            **letter,
            "occurred_at": moments.shown_text(letter.get("occurred_at")),
            "description": str(letter.get("description") or "")[:CUT],
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
@takes(Connection)
def show(
    connection: Connection,
    dead_letter_id: DeadLetterId = None,
    *,
    broker: BrokerQueue = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> int:
    """One dead letter with its whole body, as far as it was kept."""
    if dead_letter_id is None:
        raise WrongUsage("ID is missing: dead-letters list shows them")
    if broker is not None:
        values = app_environment(settings, local=connection.local)
        return broker_dead_letters.write_one(values, broker, _sequence_number(dead_letter_id), as_json=as_json)
    write_answer(connection.api().get("dead-letters", dead_letter_id), as_json=as_json)
    return DONE


@commands.command()
@takes(Connection)
def replay(
    connection: Connection,
    dead_letter_id: DeadLetterId = None,
    *,
    broker: BrokerQueue = None,
    every: Annotated[bool, typer.Option("--all", help="With --broker: all that are there now.")] = False,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> int:
    """Have one handled again: the app asks again for what its message had asked for.

    With --broker run-events, the only queue whose dead letters the app does not read itself: each message is sent
    again and then taken from the dead-letter queue. If that is interrupted, a message may be there twice, which the
    ledger bears: rows may repeat an EVENT_ID.
    """
    if every == (dead_letter_id is not None):
        raise WrongUsage("give an ID, or --broker QUEUE and --all")
    if broker is None:
        if dead_letter_id is None:
            raise WrongUsage("--all is for --broker: give the ID of a dead letter")
        write_answer(connection.api().post("dead-letters", dead_letter_id, "replay"), as_json=as_json)
        return DONE
    number = None if dead_letter_id is None else _sequence_number(dead_letter_id)
    values = app_environment(settings, local=connection.local)
    return broker_dead_letters.replay(values, broker, number, as_json=as_json)


def _sequence_number(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise WrongUsage(f'"{text[:100]}" is no sequence number: dead-letters list --broker shows them')
