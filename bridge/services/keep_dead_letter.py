"""Keeps what the broker gave up on, and settles what a dead submit left open."""

from dataclasses import dataclass

from bridge.domain.commands import CheckRun, SubmitRun
from bridge.domain.records import Records, dead_letter
from bridge.ports import Bridge
from bridge.services import check_chain
from bridge.services.report import send_records


@dataclass(frozen=True, kw_only=True)
class DeadMessage:
    """A message from a dead-letter queue, or one that could not be read."""

    queue: str
    message_id: str
    body: str
    reason: str
    description: str
    #: The command in it, when it can be read.
    command: SubmitRun | None = None
    run_id: str | None = None


def keep_dead_letter(dead: DeadMessage, bridge: Bridge) -> None:
    """Record the message; for a submit also ask AML whether its job exists, and end the run as FAILED if not.

    Raises: RetryableError only when the queues fail; content never makes it raise.
    """
    letter = dead_letter(
        queue=dead.queue,
        message_id=dead.message_id,
        body=dead.body,
        reason=dead.reason or "UNKNOWN",
        description=dead.description,
        run_id=dead.command.run_id if dead.command else dead.run_id,
        at=bridge.clock.now(),
    )
    send_records(Records(dead_letters=(letter,)), bridge)
    if dead.command is not None:
        check = CheckRun(
            run_id=dead.command.run_id,
            workspace=dead.command.workspace,
            origin=f"d.{letter.dead_letter_id}",
            attempt=dead.command.attempt,
            if_missing_fail=f"the submit could not be handled and waits in DEAD_LETTERS as {letter.dead_letter_id}",
        )
        check_chain.one_shot(check, bridge)
