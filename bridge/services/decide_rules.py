"""Runs the rules over an event: what they want done is queued, and every decision becomes a row of RULE_ACTIONS."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bridge.domain import event_kinds, rules
from bridge.domain.actions import ActionCommand, Occasion
from bridge.domain.aml_events import workspace_of
from bridge.domain.errors import Paced, PermanentError, RetryableError
from bridge.domain.identity import short_hash
from bridge.domain.queues import Queue
from bridge.domain.records import ActionStatus, AmlEvent, RuleAction
from bridge.domain.rules import SubmitAction
from bridge.domain.verdicts import Reason, Verdict, guard, judge
from bridge.ports import Bridge, Message
from bridge.services.action_rows import action_row
from bridge.services.find_job import known_workspace
from bridge.services.plan_actions import command_for, submit_by_rule
from bridge.services.report import MESSAGE_LIMIT_BYTES

log = logging.getLogger(__name__)
#: The broker finds repeated messages for ten minutes; what happened earlier is looked up before it is done again.
LATE = timedelta(minutes=9)
#: Of whoever gave it; the tags of jobs take no more.
CORRELATION_LIMIT = 1000


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What the rules made of one event."""

    rows: tuple[RuleAction, ...] = ()
    #: Whether any rule's conditions hold: such an event is kept.
    matched: bool = False
    #: What the event belongs to, where only its job says so.
    correlation_id: str | None = None


class RulesWait(RetryableError):
    """Azure ML has to say which rules led to an event before any may act on it, and does not."""


def decide_rules(event: AmlEvent, bridge: Bridge) -> Decisions:
    """Judge the event by every rule about it, and have done what they ask for.

    Raises: RulesWait, or Paced when Azure ML could not even be asked; another RetryableError when the queues fail.
    The same event again asks for the same, under the same ids.
    """
    about = bridge.reactions.rules.about(event)
    verdicts = [judge(rule, event, bridge.name) for rule in about]
    traced = _traced(event, verdicts, bridge)
    verdicts = [_guarded(verdict, traced) for verdict in verdicts]
    verdicts = _unused(verdicts, event, bridge)
    rows = _act([verdict for verdict in verdicts if verdict.acts], event, traced, bridge)
    rows += [not_fired(verdict, traced, bridge) for verdict in verdicts if not verdict.acts]
    return Decisions(
        rows=tuple(row for row in rows if row.reason != Reason.REPEATED),
        matched=any(verdict.reason != Reason.WHERE for verdict in verdicts),
        correlation_id=correlation_of(traced),
    )


def correlation_of(event: AmlEvent) -> str:
    """Of a length that everything takes which it goes into."""
    return rules.correlation_id(event)[:CORRELATION_LIMIT]


def occasion(verdict: Verdict, event: AmlEvent) -> Occasion:
    """Why the action is done, for everything that it leads to."""
    return Occasion(
        rule=verdict.rule.name,
        action_id=verdict.action_id,
        event_id=event.id,
        event_type=event.event_type[:200],
        event_time=event.event_time,
        correlation_id=correlation_of(event),
        run_id=event_kinds.run_of(event),
        rule_chain=(*(rules.rule_chain(event) or ()), verdict.rule.name),
    )


def not_fired(verdict: Verdict, event: AmlEvent, bridge: Bridge) -> RuleAction:
    """The row that says why the rule left the event alone."""
    reason = str(verdict.reason)
    payload = {"why": list(verdict.words), **({"planned": dict(verdict.planned)} if verdict.planned else {})}
    return RuleAction(
        decision_id=short_hash([verdict.action_id, event.id, ActionStatus.NOT_FIRED, reason]),
        action_id=verdict.action_id,
        rule=verdict.rule.name,
        event_id=event.id,
        event_type=event.event_type,
        action=verdict.rule.action.kind,
        status=ActionStatus.NOT_FIRED,
        reason=reason,
        run_id=event_kinds.run_of(event),
        correlation_id=correlation_of(event),
        payload=payload,
        occurred_at=bridge.clock.now(),
    )


