"""The Event Grid and timer triggers."""

import logging
from typing import Any

import azure.functions as func

from bridge.domain.aml_events import WORKSPACE_DOOR
from bridge.domain.context import about
from bridge.domain.errors import PoisonMessage
from bridge.domain.signals import SpanKind
from bridge.handlers.tracing import of_event
from bridge.payloads import event_grid, lossless
from bridge.ports import Bridge
from bridge.services.ingest_event import ingest_event
from bridge.services.sweep_jobs import sweep_jobs

log = logging.getLogger(__name__)


def workspace_event(event: func.EventGridEvent | func.CloudEvent, bridge: Bridge) -> None:
    """An event by webhook, the alternative to the queue; a subscription of the workspace is its only sender.

    The webhook carries no delivery properties, so this door is only for the workspace, whose topic is checked as well.
    """
    try:
        events = event_grid.read_events(lossless.dumps(_document(event)), WORKSPACE_DOOR)
    # The platform also reads NaN, which is no JSON, and deeper than it can be written again.
    except (PoisonMessage, ValueError, RecursionError) as error:
        # Raising would have Event Grid send it again for a day; a check finds what the event would have told.
        log.warning("an event cannot be read: %s", error)
        return
    for read in events:
        subject = of_event(read)
        with (
            about(run_id=subject.run_id, correlation_id=subject.correlation_id),
            bridge.telemetry.span("process workspace event", SpanKind.CONSUMER, parent=subject.trace),
        ):
            ingest_event(read, bridge)


def _document(event: func.EventGridEvent | func.CloudEvent) -> dict[str, Any]:
    """The event's JSON, which the platform has taken apart; it makes another class of CloudEvents."""
    if isinstance(event, func.CloudEvent):
        kind, topic, time = event.type, event.source, event.time
    else:
        kind, topic, time = event.event_type, event.topic, event.event_time
    return {
        "id": event.id,
        "eventType": kind,
        "subject": event.subject,
        "topic": topic,
        "eventTime": time.isoformat() if time else None,
        "data": event.get_json(),
    }


def sweep(timer: func.TimerRequest, bridge: Bridge) -> None:
    """The daily comparison of AML with the ledger."""
    if timer.past_due:
        log.warning("the sweep runs late")
    with bridge.telemetry.span("sweep", SpanKind.INTERNAL):
        sweep_jobs(bridge)
