"""The emulated topics with a receiver behind them, as the tests of the Event Grid emulator use them."""

import base64
import hashlib
import hmac
import json
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

from bridge.local.processes import emulator, free_port
from tests.emulators.receiver import Receiver
from tests.eventually import eventually

KEY = "topic-key"
BUS_KEY = "bus-key"


class EventGridService:
    """A running emulator whose queues and webhooks are paths of one receiver."""

    def __init__(self, directory: Path, receiver: Receiver) -> None:
        self.receiver = receiver
        self.port, control = free_port(), free_port()
        topics = {
            "custom": {"key": KEY, "door": "custom", "queue": "inbound-events"},
            "snowflake": {"key": "other-key", "door": "snowflake", "queue": "inbound-events"},
            "workspace": {"door": "workspace", "queue": "inbound-events"},
            "brief": {"key": KEY, "queue": "inbound-events", "max_attempts": 2, "ttl_minutes": 5},
            "hook": {"key": KEY, "webhook": f"{receiver.url}/runtime/webhooks/EventGrid?functionName=ingest&code=K"},
        }
        config = directory / "topics.json"
        config.write_text(json.dumps({"topics": topics}))
        arguments = ("--config", str(config), "--service-bus-url", receiver.url, "--service-bus-key", BUS_KEY)
        self._process = emulator("eventgrid", self.port, control, *arguments)
        self.control = httpx.Client(base_url=f"http://127.0.0.1:{control}", trust_env=False, timeout=10)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=10)

    def __enter__(self) -> Self:
        self._process.start()
        self._process.wait_until_healthy()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self.http.close()
        self._process.stop()

    def begin(self) -> None:
        """The state that every test starts from."""
        self.tell("/reset")
        self.receiver.clear()

    def tell(self, path: str, **body: Any) -> Any:
        answer = self.control.post(path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ask(self, path: str) -> Any:
        answer = self.control.get(path)
        answer.raise_for_status()
        return answer.json()

    def fault(self, kind: str, times: int = 1, match: dict[str, Any] | None = None, **params: Any) -> str:
        return str(self.tell("/faults", kind=kind, times=times, match=match or {}, params=params)["id"])

    def struck(self, fault_id: str) -> int:
        return int(self.ask(f"/faults/{fault_id}")["struck"])

    def publisher(self, topic: str = "custom", key: str = KEY) -> EventGridPublisherClient:
        endpoint = f"http://127.0.0.1:{self.port}/topics/{topic}/api/events"
        return EventGridPublisherClient(endpoint, AzureKeyCredential(key))

    def publish(self, *subjects: str, topic: str = "custom", key: str = KEY) -> None:
        with self.publisher(topic, key) as client:
            client.send([event(subject) for subject in subjects])

    def wait_for(self, door: str = "custom", **wanted: int) -> dict[str, int]:
        """The counts of a door, once they are as wanted."""

        def as_wanted() -> dict[str, int] | None:
            counts: dict[str, int] = self.ask("/deliveries")[door]
            return counts if all(counts[name] == number for name, number in wanted.items()) else None

        return eventually(as_wanted) or {}

    def wait_for_attempts(self, count: int) -> None:
        eventually(lambda: len(self.receiver.received) >= count)


def event(subject: str, **data: Any) -> EventGridEvent:
    return EventGridEvent(subject=subject, event_type="Bridge.Test", data=data, data_version="1")


def signed_resource(token: str, key: str) -> str | None:
    """The resource that a shared access signature is for; None when the signature is not of this key."""
    fields = dict(field.split("=", 1) for field in token.removeprefix("SharedAccessSignature ").split("&"))
    text = f"{fields['sr']}\n{fields['se']}"
    digest = base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return urllib.parse.unquote_plus(fields["sr"]) if urllib.parse.unquote_plus(fields["sig"]) == digest else None
