"""What `dead-letters … --broker` writes, and what it refuses to send again."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from bridge.cli import moments
from bridge.cli.failures import DONE, FAILED, Refused, WrongUsage
from bridge.cli.output import say, write, write_answer, write_json, write_table
from bridge.cli.progress import working
from bridge.domain.queues import Queue

if TYPE_CHECKING:
    from bridge.cli.broker import Broker, DeadMessage

_COLUMNS = ("queue", "sequence_number", "enqueued_at", "reason", "delivery_count", "message_id", "description")
#: Characters of a description in a table.
_CUT = 80


def write_list(environ: Mapping[str, str], queue: Queue | None, *, limit: int, as_json: bool) -> int:
    """The oldest of each queue."""
    from bridge.cli.broker import broker

    queues = [queue] if queue else list(Queue)
    with broker(environ) as found, working("looking into the dead-letter queues", total=len(queues)) as step:
        letters = []
        for each in queues:
            letters.append(found.dead(each, limit=limit))
            step()
    everything = [letter for of_queue in letters for letter in of_queue]
    if as_json:
        write_json({"dead_letters": [asdict(letter) for letter in everything], "limit": limit})
        return DONE
    rows = [
        {
            **asdict(letter),
            "enqueued_at": moments.shown_text(letter.enqueued_at),
            "description": letter.description[:_CUT],
        }
        for letter in everything
    ]
    if rows:
        write_table(rows, _COLUMNS)
    else:
        write([f"no dead letters at the broker in {', '.join(queues)}"])
    if any(len(of_queue) == limit for of_queue in letters):
        say(f"these are the oldest {limit} of each queue: --limit shows more")
    return DONE


def write_one(environ: Mapping[str, str], queue: Queue, sequence_number: int, *, as_json: bool) -> int:
    """With its whole body. Raises: Refused."""
    from bridge.cli.broker import broker

    with broker(environ) as found:
        letter = _one(found, queue, sequence_number)
    write_answer(asdict(letter), as_json=as_json)
    return DONE


def replay(environ: Mapping[str, str], queue: Queue, sequence_number: int | None, *, as_json: bool) -> int:
    """One, or all that are there now. Raises: WrongUsage; Refused."""
    from bridge.cli.broker import broker

    if queue is not Queue.RUN_EVENTS:
        raise WrongUsage(f"the app reads the dead letters of {queue} itself: replay them by their ID in the ledger")
    with broker(environ) as found:
        if sequence_number is None:
            wanted = found.numbers(queue)
        else:
            wanted = frozenset({_one(found, queue, sequence_number).sequence_number})
        sent = _sent_again(found, queue, wanted) if wanted else {}
    kept = [number for number, is_gone in sent.items() if not is_gone]
    missed = sorted(wanted - sent.keys())
    if as_json:
        write_json({"queue": queue, "replayed": list(sent), "still_there": kept, "not_found": missed})
    else:
        write([f"{queue}: {len(sent)} of {len(wanted)} dead letters were sent again"])
    if kept:
        say(f"sent, but perhaps still in the dead-letter queue, as the lock was lost: {', '.join(map(str, kept))}")
    if missed:
        say("the others are held or were taken by somebody else: look again in five minutes")
    return FAILED if missed else DONE


def _sent_again(found: "Broker", queue: Queue, wanted: frozenset[int]) -> dict[int, bool]:
    """Whether each that was sent is gone from the dead letters."""
    sent: dict[int, bool] = {}
    try:
        with working("sending again", total=len(wanted)) as step:
            for number, is_gone in found.replay(queue, wanted):
                sent[number] = is_gone
                step()
    except Refused as error:
        raise Refused(f"{error}\n{len(sent)} of {len(wanted)} dead letters were sent again before that") from error
    return sent


def _one(found: "Broker", queue: Queue, sequence_number: int) -> "DeadMessage":
    letters = found.dead(queue, limit=1, first=sequence_number)
    if not letters or letters[0].sequence_number != sequence_number:
        raise Refused(f"{queue} has no dead letter {sequence_number}: dead-letters list --broker shows them")
    return letters[0]
