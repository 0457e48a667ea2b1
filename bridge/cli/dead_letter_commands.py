"""`dead-letters …`: messages that could not be handled, by the app's HTTP API."""

import argparse
from typing import TYPE_CHECKING

from bridge.cli import moments
from bridge.cli.connection import api, connection_options
from bridge.cli.failures import DONE
from bridge.cli.options import json_option, positive
from bridge.cli.output import field_lines, say, table, write, write_json

if TYPE_CHECKING:
    from bridge.cli.options import Verbs

_COLUMNS = ("dead_letter_id", "occurred_at", "queue", "reason", "run_id", "description")
#: Characters of a description in a table.
_CUT = 80


def add(verbs: "Verbs") -> None:
    """The parsers of these commands."""
    letters = verbs.add_parser("dead-letters", help="list and replay messages that could not be handled")
    actions = letters.add_subparsers(dest="verb", required=True)
    parents = [connection_options(), json_option()]
    listing = actions.add_parser("list", parents=parents, help="dead letters of the ledger, newest first")
    listing.add_argument("--queue", help="such as run-commands")
    listing.add_argument("--run-id")
    listing.add_argument("--since", metavar="WHEN", type=moments.moment, help="a date, or a date and time; in UTC")
    listing.add_argument("--limit", metavar="N", type=positive, default=50, help="1 to 500; default: 50")
    listing.set_defaults(command=_list)
    replay = actions.add_parser("replay", parents=parents, help="have one handled again")
    replay.add_argument("dead_letter_id", metavar="ID")
    replay.set_defaults(command=_replay)


def _list(options: argparse.Namespace) -> int:
    answer = api(options).get(
        "dead-letters",
        queue=options.queue,
        run_id=options.run_id,
        since=options.since.isoformat() if options.since else None,
        limit=options.limit,
    )
    if options.json:
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
    write(table(letters, _COLUMNS) if letters else ["no such dead letters"])
    if len(letters) == options.limit:
        say(f"these are the newest {options.limit}: --limit shows more")
    return DONE


def _replay(options: argparse.Namespace) -> int:
    answer = api(options).post("dead-letters", options.dead_letter_id, "replay")
    if options.json:
        write_json(answer)
    else:
        write(field_lines(answer))
    return DONE
