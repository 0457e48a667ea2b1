"""An orderly end: nothing new, what runs is finished and settled, exit code 0."""

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from bridge.local.processes import ROOT
from tests.emulators.host_process import RunningBroker, RunningHost
from tests.eventually import eventually


@contextmanager
def bare_process(host: RunningHost, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The host's process itself, for its exit code."""
    with (
        (folder / "host.log").open("wb") as log,
        subprocess.Popen(
            host.command, cwd=ROOT, env=host.environment, stdin=subprocess.PIPE, stdout=log, stderr=log
        ) as process,
    ):
        try:
            eventually(lambda: is_up(host), within=30)
            yield process
        finally:
            process.kill()


def is_up(host: RunningHost) -> bool:
    try:
        return httpx.get(f"{host.base}/admin/host/status").status_code == 200
    except httpx.TransportError:
        return False


def test_a_stop_waits_for_what_is_in_flight_and_settles_it(broker: RunningBroker, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    host = RunningHost("queues", tmp_path, broker.settings)

    with bare_process(host, tmp_path) as process:
        broker.send("one", [{"wait_for": str(gate)}] * 6)
        broker.send("many", [{}])
        eventually(lambda: len(host.journal("one", begins=True)) == 4 and broker.counts("many")["locked"] == 1)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: "Stopping" in host.log())
        gate.touch()
        code = process.wait(15)

    assert code == 0
    assert len(host.journal("one", ends=True)) == 4
    assert len(host.journal("many")) == 1
    counts = broker.counts("one")
    assert (counts["active"], counts["locked"]) == (2, 0)
    assert broker.is_empty("many")


def test_a_stop_lets_an_open_request_finish_and_takes_no_other(tmp_path: Path) -> None:
    host = RunningHost("web", tmp_path, {})

    with bare_process(host, tmp_path) as process, ThreadPoolExecutor(1) as caller:
        hanging = caller.submit(httpx.get, f"{host.base}/api/v1/hangs", params={"seconds": "1"}, timeout=20)
        eventually(lambda: host.invocations("hangs")["running"] == 1)
        process.send_signal(signal.SIGINT)
        eventually(lambda: "Stopping" in host.log())
        refused = httpx.get(f"{host.base}/api/v1/echo")
        code = process.wait(15)

    assert (hanging.result().status_code, hanging.result().text) == (200, "at last")
    assert refused.status_code == 503
    assert code == 0


def test_a_host_ends_with_its_parent(tmp_path: Path) -> None:
    host = RunningHost("web", tmp_path, {})

    with bare_process(host, tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(15) == 0


def test_a_call_that_was_given_up_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    host = RunningHost("web", tmp_path, {"AzureFunctionsJobHost__functionTimeout": "00:00:01"})

    with bare_process(host, tmp_path) as process:
        answer = httpx.get(f"{host.base}/api/v1/hangs", params={"seconds": "60"}, timeout=20)
        process.send_signal(signal.SIGTERM)
        code = process.wait(15)

    assert answer.status_code == 500
    assert code == 0
