"""Keeps what the broker gave up on, and settles what a dead submit left open."""

from dataclasses import dataclass, replace

from bridge.domain import tags
from bridge.domain.actions import ActionCommand, Deploy
from bridge.domain.commands import CheckRun, SubmitRun
from bridge.domain.records import Records, dead_letter
from bridge.ports import Bridge
from bridge.services import check_chain
from bridge.services.accept_runs import RunRequest, run_id_of
from bridge.services.deploy_model import follow_on
from bridge.services.report import send_records
from bridge.services.settle_action import died


@dataclass(frozen=True, kw_only=True)
class DeadMessage:
    """A message from a dead-letter queue, or one that could not be read."""

    queue: str
    message_id: str
    body: str
    reason: str
    description: str
    #: Of an inbound event: the subscription that delivered it.
    door: str | None = None
    #: What was to be submitted, when it can be read: a command, or a request that was posted straight to the queue.
    submit: SubmitRun | RunRequest | None = None
    #: Of another message.
    run_id: str | None = None
    #: A check that could not be carried out: its chain goes on with the next step.
    check: CheckRun | None = None
    #: What a rule had asked for: a deployment goes on with its next step, anything else has failed.
    action: ActionCommand | None = None


def keep_dead_letter(dead: DeadMessage, bridge: Bridge) -> None:
    """Record the message; for a submit also ask AML whether its job exists, and end the run as FAILED if not.

    Raises: RetryableError only when the queues fail; content never makes it raise.
    """
    check = _check(dead.submit, bridge) if dead.submit is not None else None
    letter = dead_letter(
        queue=dead.queue,
        message_id=dead.message_id,
        body=dead.body,
        reason=dead.reason or "UNKNOWN",
        description=dead.description,
        run_id=check.run_id if check else dead.run_id,
        door=dead.door,
        at=bridge.clock.now(),
    )
    send_records(Records(dead_letters=(letter,)), bridge)
    if dead.check is not None:
        check_chain.schedule_next(dead.check, bridge)
    if isinstance(dead.action, Deploy):
        follow_on(dead.action, letter, bridge)
    elif dead.action is not None:
        died(dead.action, letter, bridge)
    if check is not None:
        why = f"the submit could not be handled and waits in DEAD_LETTERS as {letter.dead_letter_id}"
        check_chain.one_shot(replace(check, origin=f"d.{letter.dead_letter_id}", if_missing_fail=why), bridge)


def _check(submit: SubmitRun | RunRequest, bridge: Bridge) -> CheckRun:
    known = tags.origin_tags(submit.pipeline, submit.origin)
    if isinstance(submit, SubmitRun):
        return CheckRun(run_id=submit.run_id, workspace=submit.workspace, attempt=submit.attempt, tags=known)
    run_id = run_id_of(submit, bridge)
    pipeline = bridge.catalogue.find(submit.pipeline)
    workspace = (pipeline.workspace if pipeline else None) or bridge.workspace
    return CheckRun(run_id=run_id, workspace=workspace, tags=known)
