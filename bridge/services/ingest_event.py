"""Takes what Event Grid delivers: AML's events move a run forward, but only a check ends it; requests become runs."""

import logging
from dataclasses import replace

from bridge.domain import aml_events, events, statuses, tags
from bridge.domain.aml_events import RunHint
from bridge.domain.commands import CheckRun
from bridge.domain.records import AmlEvent, Records
from bridge.ports import Bridge
from bridge.services import check_chain
from bridge.services.report import send_records
from bridge.services.request_by_event import request_run

log = logging.getLogger(__name__)


def ingest_event(event: AmlEvent, bridge: Bridge) -> None:
    """Keep the event, and do what it hints at.

    Raises: RetryableError when the queues fail, so that the broker delivers again.
    """
    kind = event.event_type.lower()
    if kind == aml_events.RUN_REQUEST:
        request_run(event, bridge)
        return
    if not kind.startswith(aml_events.PREFIX):
        _keep_other(event, bridge)
        return
    if event.door != aml_events.WORKSPACE_DOOR or event.topic.lower() not in bridge.workspace_ids:
        log.warning("refused an AML event from door %s, topic %s: not one of our workspaces", event.door, event.topic)
        return
    hint = aml_events.run_hint(event)
    if hint is not None and hint.tags.get(tags.BRIDGE, bridge.name) == bridge.name:
        # Azure spells ids in any case; the workspace is known by the name that the settings give it.
        workspace = next(name for name in bridge.workspaces if name.lower() == hint.workspace.lower())
        _follow(event, replace(hint, workspace=workspace), bridge)
    elif kind in aml_events.KEPT or bridge.record_all_events:
        send_records(Records(aml_events=(event,)), bridge)


def _follow(event: AmlEvent, hint: RunHint, bridge: Bridge) -> None:
    """A status on the way becomes a fact at once; an end is looked up in AML first, which also knows the error."""
    ended = statuses.is_terminal(hint.status)
    # Without our tag the event cannot prove that the job is this bridge's: the check will.
    proven = tags.BRIDGE in hint.tags
    facts: tuple[events.RunEvent, ...] = ()
    if proven and not ended and event.event_time is not None:
        facts = (
            events.job_fact(
                hint.run_id,
                hint.status,
                event.event_time,
                workspace=hint.workspace,
                pipeline=hint.tags.get(tags.PIPELINE),
                fingerprint=hint.tags.get(tags.FINGERPRINT),
            ),
        )
    send_records(Records(run_events=facts, aml_events=(event,)), bridge)
    if ended or not proven:
        check = CheckRun(run_id=hint.run_id, workspace=hint.workspace, origin=f"e.{event.id}")
        check_chain.one_shot(check, bridge)


def _keep_other(event: AmlEvent, bridge: Bridge) -> None:
    if bridge.record_all_events:
        send_records(Records(aml_events=(event,)), bridge)
    else:
        log.info("no use for event %s of type %s from door %s", event.id, event.event_type, event.door)
