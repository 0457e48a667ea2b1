"""Looks dead letters up: lists of them, and single ones with what their messages had asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.domain import identity
from bridge.domain.actions import ActionCommand
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.errors import PoisonMessage
from bridge.domain.inputs import Violation
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records, body_digest
from bridge.ports import Bridge, DeadLetterFilter
from bridge.services.accept_runs import RunRequest, command_or_violations, idempotency_key

#: Of letters that an older version kept, and of messages without the property.
NO_DOORS = frozenset({None, "", "unknown"})


@dataclass(frozen=True, kw_only=True)
class KeptLetter:
    """A row of DEAD_LETTERS whose body is whole."""

    dead_letter_id: str
    queue: Queue
    body: str
    message_id: str
    run_id: str | None
    #: Of an event: the subscription that had delivered it.
    door: str | None


@dataclass(frozen=True, kw_only=True)
class DeadEvents:
    """The events of one message of `inbound-events`."""

    events: Sequence[AmlEvent]


#: Reads a letter's body: a request is one in short form, posted straight to the queue. Raises: PoisonMessage.
ReadLetter = Callable[
    [KeptLetter], SubmitRun | RunRequest | CheckRun | CancelRun | ActionCommand | DeadEvents | Records
]


@dataclass(frozen=True, kw_only=True)
class OpenLetter:
    """A letter and what its message asked for."""

    letter: KeptLetter
    content: SubmitRun | CheckRun | CancelRun | ActionCommand | DeadEvents | Records


def find_dead_letters(wanted: DeadLetterFilter, bridge: Bridge) -> Sequence[Mapping[str, Any]]:
    """Rows of DEAD_LETTERS, newest first, each with the beginning of its body."""
    return bridge.ledger.dead_letters(wanted)


def find_dead_letter(dead_letter_id: str, bridge: Bridge) -> Mapping[str, Any] | Violation:
    """The row of DEAD_LETTERS with its whole body, or that there is none."""
    return bridge.ledger.dead_letters_by_id([dead_letter_id]).get(dead_letter_id) or _unknown(bridge)


def open_dead_letters(
    dead_letter_ids: Sequence[str], read: ReadLetter, bridge: Bridge
) -> Mapping[str, OpenLetter | Sequence[Violation]]:
    """Each of these letters, or why it cannot be handled again.

    Raises: RetryableError when the ledger could not answer.
    """
    rows = bridge.ledger.dead_letters_by_id(dead_letter_ids) if dead_letter_ids else {}
    return {each: _opened(rows[each], read, bridge) if each in rows else [_unknown(bridge)] for each in dead_letter_ids}


def _opened(row: Mapping[str, Any], read: ReadLetter, bridge: Bridge) -> OpenLetter | Sequence[Violation]:
    letter = _whole(row)
    if isinstance(letter, Violation):
        return [letter]
    try:
        content = read(letter)
    except PoisonMessage as error:
        return [_violation("UNREADABLE", f"the message cannot be read: {error}; send a corrected request instead")]
    if isinstance(content, RunRequest):
        run_id = identity.run_id(bridge.name, content.pipeline, idempotency_key(content))
        outcome = command_or_violations(content, run_id, bridge, accepted_at=None)
        if not isinstance(outcome, SubmitRun):
            return outcome
        content = outcome
    return OpenLetter(letter=letter, content=content)


def _whole(row: Mapping[str, Any]) -> KeptLetter | Violation:
    body = row["body"] or ""
    if row["queue"] not in set(Queue):
        return _violation("UNREADABLE", "it comes from no queue of the app")
    if body_digest(body) != row["body_sha256"]:
        return _violation(
            "BODY_CUT",
            f"the message was longer than the {len(body):,} characters that are kept of it: send the request anew",
        )
    if row["queue"] == Queue.INBOUND_EVENTS and row["door"] in NO_DOORS:
        return _violation("UNKNOWN_DOOR", "it is not known which subscription had delivered the event: publish it anew")
    return KeptLetter(
        dead_letter_id=row["dead_letter_id"],
        queue=Queue(row["queue"]),
        body=body,
        message_id=row["message_id"] or "",
        run_id=row["run_id"],
        door=row["door"],
    )


def _unknown(bridge: Bridge) -> Violation:
    seconds = bridge.record_window.total_seconds() + 30
    message = f"DEAD_LETTERS has no such letter; one that was just put aside shows up within {seconds:.0f} seconds"
    return _violation("UNKNOWN_DEAD_LETTER", message)


def _violation(code: str, message: str) -> Violation:
    return Violation(code=code, message=message, field="dead_letter_id")
