"""How an action ends: done, given up, or tried again later; what ends is a row of RULE_ACTIONS."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.domain.actions import ActionCommand
from bridge.domain.errors import RetryableError
from bridge.domain.queues import Queue
from bridge.domain.records import ActionStatus, DeadLetter, Records, RuleAction, dead_letter
from bridge.ports import Bridge, Message
from bridge.services.action_rows import action_row
from bridge.services.report import send_records

GAVE_UP = "GAVE_UP"
DEAD_LETTERED = "DEAD_LETTERED"


def done(command: ActionCommand, outcome: Mapping[str, Any], bridge: Bridge) -> None:
    """The bridge's own events leave no row: they tell of rows themselves."""
    if command.occasion is not None:
        row = action_row(
            command.op, command.occasion, ActionStatus.DONE, bridge, payload=outcome, attempt=command.attempt
        )
        send_records(Records(rule_actions=(row,)), bridge)


def failed(command: ActionCommand, code: str, message: str, bridge: Bridge) -> None:
    """The action is kept as a dead letter, so that it can be replayed once its cause is mended."""
    letter = dead_letter(
        queue=Queue.RUN_CONTROL,
        message_id=command.message_id,
        body=bridge.sender.text(command),
        reason=code,
        description=message,
        run_id=command.occasion.run_id if command.occasion else None,
        at=bridge.clock.now(),
    )
    rows: tuple[RuleAction, ...] = ()
    if command.occasion is not None:
        payload = {"why": [message], "dead_letter_id": letter.dead_letter_id}
        rows = (
            action_row(
                command.op,
                command.occasion,
                ActionStatus.FAILED,
                bridge,
                reason=code,
                payload=payload,
                attempt=command.attempt,
            ),
        )
    send_records(Records(rule_actions=rows, dead_letters=(letter,)), bridge)


def died(command: ActionCommand, letter: DeadLetter, bridge: Bridge) -> None:
    """The broker gave up on the action, and its letter is kept."""
    if command.occasion is not None:
        payload = {"why": [letter.description or letter.reason], "dead_letter_id": letter.dead_letter_id}
        row = action_row(
            command.op,
            command.occasion,
            ActionStatus.FAILED,
            bridge,
            reason=DEAD_LETTERED,
            payload=payload,
            attempt=command.attempt,
        )
        send_records(Records(rule_actions=(row,)), bridge)


def try_later(command: ActionCommand, error: RetryableError, bridge: Bridge) -> None:
    """Schedule the next try, unless this was the last one."""
    if bridge.retry.gives_up(command.try_, error):
        failed(command, GAVE_UP, f"given up after {command.try_ + 1} tries; the last answer: {error}", bridge)
        return
    send(command.next_try(), bridge, due=bridge.clock.now() + bridge.retry.wait(command.try_, error))


def send(command: ActionCommand, bridge: Bridge, *, due: datetime | None = None) -> None:
    bridge.sender.send(Queue.RUN_CONTROL, [Message(message_id=command.message_id, body=command, due=due)])
