"""The per-run timer: a chain of scheduled `check` messages, so that nobody polls and no event is needed."""

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.commands import LAST_STEP, CheckRun
from bridge.domain.queues import Queue
from bridge.ports import Bridge, Message

#: Minutes after submission; hourly from there on.
FIRST_STEPS = (2, 5, 15, 30, 60)
#: AML lets no job live longer than 30 days.
LAST_AFTER = timedelta(days=31)


def schedule_first(check: CheckRun, bridge: Bridge) -> None:
    _schedule(replace(check, step=1, origin=""), bridge)


def schedule_next(check: CheckRun, bridge: Bridge) -> None:
    """Only a step of the chain has a successor; a one-shot check, whoever asked for it, has none."""
    if check.step is None or check.submitted_at is None:
        return
    # A chain that slept through its steps, in an outage of days, goes on with the next one that is still ahead.
    step = max(check.step + 1, _first_ahead(bridge.clock.now() - check.submitted_at))
    if step <= LAST_STEP:  # more than two hundred years: nobody has submitted that
        _schedule(replace(check, step=step, try_=0), bridge)


def _first_ahead(elapsed: timedelta) -> int:
    """The first step that is due later than this after submission."""
    minutes = elapsed / timedelta(minutes=1)
    if minutes < FIRST_STEPS[-1]:
        return 1 + sum(step <= minutes for step in FIRST_STEPS)
    return len(FIRST_STEPS) + 1 + (elapsed - timedelta(minutes=FIRST_STEPS[-1])) // timedelta(hours=1)


def due_at(check: CheckRun) -> datetime:
    """When this step is due: absolute, and the pipeline's timeout at the latest."""
    if check.step is None or check.submitted_at is None:
        raise ValueError(f"{check.op} is not a step of a chain")
    if check.step <= len(FIRST_STEPS):
        after = timedelta(minutes=FIRST_STEPS[check.step - 1])
    else:
        after = timedelta(minutes=FIRST_STEPS[-1] + 60 * (check.step - len(FIRST_STEPS)))
    return check.submitted_at + after


def one_shot(check: CheckRun, bridge: Bridge, *, due: datetime | None = None) -> None:
    """Ask for one extra look at the run, soon; it starts no chain."""
    bridge.sender.send(Queue.RUN_CONTROL, [Message(message_id=check.message_id, body=check, due=due)])


def _schedule(check: CheckRun, bridge: Bridge) -> None:
    due = due_at(check)
    # While the timeout is ahead it is a due time like any other; once it is over the steps go on as before.
    if check.timeout_at is not None and bridge.clock.now() < check.timeout_at < due:
        due = check.timeout_at
    bridge.sender.send(Queue.RUN_CONTROL, [Message(message_id=check.message_id, body=check, due=due)])
