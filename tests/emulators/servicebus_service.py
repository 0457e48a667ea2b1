"""A running Service Bus emulator and the real SDK on it, as the emulator's tests use them."""

import base64
import hashlib
import hmac
import json
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiver,
    ServiceBusSender,
)

from bridge.local.processes import emulator, free_port

KEY_NAME, KEY = "RootManageSharedAccessKey", "c2VjcmV0+/="
#: Long enough for a message that is there, on a busy machine.
WAIT = 10.0
#: How long to look before believing that nothing comes.
NOTHING = 0.3

QUEUES: dict[str, dict[str, Any]] = {
    "orders": {"LockDuration": "PT1M", "MaxDeliveryCount": 3},
    "unique": {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "PT10M"},
    "fleeting": {"DefaultMessageTimeToLive": "PT1H", "DeadLetteringOnMessageExpiration": True},
    "dropped": {"DefaultMessageTimeToLive": "PT1H"},
}


class ServiceBus:
    """The emulator's addresses and its control surface."""

    def __init__(self, port: int, http_port: int, control_port: int) -> None:
        self.port = port
        self.connection_string = connection_string(port)
        self.rest_url = f"http://127.0.0.1:{http_port}"
        self.control = httpx.Client(base_url=f"http://127.0.0.1:{control_port}", trust_env=False, timeout=10)

    def client(self, **options: Any) -> ServiceBusClient:
        """A client that retries as usual, only faster."""
        return ServiceBusClient.from_connection_string(
            self.connection_string, **{"retry_backoff_factor": 0.05, "retry_total": 4, **options}
        )

    def send(self, queue: str, *bodies: str, **broker_properties: Any) -> None:
        """Send over REST, where the way in does not matter: it spares the SDK's second of opening and closing."""
        url = f"{self.rest_url}/{queue}"
        batch = [{"Body": body, "BrokerProperties": broker_properties} for body in bodies]
        headers = {"Content-Type": "application/vnd.microsoft.servicebus.json", "Authorization": token(url)}
        httpx.post(f"{url}/messages", json=batch, headers=headers, trust_env=False).raise_for_status()

    def plan(self, kind: str, *, times: int = 1, params: dict[str, Any] | None = None, **match: str) -> str:
        """Plan a fault; returns its id."""
        fault = {"kind": kind, "times": times, "match": match, "params": params or {}}
        return str(self._post("/faults", fault).json()["id"])

    def struck(self, fault: str) -> int:
        return int(self.control.get(f"/faults/{fault}").raise_for_status().json()["struck"])

    def advance(self, seconds: float) -> None:
        self._post("/clock", {"advance_seconds": seconds})

    def outage(self, *, down: bool) -> None:
        self._post("/outage", {"down": down})

    def reset(self) -> None:
        self._post("/reset", {})

    def configure(self, queue: str, **options: float) -> None:
        self.control.put(f"/queues/{queue}", json=options).raise_for_status()

    def counts(self, queue: str) -> dict[str, int]:
        return dict(self.control.get("/queues").raise_for_status().json()[queue])

    def messages(self, queue: str, state: str = "active") -> list[dict[str, Any]]:
        answer = self.control.get(f"/queues/{queue}/messages", params={"state": state})
        return list(answer.raise_for_status().json())

    def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self.control.post(path, json=body).raise_for_status()


class Line:
    """One open sender and one open receiver on a queue: opening and closing either costs the SDK half a second."""

    def __init__(self, service: ServiceBus, queue: str, sender: ServiceBusSender, receiver: ServiceBusReceiver) -> None:
        self.service = service
        self.queue = queue
        self.sender = sender
        self.receiver = receiver

    def receive(self) -> ServiceBusReceivedMessage:
        """The next message, which must come."""
        found = self.receiver.receive_messages(1, max_wait_time=WAIT)
        assert found, f"nothing came from {self.queue}: {self.service.counts(self.queue)}"
        return found[0]

    def receive_all(self, count: int) -> list[ServiceBusReceivedMessage]:
        """As many messages, completed."""
        found: list[ServiceBusReceivedMessage] = []
        while len(found) < count:
            more = self.receiver.receive_messages(count - len(found), max_wait_time=WAIT)
            assert more, f"{len(found)} of {count} came: {self.service.counts(self.queue)}"
            for message in more:
                self.receiver.complete_message(message)
            found += more
        return found

    def nothing_comes(self) -> bool:
        return self.receiver.receive_messages(1, max_wait_time=NOTHING) == []

    def begin(self) -> None:
        """Empty queues, and links that work and hold nothing, whatever the test before has done to them."""
        self.service.reset()
        self.sender.send_messages(ServiceBusMessage("begin"))
        while str(message := self.receive()) != "begin":
            pass  # left in the receiver's hands by the test before; nobody holds its lock any more
        self.receiver.complete_message(message)
        self.service.reset()


def connection_string(port: int, key: str = KEY) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName={KEY_NAME};SharedAccessKey={key};"
        "UseDevelopmentEmulator=true;"
    )


def token(resource: str, key: str = KEY, seconds: int = 300) -> str:
    """A shared access signature for a resource and what lies below it."""
    quoted, expiry = urllib.parse.quote_plus(resource), int(time.time()) + seconds
    digest = hmac.new(key.encode(), f"{quoted}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={quoted}&sig={signature}&se={expiry}&skn={KEY_NAME}"


@contextmanager
def running(folder: Path, queues: Mapping[str, Mapping[str, Any]] = QUEUES) -> Iterator[ServiceBus]:
    """An emulator of its own, with these queues."""
    config = folder / "servicebus.json"
    named = [{"Name": name, "Properties": properties} for name, properties in queues.items()]
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": named}]}}))
    ports = free_port(), free_port(), free_port()
    arguments = ("--config", str(config), "--http-port", str(ports[1]), "--key", KEY)
    process = emulator("servicebus", ports[0], ports[2], *arguments, log_file=folder / "servicebus.log")
    process.start()
    service = ServiceBus(*ports)
    try:
        process.wait_until_healthy()
        yield service
    finally:
        service.control.close()
        process.stop()


@contextmanager
def open_line(service: ServiceBus, queue: str = "orders") -> Iterator[Line]:
    with (
        service.client() as client,
        client.get_queue_sender(queue) as sender,
        client.get_queue_receiver(queue) as receiver,
    ):
        yield Line(service, queue, sender, receiver)
