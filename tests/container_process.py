"""`python -m bridge.container` as a process beside a stack's emulators, in the place of the Functions host."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from bridge.local.processes import ROOT, app_python, free_port, minimal_environment
from tests.eventually import eventually

START_SECONDS, STOP_SECONDS = 60.0, 35.0


class RunningContainer:
    """One process; its log is a file that tests read."""

    def __init__(self, role: str, settings: Mapping[str, str], log: Path, app: Path, port: int | None) -> None:
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.base, timeout=30, trust_env=False)
        self._log = log
        self._command = [app_python(), "-m", "bridge.container", role, "--port", str(self.port)]
        self._environment = {**minimal_environment(), **settings}
        self._app = app
        self._process = self._started()

    def start_unless_it_runs(self) -> None:
        if self._process.poll() is not None:
            self._process = self._started()
        self.wait_until_ready()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def status(self, path: str) -> int | None:
        """None while nobody listens."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return None

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self._process.poll() is None, self.log()
            return self.status("/ready") == 200

        eventually(ready, START_SECONDS, what=self.log)

    def begin_to_stop(self) -> None:
        self._process.terminate()

    def exit_code(self) -> int:
        """Once it has ended."""
        return self._process.wait(START_SECONDS)

    def close(self) -> None:
        """In order while it can, so that no message stays locked for those who come after it."""
        self.http.close()
        self.begin_to_stop()
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()

    def _started(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as output:
            return subprocess.Popen(self._command, cwd=self._app, env=self._environment, stdout=output, stderr=output)


@contextmanager
def running_container(
    role: str, settings: Mapping[str, str], folder: Path, port: int | None = None, app: Path = ROOT
) -> Iterator[RunningContainer]:
    container = RunningContainer(role, settings, folder / f"container-{role}.log", app, port)
    try:
        yield container
    finally:
        container.close()