def _traced(event: AmlEvent, verdicts: Sequence[Verdict], bridge: Bridge) -> AmlEvent:
    """The event with its job's tags, where it does not say itself what it belongs to and which rules led to it."""
    run_id = event_kinds.run_of(event)
    if run_id is None or rules.rule_chain(event) is not None or not any(verdict.acts for verdict in verdicts):
        return event
    return replace(event, data={**event.data, "tags": _tags_of_job(event, run_id, bridge)})


def _guarded(verdict: Verdict, traced: AmlEvent) -> Verdict:
    words = guard(verdict.rule, rules.rule_chain(traced) or ()) if verdict.acts else None
    return verdict if words is None else replace(verdict, reason=Reason.LOOP_GUARD, words=(words,))


def _tags_of_job(event: AmlEvent, run_id: str, bridge: Bridge) -> Mapping[str, str]:
    workspace = known_workspace(workspace_of(event.topic), bridge)
    try:
        job = bridge.jobs.get(workspace, run_id)
    except Paced:
        raise
    except (PermanentError, RetryableError) as error:
        wait = error.retry_after if isinstance(error, RetryableError) else None
        raise RulesWait(f"AML does not say which rules led to run {run_id}: {error}", retry_after=wait) from error
    return job.tags if job is not None else {}


def _unused(verdicts: Sequence[Verdict], event: AmlEvent, bridge: Bridge) -> list[Verdict]:
    """Those whose occasion was used up before are left out: by the same event, or by an earlier one.

    A run is its own memory, as its name comes from the occasion. For all else the ledger is asked, but only where the
    broker's own detection of repeated messages cannot help; a ledger that is away holds up nothing, because every
    action has the same id when it is repeated.
    """
    is_late = event.event_time is None or abs(bridge.clock.now() - event.event_time) > LATE
    asked = [
        verdict.action_id
        for verdict in verdicts
        if verdict.acts and (is_late or verdict.rule.cool_down) and not _is_own_memory(verdict)
    ]
    try:
        fired = bridge.ledger.fired(asked) if asked else {}
    except RetryableError as error:
        log.warning("the ledger does not say whether %d actions were done before: %s", len(asked), error)
        fired = {}
    return [_used_up(verdict, fired.get(verdict.action_id), event) for verdict in verdicts]


def _is_own_memory(verdict: Verdict) -> bool:
    return isinstance(verdict.rule.action, SubmitAction) and verdict.rule.cool_down is None


def _used_up(verdict: Verdict, by: str | None, event: AmlEvent) -> Verdict:
    if by is None:
        return verdict
    if by == event.id:
        return replace(verdict, reason=Reason.REPEATED)
    return replace(verdict, reason=Reason.COOL_DOWN, words=(f"event {by} was the first on this occasion",))


def _act(verdicts: Sequence[Verdict], event: AmlEvent, traced: AmlEvent, bridge: Bridge) -> list[RuleAction]:
    """Commands first, rows second: an action without its row is done, a row without its action would be a lie."""
    rows, messages = [], []
    for verdict in verdicts:
        why = occasion(verdict, traced)
        if isinstance(verdict.rule.action, SubmitAction):
            rows.append(submit_by_rule(verdict, why, bridge))
            continue
        command = command_for(verdict, why, event, bridge)
        if (size := len(bridge.sender.text(command).encode())) > MESSAGE_LIMIT_BYTES:
            rows.append(_too_large(command, why, size, bridge))
            continue
        messages.append(Message(message_id=command.message_id, body=command))
        payload = {"planned": dict(verdict.planned)}
        rows.append(action_row(command.op, why, ActionStatus.FIRED, bridge, payload=payload))
    if messages:
        bridge.sender.send(Queue.RUN_CONTROL, messages)
    return rows


def _too_large(command: ActionCommand, why: Occasion, size: int, bridge: Bridge) -> RuleAction:
    """One rule that takes too much of an event holds up no other."""
    message = f"the action takes {size:,} bytes, {MESSAGE_LIMIT_BYTES:,} is the limit: take less from the event"
    payload = {"why": [message]}
    return action_row(command.op, why, ActionStatus.FAILED, bridge, reason="TOO_LARGE", payload=payload)
