"""Notification integrations: CREATE keeps them, SYSTEM$SEND_SNOWFLAKE_NOTIFICATION posts events to Event Grid.

As in Snowflake a call answers that the notification was enqueued, and its delivery goes on in the background.
"""

import json
import re
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlglot import exp

from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.procedures.reading import Reader
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import without_comments
from bridge.local.snowflake.task_definitions import options_of
from bridge.local.snowflake.url_map import UnmappedUrl, UrlMap

_DDL = re.compile(
    r"(?:CREATE\s+(?:OR\s+REPLACE\s+)?|ALTER\s+|DROP\s+)(?:NOTIFICATION\s+)?INTEGRATION\b",
    re.I,
)
_JSON = "application/json"
_API_VERSION = "2018-01-01"
_TRIES = 10
_FIRST_DELAY = 0.2
_KEPT = 500
_TIMEOUT = 10.0


@dataclass(kw_only=True)
class Notification:
    """One message on its way to one integration."""

    integration: str
    event: Mapping[str, Any]
    #: ENQUEUED, DELIVERED or FAILED.
    state: str = "ENQUEUED"
    tries: int = 0
    error: str | None = None
    client: httpx.Client = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "integration": self.integration,
            "event": self.event,
            "state": self.state,
            "tries": self.tries,
            "error": self.error,
        }


class Notifications:
    """The feature. It leaves the answers of DDL to the no-ops: nothing is set up in any cloud."""

    def __init__(self, url_map: UrlMap) -> None:
        self._url_map = url_map
        self._integrations: dict[str, dict[str, str]] = {}
        self._sent: deque[Notification] = deque(maxlen=_KEPT)
        self._client = httpx.Client(trust_env=False, timeout=_TIMEOUT)
        self._lock = threading.Lock()

    def answer(self, _: Session, request: StatementRequest) -> JsonObject | None:
        if request.describe_only or _DDL.match(without_comments(request.sql)) is None:
            return None
        reader = Reader(request.sql)
        verb = reader.word()
        replaces = reader.take("OR", "REPLACE")
        reader.take("NOTIFICATION")
        reader.expect("INTEGRATION")
        careful = reader.take("IF", "NOT", "EXISTS") or reader.take("IF", "EXISTS")
        name = reader.name()
        with self._lock:
            if verb == "CREATE":
                self._create(name, options_of(reader), replaces=replaces, careful=careful)
            elif verb == "DROP":
                self._integrations.pop(name, None)  # another kind of integration may have this name
            elif name in self._integrations and reader.take("SET"):
                self._integrations[name] |= options_of(reader)
        return None

    def has(self, name: str) -> bool:
        with self._lock:
            return name in self._integrations

    def call(self, _: Session, arguments: Sequence[str | None]) -> str:
        """SYSTEM$SEND_SNOWFLAKE_NOTIFICATION."""
        if len(arguments) != 2 or None in arguments:
            raise _invalid("a message and an integration are needed")
        messages, integrations = [list(_items(argument or "")) for argument in arguments]
        for message in messages:
            if _JSON not in message:
                raise _invalid(f"a message for a queue must be {_JSON}")
            for integration in integrations:
                for name in integration:
                    self.send(name.upper(), str(message[_JSON]))
        return "Enqueued notifications."

    def notify(self, integration: str, message: Mapping[str, Any]) -> None:
        """Send what Snowflake itself has to say, of a task for one."""
        self.send(integration, json.dumps(message, separators=(",", ":")))

    def send(self, integration: str, data: str) -> None:
        """Enqueue one event; its data is the text, as a JSON string.

        Raises:
            StatementFailed: there is no such integration, or its endpoint lies nowhere on this machine.
        """
        url, headers = self._endpoint(integration)
        # dataVersion is not published.
        event = {
            "id": str(uuid.uuid4()),
            "subject": "Snowflake Queue Notification",
            "eventType": "eventgrid-notification",
            "eventTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "dataVersion": "1.0",
            "data": data,
        }
        notification = Notification(integration=integration, event=event, client=self._client)
        with self._lock:
            self._sent.append(notification)
        threading.Thread(target=_deliver, args=(notification, url, dict(headers)), daemon=True).start()

    def clear(self) -> None:
        """Forget what was sent; the integrations stay."""
        with self._lock:
            self._sent.clear()

    def to_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [notification.to_json() for notification in self._sent]

    def _create(self, name: str, options: dict[str, str], *, replaces: bool, careful: bool) -> None:
        if name in self._integrations and not replaces:
            if careful:
                return
            raise compilation_error(2002, "42710", f"Object '{name}' already exists.")
        if "TYPE" not in options:
            raise compilation_error(1003, "42000", "CREATE NOTIFICATION INTEGRATION needs TYPE")
        self._integrations[name] = options

    def _endpoint(self, name: str) -> tuple[str, Mapping[str, str]]:
        with self._lock:
            options = self._integrations.get(name)
        if options is None:
            raise compilation_error(2003, "02000", f"Integration '{name}' does not exist or not authorized.")
        if options.get("ENABLED", "").upper() != "TRUE":
            raise _invalid(f"integration {name} is not enabled")
        endpoint = options.get("AZURE_EVENT_GRID_TOPIC_ENDPOINT")
        if endpoint is None:
            raise _invalid(f"integration {name} is not of a kind that the laptop's Snowflake sends to")
        try:
            return self._url_map.resolve(endpoint)
        except UnmappedUrl as error:
            raise StatementFailed(100350, "P0000", f"Notification to {name} cannot be sent. {error}") from error


