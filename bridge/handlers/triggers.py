"""The Event Grid and timer triggers."""

import logging
from typing import Any

import azure.functions as func

from bridge.domain.aml_events import WORKSPACE_DOOR
from bridge.domain.errors import PoisonMessage
from bridge.payloads import event_grid, lossless
from bridge.ports import Bridge
from bridge.services.ingest_event import ingest_event
from bridge.services.sweep_jobs import sweep_jobs

log = logging.getLogger(__name__)


def workspace_event(event: func.EventGridEvent, bridge: Bridge) -> None:
    """An event by webhook, the alternative to the queue; a subscription of the workspace is its only sender.

    The webhook carries no delivery properties, so this door is only for the workspace, whose topic is checked as well.
    """
    document: dict[str, Any] = {
        "id": event.id,
        "eventType": event.event_type,
        "subject": event.subject,
        "topic": event.topic,
        "eventTime": event.event_time.isoformat() if event.event_time else None,
        "data": event.get_json(),
    }
    try:
        for read in event_grid.read_events(lossless.dumps(document), WORKSPACE_DOOR):
            ingest_event(read, bridge)
    except PoisonMessage as error:
        # Raising would have Event Grid send it again for a day; a check finds what the event would have told.
        log.warning("an event cannot be read: %s", error)


def sweep(timer: func.TimerRequest, bridge: Bridge) -> None:
    """The daily comparison of AML with the ledger."""
    if timer.past_due:
        log.warning("the sweep runs late")
    sweep_jobs(bridge)
