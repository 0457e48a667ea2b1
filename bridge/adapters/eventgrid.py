"""Event Grid topics through azure-eventgrid, in the Event Grid schema: the one that Snowflake's notifications use too.

The SDK (4.22) checks no limits, so requests are split here.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge.domain.errors import AccessDenied, PermanentError, RetryableError, ServiceUnavailable, Throttled
from bridge.payloads import lossless
from bridge.ports import OutgoingEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import TokenCredential
    from azure.eventgrid import EventGridEvent, EventGridPublisherClient

#: A topic takes 1 MB an event and a request; some is left for the envelope.
REQUEST_LIMIT_BYTES = 900_000
TRIES_AFTER_THE_FIRST = 2
CONNECT_SECONDS = 5
READ_SECONDS = 20


class EventGridTopics:
    """EventPublisher over Event Grid; connects on the first event for a topic."""

    def __init__(self, *, key: str, credential: "Callable[[], TokenCredential]") -> None:
        #: Empty for the app's identity.
        self._key = key
        self._credential = credential
        self._lock = threading.Lock()
        self._clients: dict[str, EventGridPublisherClient] = {}

    def publish(self, topic: str, events: Sequence[OutgoingEvent]) -> None:
        with _translated(f"the topic {urlsplit(topic).hostname}"):
            client = self._client(topic)
            for part in _fitting(events):
                client.send([_outgoing(event) for event in part])

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _client(self, topic: str) -> "EventGridPublisherClient":
        from azure.core.credentials import AzureKeyCredential
        from azure.eventgrid import EventGridPublisherClient

        with self._lock:
            if topic not in self._clients:
                self._clients[topic] = EventGridPublisherClient(
                    topic,
                    AzureKeyCredential(self._key) if self._key else self._credential(),
                    retry_total=TRIES_AFTER_THE_FIRST,
                    retry_backoff_factor=0.2,
                    connection_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                )
            return self._clients[topic]


def _fitting(events: Sequence[OutgoingEvent]) -> Iterator[list[OutgoingEvent]]:
    """Groups that a request takes. Raises: PermanentError for an event that is too large by itself."""
    group: list[OutgoingEvent] = []
    size = 0
    for event in events:
        length = len(lossless.dumps(event.data).encode()) + len(event.subject) + len(event.event_type) + 300
        if length > REQUEST_LIMIT_BYTES:
            raise PermanentError(
                f"the event takes {length:,} bytes, {REQUEST_LIMIT_BYTES:,} is the limit: pass a reference, "
                "not the data itself",
                code="TOO_LARGE",
            )
        if group and size + length > REQUEST_LIMIT_BYTES:
            yield group
            group, size = [], 0
        group.append(event)
        size += length
    if group:
        yield group


def _outgoing(event: OutgoingEvent) -> "EventGridEvent":
    from azure.eventgrid import EventGridEvent

    return EventGridEvent(
        id=event.event_id,
        event_type=event.event_type,
        subject=event.subject,
        data=event.data,
        data_version="1",
        event_time=event.occurred_at,
    )


@contextmanager
def _translated(what: str) -> Iterator[None]:
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    try:
        yield
    except ClientAuthenticationError as error:
        text = (
            f"{what} refused the app: its identity needs EventGrid Data Sender there, or EVENT_GRID_TOPIC_KEY its key"
        )
        raise AccessDenied(text, code="ACCESS_DENIED") from error
    except HttpResponseError as error:
        if error.status_code == 429:
            raise Throttled(f"{what} is busy") from error
        if error.status_code is not None and error.status_code < 500 and error.status_code != 408:
            raise PermanentError(f"{what} answered {error.status_code}", code="EVENT_REFUSED") from error
        raise ServiceUnavailable(f"{what} answered {error.status_code}") from error
    except (AzureError, OSError) as error:
        raise RetryableError(f"{what} could not be reached") from error
