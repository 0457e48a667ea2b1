"""Takes what Event Grid delivers: AML's events move a run forward, but only a check ends it; rules see every event."""

import logging
from dataclasses import replace

from bridge.domain import aml_events, event_kinds, events, statuses, tags
from bridge.domain.aml_events import RunHint
from bridge.domain.commands import CheckRun
from bridge.domain.errors import Paced, RetryableError
from bridge.domain.inbound import InboundEvent
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records, dead_letter
from bridge.domain.verdicts import Reason
from bridge.ports import Bridge, Message
from bridge.services import check_chain
from bridge.services.bridge_events import publish_end, publish_fired
from bridge.services.decide_rules import Decisions, RulesWait, correlation_of, decide_rules
from bridge.services.report import send_records
from bridge.services.request_by_event import request_run

log = logging.getLogger(__name__)
GAVE_UP = "GAVE_UP"


def ingest_event(event: AmlEvent, bridge: Bridge, *, try_: int = 0) -> None:
    """Do what the event hints at and what the rules make of it, and keep it.

    Raises: RetryableError when the queues fail, so that the broker delivers again.
    """
    kind = event.event_type.lower()
    if kind == aml_events.RUN_REQUEST:
        request_run(event, bridge)
        return
    hint = None
    if (problem := event_kinds.door_problem(event)) is not None:
        log.warning("refused event %s of type %s: %s", event.id, event.event_type, problem)
        return
    if kind.startswith(aml_events.PREFIX):
        if event.topic.lower() not in bridge.workspace_ids:
            log.warning("refused an AML event of topic %s: not one of our workspaces", event.topic)
            return
        hint = _our_hint(event, bridge)
    if kind == event_kinds.RUN_ENDED:
        publish_end(event, bridge)
    decisions = _decided(event, try_, bridge)
    if try_ > 0:  # it was kept when it came; only the rules were still to be decided
        if decisions.rows:
            send_records(Records(rule_actions=decisions.rows), bridge)
        return
    _keep(event, hint, decisions, bridge)
    if hint is not None and _needs_check(hint):
        check_chain.one_shot(CheckRun(run_id=hint.run_id, workspace=hint.workspace, origin=f"e.{event.id}"), bridge)


def _our_hint(event: AmlEvent, bridge: Bridge) -> RunHint | None:
    """What the event claims about a run of this bridge; nothing about runs that carry another's tag."""
    hint = aml_events.run_hint(event)
    if hint is None or hint.tags.get(tags.BRIDGE, bridge.name) != bridge.name:
        return None
    # Azure spells ids in any case; the workspace is known by the name that the settings give it.
    workspace = next(name for name in bridge.workspaces if name.lower() == hint.workspace.lower())
    return replace(hint, workspace=workspace)


def _decided(event: AmlEvent, try_: int, bridge: Bridge) -> Decisions:
    """What the rules make of it. What they need to know of AML first is asked again later, without them."""
    try:
        decisions = decide_rules(event, bridge)
    except (RulesWait, Paced) as error:
        _decide_later(event, try_, error, bridge)
        return Decisions(matched=True)
    publish_fired(decisions.rows, bridge)
    return decisions


def _decide_later(event: AmlEvent, try_: int, error: RetryableError, bridge: Bridge) -> None:
    now = bridge.clock.now()
    copy = InboundEvent(event=event, try_=try_ + 1)
    if not bridge.retry.gives_up(try_, error):
        due = now + bridge.retry.wait(try_, error)
        bridge.sender.send(Queue.INBOUND_EVENTS, [Message(message_id=copy.message_id, body=copy, due=due)])
        return
    letter = dead_letter(
        queue=Queue.INBOUND_EVENTS,
        message_id=copy.message_id,
        body=bridge.sender.text(copy),
        reason=GAVE_UP,
        description=f"the rules could not be decided in {try_ + 1} tries; the last answer: {error}",
        run_id=event_kinds.run_of(event),
        door=event.door,
        at=now,
    )
    send_records(Records(dead_letters=(letter,)), bridge)


def _keep(event: AmlEvent, hint: RunHint | None, decisions: Decisions, bridge: Bridge) -> None:
    """Rows for the ledger: the event as it came, what it says of a run on its way, and what the rules decided."""
    kind = event.event_type.lower()
    is_kept = decisions.matched or bridge.record_all_events or kind in aml_events.KEPT or hint is not None
    rows = decisions.rows
    if not is_kept and kind.startswith(aml_events.PREFIX):
        # Of the runs of others, which may be many, no rule wanted this one.
        rows = tuple(row for row in rows if row.reason != Reason.WHERE)
    fact = _fact(event, hint) if hint is not None else None
    kept = replace(event, correlation_id=decisions.correlation_id or correlation_of(event))
    records = Records(
        run_events=(fact,) if fact is not None else (),
        aml_events=(kept,) if is_kept else (),
        rule_actions=rows,
    )
    if len(records):
        send_records(records, bridge)
    else:
        log.info("no use for event %s of type %s from door %s", event.id, event.event_type, event.door)


def _fact(event: AmlEvent, hint: RunHint) -> events.RunEvent | None:
    """A status on the way becomes a fact at once; an end is looked up in AML first, which also knows the error.

    Without our tag the event cannot prove that the job is this bridge's: the check will.
    """
    if tags.BRIDGE not in hint.tags or statuses.is_terminal(hint.status) or event.event_time is None:
        return None
    return events.job_fact(
        hint.run_id,
        hint.status,
        event.event_time,
        workspace=hint.workspace,
        pipeline=hint.tags.get(tags.PIPELINE),
        fingerprint=hint.tags.get(tags.FINGERPRINT),
        trace_id=hint.tags.get(tags.TRACE_ID),
    )


def _needs_check(hint: RunHint) -> bool:
    return statuses.is_terminal(hint.status) or tags.BRIDGE not in hint.tags
