"""Event Grid topics through azure-eventgrid, in the Event Grid schema or, for events with a source, as CloudEvents.

The SDK (4.22) checks no limits, so requests are split here, and for topics it ignores what its constructor is told
about retries and timeouts, so every call says it.
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.domain.errors import AccessDenied, PermanentError, RetryableError, ServiceUnavailable, Throttled
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.signals import SILENT, Attributes, SpanKind, Telemetry
from bridge.payloads.outgoing import event_bytes, write_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import TokenCredential
    from azure.eventgrid import EventGridPublisherClient

#: A topic takes 1 MB an event and a request; some is left for what the service adds.
REQUEST_LIMIT_BYTES = 1_000_000
REQUEST_LIMIT_EVENTS = 5_000
#: A caller waits: it gets its 503 after some seconds, not after minutes.
_CALL: dict[str, Any] = {
    "retry_total": 2,
    "retry_backoff_factor": 0.2,
    "connection_timeout": 5,
    "read_timeout": 20,
}


class EventGridTopics:
    """EventPublisher over Event Grid; connects on the first event for a topic."""

    def __init__(
        self,
        *,
        keys: Mapping[str, str],
        credential: "Callable[[], TokenCredential]",
        telemetry: Telemetry = SILENT,
    ) -> None:
        #: By endpoint; other topics are for the app's identity, and never see another topic's key.
        self._keys = keys
        self._credential = credential
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._clients: dict[str, EventGridPublisherClient] = {}

    def size(self, event: OutgoingEvent) -> int:
        return event_bytes(event)

    def publish(self, topic: str, events: Sequence[OutgoingEvent]) -> None:
        groups = list(_fitting(events))
        host = str(urlsplit(topic).hostname)
        with _translated(f"Event Grid, topic {host},"):
            client = self._client(topic)
            for group in groups:
                with self._telemetry.span("send events", SpanKind.PRODUCER, attributes=_sending(host, len(group))):
                    client.send([write_event(event) for event in group], **_CALL)

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _client(self, topic: str) -> "EventGridPublisherClient":
        from azure.core.credentials import AzureKeyCredential
        from azure.eventgrid import EventGridPublisherClient

        # The SDK takes what a call says for attributes of each CloudEvent as well, and warns that they are unknown.
        logging.getLogger("azure.eventgrid._legacy._generated._serialization").setLevel(logging.ERROR)
        with self._lock:
            if topic not in self._clients:
                key = self._keys.get(topic)
                self._clients[topic] = EventGridPublisherClient(
                    topic, AzureKeyCredential(key) if key else self._credential()
                )
            return self._clients[topic]


def _sending(host: str, events: int) -> Attributes:
    return {
        "messaging.system": "eventgrid",
        "messaging.destination.name": host.partition(".")[0],
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.batch.message_count": events,
        "server.address": host,
    }


def _fitting(events: Sequence[OutgoingEvent]) -> Iterator[list[OutgoingEvent]]:
    """Groups that a request takes, each of one schema. Raises: PermanentError for an event too large by itself."""
    group: list[OutgoingEvent] = []
    size = 0
    for event in events:
        length = event_bytes(event)
        if length > REQUEST_LIMIT_BYTES:
            message = f"event {event.event_id} takes {length:,} bytes, {REQUEST_LIMIT_BYTES:,} is the limit"
            raise PermanentError(message, code="TOO_LARGE")
        is_full = size + length > REQUEST_LIMIT_BYTES or len(group) == REQUEST_LIMIT_EVENTS
        if group and (is_full or (group[-1].source is None) != (event.source is None)):
            yield group
            group, size = [], 0
        group.append(event)
        size += length
    if group:
        yield group


@contextmanager
def _translated(what: str) -> Iterator[None]:
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ResourceNotFoundError,
    )

    try:
        yield
    except HttpResponseError as error:
        # The SDK replaces its own "not found" by one that has no status.
        status = 404 if isinstance(error, ResourceNotFoundError) else error.status_code
        if isinstance(error, ClientAuthenticationError) and status is None:
            raise RetryableError(f"{what} could not be asked: the app's identity got no token") from error
        if status in {401, 403}:
            fix = "its identity needs EventGrid Data Sender, or the settings the topic's key"
            raise AccessDenied(f"{what} refused the app: {fix}", code="ACCESS_DENIED") from error
        if status == 429:
            raise Throttled(f"{what} is busy") from error
        if status is not None and status < 500 and status != 408:
            raise PermanentError(f"{what} answered {status}", code="EVENT_REFUSED") from error
        raise ServiceUnavailable(f"{what} answered {status or 'nothing usable'}") from error
    except (AzureError, OSError) as error:
        raise ServiceUnavailable(f"{what} could not be reached") from error
