"""The Functions host and its broker as processes, and what a test sees of them."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

from bridge.local.processes import ChildProcess, app_python, emulator, free_port

APPS = Path(__file__).parent / "host_apps"


class RunningHost:
    """One host process, run with only the settings that the test gives."""

    def __init__(self, app: str, folder: Path, settings: dict[str, str]) -> None:
        port, control_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.control = f"http://127.0.0.1:{control_port}"
        self._log = folder / "host.log"
        self._journal = folder / "journal.jsonl"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONUNBUFFERED": "1",
            "JOURNAL": str(self._journal),
            "LOCAL_MASTER_KEY": "master",
            **settings,
        }
        ports = ("--port", str(port), "--control-port", str(control_port), "--with-parent")
        self.command = [app_python(), "-m", "bridge.local.host", str(APPS / app), *ports]
        self.environment = environment
        self.process = ChildProcess("host", self.command, f"{self.base}/admin/host/status", environment, self._log)

    def start(self) -> None:
        self.process.start()
        self.process.wait_until_healthy()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def journal(self, function: str, **facts: object) -> list[dict[str, Any]]:
        """What the functions of the sample app have written, of one function and with these facts."""
        if not self._journal.exists():
            return []
        lines = [json.loads(line) for line in self._journal.read_text(encoding="utf-8").splitlines()]
        return [
            line
            for line in lines
            if line["function"] == function and all(line.get(name) == value for name, value in facts.items())
        ]

    def begin(self) -> None:
        """Forget what earlier tests left behind."""
        self._journal.unlink(missing_ok=True)
        httpx.post(f"{self.control}/reset").raise_for_status()

    def invocations(self, function: str) -> dict[str, int]:
        counts: dict[str, int] = httpx.get(f"{self.control}/invocations").json()[function]
        return counts

    def plan(self, kind: str, match: dict[str, Any], **params: Any) -> str:
        """Plan a fault; its id."""
        body = {"kind": kind, "match": match, "params": params}
        return str(httpx.post(f"{self.control}/faults", json=body).json()["id"])


@contextmanager
def running_host(app: str, folder: Path, **settings: str) -> Iterator[RunningHost]:
    host = RunningHost(app, folder, settings)
    try:
        host.start()
        yield host
    finally:
        host.process.stop()


class RunningBroker:
    """A Service Bus emulator process with the queues `one` and `many`, and `other` and `more` for a second host."""

    def __init__(self, folder: Path, lock: str) -> None:
        port, control_port = free_port(), free_port()
        self.control = f"http://127.0.0.1:{control_port}"
        self.connection_string = (
            f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
        )
        properties = {"LockDuration": lock, "MaxDeliveryCount": 3}
        queues = [{"Name": name, "Properties": properties} for name in ("one", "many", "other", "more")]
        self._open = ExitStack()
        client = ServiceBusClient.from_connection_string(self.connection_string, retry_backoff_factor=0.05)
        self._client = self._open.enter_context(client)
        self._senders: dict[str, ServiceBusSender] = {}
        config = folder / "queues.json"
        content = {"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": queues}]}}
        config.write_text(json.dumps(content), encoding="utf-8")
        self.process = emulator(
            "servicebus", port, control_port, "--config", str(config), log_file=folder / "broker.log"
        )

    @property
    def settings(self) -> dict[str, str]:
        """What the sample app `queues` needs."""
        return {"ServiceBusConnection": self.connection_string, "ONE_QUEUE": "one", "MANY_QUEUE": "many"}

    def send(self, queue: str, bodies: Sequence[Any], first: int = 0, **properties: Any) -> list[str]:
        """Send these bodies (bytes as they are, others as JSON) with message ids m0, m1, …; the ids."""
        messages = [
            ServiceBusMessage(
                body if isinstance(body, bytes) else json.dumps(body), message_id=f"m{index}", **properties
            )
            for index, body in enumerate(bodies, first)
        ]
        if queue not in self._senders:
            self._senders[queue] = self._open.enter_context(self._client.get_queue_sender(queue))
        self._senders[queue].send_messages(messages, timeout=10)
        return [str(message.message_id) for message in messages]

    def counts(self, queue: str) -> dict[str, int]:
        found: dict[str, int] = httpx.get(f"{self.control}/queues").json()[queue]
        return found

    def is_empty(self, queue: str) -> bool:
        """Nothing waits, is locked or dead-lettered."""
        counts = self.counts(queue)
        return not any(counts[state] for state in ("active", "locked", "scheduled", "dead"))

    def outage(self, *, down: bool) -> None:
        httpx.post(f"{self.control}/outage", json={"down": down}).raise_for_status()

    def close(self) -> None:
        self._open.close()
        self.process.stop()

    def reset(self) -> None:
        httpx.post(f"{self.control}/reset").raise_for_status()


@contextmanager
def running_broker(folder: Path, lock: str = "PT30S") -> Iterator[RunningBroker]:
    broker = RunningBroker(folder, lock)
    broker.process.start()
    try:
        broker.process.wait_until_healthy()
        yield broker
    finally:
        broker.close()
