"""Child processes of the laptop stack: started, awaited, killed and ended, and never left behind."""

import atexit
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket

ROOT = Path(__file__).parents[2]
#: The emulators' interpreter: a second environment, because fakesnow wants another connector than the app.
EMULATOR_PYTHON = ROOT / ".venv-local" / "bin" / "python"
#: Of the log of a process that did not start.
LAST_LINES = 15
START_SECONDS = 60.0
#: The Snowflake connector would ask the metadata services of three clouds where it runs.
OFFLINE = {"SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true"}
STOP_SECONDS = 25.0


class DidNotStart(Exception):
    """A process of the stack ended, or was silent for too long, before it was ready."""


class ChildProcess:
    """One server process that ends when its standard input closes, so it cannot outlive its parent."""

    def __init__(
        self, name: str, command: Sequence[str], health_url: str, environment: Mapping[str, str], log_file: Path | None
    ) -> None:
        self.name = name
        self._command = list(command)
        self._health_url = health_url
        self._environment = dict(environment)
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        output = self._log_file.open("ab") if self._log_file else None
        try:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=output or subprocess.DEVNULL,
                stderr=output or subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C goes to the parent only, which ends its children in order
            )
        finally:
            if output:
                output.close()

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            if not self.is_running:
                raise DidNotStart(f"{self.name} ended while starting{self._last_words()}")
            if time.monotonic() > deadline:
                raise DidNotStart(f"{self.name} did not start within {START_SECONDS:.0f} s{self._last_words()}")
            time.sleep(0.05)

    def _last_words(self) -> str:
        """The end of the log: its directory goes with the stack."""
        if self._log_file is None or not self._log_file.is_file():
            return ""
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([". The end of its log:", *lines])

    def kill(self) -> None:
        """End at once, as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def begin_to_stop(self) -> None:
        """SIGTERM: the process ends in order, and several at once need no longer than one. `stop` waits for it."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End in order (SIGTERM), or by force when that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._process = None

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(self._health_url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def emulator(module: str, port: int, control_port: int, *arguments: str, log_file: Path | None = None) -> ChildProcess:
    """The process of one emulator: `python -m bridge.local.{module} --port … --control-port … --with-parent`."""
    command = [
        str(EMULATOR_PYTHON),
        "-m",
        f"bridge.local.{module}",
        "--port",
        str(port),
        "--control-port",
        str(control_port),
        "--with-parent",
        *arguments,
    ]
    environment = minimal_environment()
    if log_file is not None:
        environment["TMPDIR"] = str(log_file.parent)  # what an emulator leaves behind goes when the stack goes
    return ChildProcess(module, command, f"http://127.0.0.1:{control_port}/health", environment, log_file)


def app_python() -> str:
    """The interpreter of the app and of the Functions host: the one that runs this."""
    return sys.executable


def minimal_environment() -> dict[str, str]:
    """Only what a process needs to run: no credential of the developer's reaches an emulator."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"} | OFFLINE


def taken_ports(ports: Iterable[int]) -> list[int]:
    """Those at which somebody else listens on this machine."""
    taken = []
    for port in ports:
        with socket() as probe:
            probe.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # connections that have just ended are nobody
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                taken.append(port)
    return taken


def free_port() -> int:
    """A port for a server of this process or of its children; on Linux nobody else is given it while this one lives.

    A port that was only looked at is soon given to some connection that goes out, here or in another process. A bound
    socket that never listens keeps it: there, servers that say SO_REUSEADDR get in beside it, as all of ours do.
    """
    keeper = socket()
    keeper.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    port = int(keeper.getsockname()[1])
    if sys.platform == "linux":
        atexit.register(keeper.close)
    else:
        keeper.close()
    return port
