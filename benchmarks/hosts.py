"""Functions hosts to measure: the bridge as one kind of instance, as all of them together, or the peer's app."""

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
    off = {f"AzureWebJobs.{name}.Disabled": "true" for name in ALL - KINDS[kind]}
    own = {"FUNCTIONS_TARGET_GROUP": kind, **UNPACED, **off, **(settings or {})}
    with _host(stack, kind, ROOT, own) as host:
        yield host


@contextmanager
def bridge_hosts(stack: Stack, settings: Mapping[str, str] | None = None) -> Iterator[dict[str, Host]]:
    """One instance of each kind, by kind."""
    with ExitStack() as hosts:
        yield {kind: hosts.enter_context(bridge_host(stack, kind, settings)) for kind in KINDS}


@contextmanager
def peer_host(stack: Stack) -> Iterator[Host]:
    """What people write first."""
    with _host(stack, "peer", PEER, {}) as host:
        yield host


@contextmanager
def _host(stack: Stack, name: str, directory: Path, settings: Mapping[str, str]) -> Iterator[Host]:
    port, control_port = free_port(), free_port()
    command = [
        app_python(), "-m", "bridge.local.host", str(directory),
        "--port", str(port), "--control-port", str(control_port), "--with-parent",
    ]  # fmt: skip
    environment = minimal_environment() | stack.settings | endpoints.host_keys() | dict(settings)
    process = ChildProcess(
        name, command, f"{endpoints.url(control_port)}/ready", environment, stack.log_file(f"bench-{name}")
    )
    process.start()
    try:
        process.wait_until_healthy()
        assert process.pid is not None  # noqa: S101 - it runs
        yield Host(endpoints.url(port), endpoints.url(control_port), process.pid)
    finally:
        process.stop()