def application_json(_: Session, arguments: list[Any]) -> Any:
    """SNOWFLAKE.NOTIFICATION.APPLICATION_JSON."""
    return exp.Anonymous(this="JSON_OBJECT", expressions=[exp.Literal.string(_JSON), *arguments])


def integration(_: Session, arguments: list[Any]) -> Any:
    """SNOWFLAKE.NOTIFICATION.INTEGRATION."""
    nothing = exp.Anonymous(this="JSON_OBJECT", expressions=[])
    return exp.Anonymous(this="JSON_OBJECT", expressions=[*arguments, nothing])


def _items(argument: str) -> Iterator[dict[str, Any]]:
    """The objects of an argument, which may be one or an array of them."""
    try:
        given = json.loads(argument)
    except ValueError as error:
        raise _invalid(f"argument is not JSON: {argument[:100]}") from error
    for item in given if isinstance(given, list) else [given]:
        found = json.loads(item) if isinstance(item, str) else item
        if not isinstance(found, dict):
            raise _invalid(f"argument is no object: {argument[:100]}")
        yield found


def _deliver(notification: Notification, url: str, headers: dict[str, str]) -> None:
    """At least once, as Snowflake promises: several tries, then a word in the log."""
    delay = _FIRST_DELAY
    while True:
        notification.tries += 1
        error = _post(notification, url, headers)
        if error is None:
            notification.state, notification.error = "DELIVERED", None
            return
        notification.error = error
        if notification.tries == _TRIES:
            notification.state = "FAILED"
            print(f"snowflake: notification to {notification.integration}: {error}", file=sys.stderr, flush=True)
            return
        time.sleep(delay)
        delay *= 2


def _post(notification: Notification, url: str, headers: dict[str, str]) -> str | None:
    """Why an event was not taken, or None."""
    try:
        answer = notification.client.post(
            url, params={"api-version": _API_VERSION}, headers=headers, json=[notification.event]
        )
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return None if answer.is_success else f"{answer.status_code} {answer.text[:500]}"


def _invalid(what: str) -> StatementFailed:
    return StatementFailed(1044, "42P13", f"Invalid arguments for SYSTEM$SEND_SNOWFLAKE_NOTIFICATION: {what}")
