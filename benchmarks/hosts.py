"""Functions hosts to measure: the bridge as an instance of one kind, or of each, and the peer's app."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bridge.local import endpoints
from bridge.local.processes import ROOT, ChildProcess, app_python, free_port, minimal_environment
from bridge.local.stack import Stack

PEER = Path(__file__).with_name("peer")
#: kind of instance -> its functions that are no HTTP ones. Where each kind scales by itself each has its own processes.
KINDS: Mapping[str, frozenset[str]] = {
    "http": frozenset(),
    "execute": frozenset({"execute"}),
    "control": frozenset({"control", "ingest", "dead_commands", "dead_control", "dead_events", "sweep"}),
    "record": frozenset({"record"}),
}
ALL = frozenset().union(*KINDS.values())
#: What the emulator takes from all; nobody waits for a place.
UNPACED = {"AML_WRITES_PER_SECOND": "10000", "EXECUTE_MAX_INSTANCES": "1"}


@dataclass(frozen=True)
class Host:
    """One running host."""

    base_url: str
    control_url: str
    pid: int

    @property
    def functions_cpu_seconds(self) -> float:
        """Of the app's functions alone: the platform has another host, that costs what it costs."""
        answer = httpx.get(f"{self.control_url}/cpu", trust_env=False)
        return float(sum(answer.raise_for_status().json().values()))


@contextmanager
def bridge_host(stack: Stack, kind: str, settings: Mapping[str, str] | None = None) -> Iterator[Host]:
    """The bridge as an instance of this kind."""
    with _running(stack, {kind: ROOT}, {kind: _settings(kind, settings)}) as hosts:
        yield hosts[kind]


@contextmanager
def bridge_hosts(stack: Stack, settings: Mapping[str, str] | None = None) -> Iterator[dict[str, Host]]:
    """One instance of each kind, by kind."""
    with _running(stack, dict.fromkeys(KINDS, ROOT), {kind: _settings(kind, settings) for kind in KINDS}) as hosts:
        yield hosts


@contextmanager
def peer_host(stack: Stack) -> Iterator[Host]:
    """What people write first."""
    with _running(stack, {"peer": PEER}, {"peer": {}}) as hosts:
        yield hosts["peer"]


def _settings(kind: str, settings: Mapping[str, str] | None) -> dict[str, str]:
    off = {f"AzureWebJobs.{name}.Disabled": "true" for name in ALL - KINDS[kind]}
    return {"FUNCTIONS_TARGET_GROUP": kind, **UNPACED, **off, **(settings or {})}


@contextmanager
def _running(
    stack: Stack, directories: Mapping[str, Path], settings: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, Host]]:
    """Started together, and stopped in any case."""
    with ExitStack() as cleanup:
        processes = {name: _process(stack, name, directories[name], settings[name]) for name in directories}
        for process, _ in processes.values():
            cleanup.callback(process.stop)
        for process, _ in processes.values():
            cleanup.callback(process.begin_to_stop)  # all of these come before the first that waits
            process.start()
        hosts = {}
        for name, (process, ports) in processes.items():
            process.wait_until_healthy()
            assert process.pid is not None  # noqa: S101 - it runs
            hosts[name] = Host(endpoints.url(ports[0]), endpoints.url(ports[1]), process.pid)
        yield hosts


def _process(
    stack: Stack, name: str, directory: Path, settings: Mapping[str, str]
) -> tuple[ChildProcess, tuple[int, int]]:
    port, control_port = free_port(), free_port()
    command = [
        app_python(), "-m", "bridge.local.host", str(directory),
        "--port", str(port), "--control-port", str(control_port), "--with-parent",
    ]  # fmt: skip
    environment = minimal_environment() | stack.settings | endpoints.host_keys() | dict(settings)
    health = f"{endpoints.url(control_port)}/ready"
    return ChildProcess(name, command, health, environment, stack.log_file(f"bench-{name}")), (port, control_port)
