"""The whole laptop stack: started in order, ready when it is entered, gone when it is left."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bridge.local import azure_resources, endpoints
from bridge.local.endpoints import Ports, url
from bridge.local.processes import OFFLINE, ROOT, ChildProcess, app_python, emulator, free_port, minimal_environment
from bridge.local.sql_scripts import apply_ledger

HOST = "functions"


def host_names(count: int) -> list[str]:
    """The Functions hosts of a stack: instances of one app."""
    return [HOST, *(f"{HOST}-{number}" for number in range(2, count + 1))]


@dataclass
class Stack:
    """A running stack, and the means to disturb it."""

    ports: Ports
    directory: Path
    settings: dict[str, str]
    processes: dict[str, ChildProcess] = field(default_factory=dict)
    #: Control ports of the Functions hosts, by name.
    hosts: dict[str, int] = field(default_factory=dict)
    #: One for all calls: to make one costs a tenth of a second. No certificates, because nothing leaves loopback.
    _client: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            timeout=30,
            trust_env=False,
            verify=False,  # noqa: S501 - as above
            # uvicorn closes after 5 s what httpx would still use for 5 s: one of them in time is not the other's.
            limits=httpx.Limits(keepalive_expiry=2),
        )
    )

    @property
    def endpoints(self) -> dict[str, Any]:
        return endpoints.endpoints(self.ports, self.settings)

    def control_url(self, service: str) -> str:
        return url(self.hosts.get(service) or getattr(self.ports, f"{service}_control"))

    def call(self, service: str, method: str, path: str, body: Any = None) -> Any:
        """One call to a service's control surface; the JSON answer, None when there is none."""
        answer = self._client.request(method, self.control_url(service) + path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def plan_fault(self, service: str, kind: str, **plan: Any) -> str:
        """Plan a fault; its id is for `fault`."""
        return str(self.call(service, "POST", "/faults", {"kind": kind, **plan})["id"])

    def fault(self, service: str, fault_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call(service, "GET", f"/faults/{fault_id}")
        return found

    def outage(self, service: str, *, down: bool) -> None:
        """Take a service away, connections refused, or give it back with its state."""
        self.call(service, "POST", "/outage", {"down": down})

    def advance(self, seconds: float) -> None:
        """Make everything that waits in the emulators and every timer due this much sooner.

        The queues come last: a message that becomes due finds the world as it will be then.
        """
        running = self.services()
        for service in sorted(running, key=lambda name: name == "service_bus" or name in self.hosts):
            self.call(service, "POST", "/clock", {"advance_seconds": seconds})

    def reset(self) -> None:
        """Empty everything, as after a fresh start."""
        for service in self.services():
            self.call(service, "POST", "/reset", {})

    def services(self) -> list[str]:
        """Those whose processes run, the Functions hosts last."""
        return [name for name, process in self.processes.items() if process.is_running]

    def start_host(self, name: str = HOST) -> None:
        """Start a Functions host, or start it again after it was killed."""
        if name in self.processes:
            self.processes[name].stop()
        self.processes[name] = self._host(name)
        self.processes[name].start()
        self.processes[name].wait_until_healthy()

    def start_emulators(self) -> None:
        for name, process in self._emulators().items():
            self.processes[name] = process
            process.start()
        for process in self.processes.values():
            process.wait_until_healthy()

    def stop(self) -> None:
        """End every process, the Functions hosts first, so that they can hand back what they hold."""
        emulators = [process for name, process in self.processes.items() if name not in self.hosts]
        for name in self.processes.keys() & self.hosts.keys():
            self.processes[name].stop()
        for process in emulators:
            process.begin_to_stop()
        for process in emulators:
            process.stop()
        self._client.close()

    def _emulators(self) -> dict[str, ChildProcess]:
        ports = self.ports
        queues = self._file("service_bus.json", endpoints.service_bus_config())
        topics = self._file("event_grid.json", endpoints.event_grid_config())
        return {
            "service_bus": emulator(
                "servicebus", ports.service_bus, ports.service_bus_control,
                "--http-port", str(ports.service_bus_http), "--config", queues, "--key", endpoints.SAS_KEY,
                log_file=self.log_file("service_bus"),
            ),
            "event_grid": emulator(
                "eventgrid", ports.event_grid, ports.event_grid_control,
                "--config", topics, "--service-bus-url", url(ports.service_bus_http),
                "--service-bus-key", endpoints.SAS_KEY,
                log_file=self.log_file("event_grid"),
            ),
            "azure_ml": emulator(
                "aml", ports.azure_ml, ports.azure_ml_control,
                "--event-sink", f"{url(ports.event_grid)}/workspace-events", "--seed", str(endpoints.COMPONENTS),
                "--workspace-scope", endpoints.WORKSPACE_ID,
                "--resources", self._file("resources.json", azure_resources.resources(self.settings)),
                "--service-bus-control", url(ports.service_bus_control),
                "--service-bus-scope", endpoints.SERVICE_BUS_ID,
                log_file=self.log_file("azure_ml"),
            ),
            "snowflake": emulator(
                "snowflake", ports.snowflake, ports.snowflake_control, log_file=self.log_file("snowflake")
            ),
            "entra": emulator(
                "entra", ports.entra, ports.entra_control,
                "--config", self._file("entra.json", endpoints.entra_config()),
                log_file=self.log_file("entra"),
            ),
        }  # fmt: skip

    def _host(self, name: str) -> ChildProcess:
        control_port = self.hosts[name]
        command = [
            app_python(), "-m", "bridge.local.host", str(ROOT),
            "--port", str(self.ports.functions), "--control-port", str(control_port), "--with-parent",
        ]  # fmt: skip
        if len(self.hosts) > 1:
            command.append("--share-port")
        environment = minimal_environment() | self.settings | endpoints.host_keys()
        return ChildProcess(name, command, f"{url(control_port)}/ready", environment, self.log_file(name))

    def _file(self, name: str, content: Any) -> str:
        path = self.directory / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def log_file(self, name: str) -> Path:
        """What a process has printed so far."""
        return self.directory / f"{name}.log"


@contextmanager
def local_stack(
    *,
    port_base: int | None = None,
    host: bool = True,
    hosts: int = 1,
    settings: Mapping[str, str] | Callable[[Ports], Mapping[str, str]] | None = None,
) -> Iterator[Stack]:
    """A stack that is ready: queues, topics and components exist, the ledger's tables are made, the app listens.

    `settings` replace those of the app; some can only be written once the ports are known. Several `hosts` share one
    port and the queues, as an app's instances do.
    """
    ports = Ports.choose(port_base)
    os.environ.update(OFFLINE)  # for the connector in this process
    with ExitStack() as cleanup:
        directory = Path(tempfile.mkdtemp(prefix="aml-bridge-"))
        cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
        given = settings(ports) if callable(settings) else settings or {}
        stack = Stack(ports, directory, {**endpoints.app_settings(ports), **given})
        stack.hosts = {name: ports.functions_control if name == HOST else free_port() for name in host_names(hosts)}
        cleanup.callback(stack.stop)
        stack.start_emulators()
        for mapping in endpoints.url_map(ports):
            stack.call("snowflake", "POST", "/url-map", mapping)
        apply_ledger(endpoints.snowflake_arguments(ports))
        for name in stack.hosts if host else ():
            stack.start_host(name)
        yield stack
