"""Tells the ledger what happened: facts go to the queue `run-events`, whose consumer is the only writer."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bridge.domain.events import RunEvent
from bridge.domain.identity import short_hash
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.ports import Bridge, Message

#: A Standard queue takes 256 KB, properties and envelope included.
MESSAGE_LIMIT_BYTES = 192 * 1024
#: Of a message of several records. `record` takes hundreds of messages at once, and has to be done with them, in a
#: worker's memory, before their locks run out.
RECORDS_LIMIT_BYTES = 32 * 1024


def report(facts: Sequence[RunEvent], bridge: Bridge) -> None:
    """Send facts about runs to the ledger's queue, in messages that stay under the broker's limit."""
    send_records(Records(run_events=tuple(facts)), bridge)


def send_records(records: Records, bridge: Bridge, *, due: datetime | None = None) -> None:
    """Send records to the ledger's queue, split until each message fits."""
    messages = [
        Message(message_id=_records_id(part), body=part, text=text, due=due) for part, text in _fitting(records, bridge)
    ]
    bridge.sender.send(Queue.RUN_EVENTS, messages)


def _fitting(records: Records, bridge: Bridge) -> Iterator[tuple[Records, str]]:
    for part, text in bridge.sender.parts(records, RECORDS_LIMIT_BYTES):
        if len(text) <= MESSAGE_LIMIT_BYTES:
            yield part, text
        else:
            lighter = part.lighter()
            yield lighter, bridge.sender.text(lighter)


def _records_id(records: Records) -> str:
    ids = [event.event_id for event in records.run_events]
    ids += [event.id for event in records.aml_events] + [letter.dead_letter_id for letter in records.dead_letters]
    ids += [action.decision_id for action in records.rule_actions]
    return f"records:{short_hash(ids)}:{records.try_}"
