"""`make demo` and `python -m bridge.local up`, as processes, as people start them."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.cli import program as operator
from bridge.local.processes import ROOT, ChildProcess, DidNotStart
from tests.eventually import eventually


@contextmanager
def started(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m bridge.local …`, whose children are recognised by their temporary directory."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "BRIDGE_ENDPOINTS": str(tmp_path / "running.json")}
    command = [sys.executable, "-m", "bridge.local", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def leftovers(tmp_path: Path) -> list[str]:
    """Command lines of processes that still mention the directory of this test."""
    return [line for line in command_lines() if str(tmp_path) in line]


def command_lines() -> Iterator[str]:
    """Of every process; a fresh Debian has no `ps`, and macOS no /proc."""
    if not Path("/proc").is_dir():
        yield from subprocess.run(["ps", "-axo", "command"], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        return
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            yield (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What it printed up to the line that contains `text`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def test_the_demo_shows_three_kinds_of_runs_stays_up_when_asked_to_and_ends_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_ENDPOINTS", str(tmp_path / "running.json"))
    with started(tmp_path, "demo", "--keep") as process:
        output = read_until(process, "Ctrl-C stops it")
        assert operator.main(["runs", "list", "--local", "--json"]) == 0
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output + rest
    (address,) = re.findall(
        r"^The dashboard: (http://127\.0\.0\.1:\d+)/api/v1/dashboard\?code=\S+$", output, re.MULTILINE
    )
    assert address
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 11, "the stack answers while it stays"
    assert rest.startswith("\nDone; everything is stopped.")
    for word in ("SELECT submit_run", "COMPLETED", "FAILED", "REJECTED", "column AS_OF is missing", "ACCEPTED → "):
        assert word in output
    assert leftovers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_the_demo_leaves_nothing_behind_when_it_is_stopped(tmp_path: Path) -> None:
    with started(tmp_path, "demo") as process:
        read_until(process, "Ready after")
        assert leftovers(tmp_path), "its children can be seen"

        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in output
    assert leftovers(tmp_path) == []


def test_children_end_even_when_their_parent_is_killed(tmp_path: Path) -> None:
    with started(tmp_path, "demo") as process:
        read_until(process, "Ready after")
        process.kill()
        process.communicate(timeout=30)

    eventually(lambda: not leftovers(tmp_path), 30)


class TestUp:
    """The stack for other programs, until somebody ends it by SIGTERM."""

    @pytest.fixture(scope="class")
    @classmethod
    def directory(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("up")

    @pytest.fixture(scope="class")
    @classmethod
    def endpoints(cls, directory: Path) -> Iterator[dict[str, Any]]:
        file = directory / "endpoints.json"
        with started(directory, "up", "--endpoints", str(file)) as process:
            read_until(process, "ready")
            yield json.loads(file.read_text())
            process.terminate()
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        assert leftovers(directory) == []

    def test_its_endpoints_are_enough_to_use_it(self, endpoints: dict[str, Any], directory: Path) -> None:
        functions, control = endpoints["functions"], endpoints["control"]["base_url"]
        with httpx.Client(timeout=30, trust_env=False) as client:
            health = client.get(f"{functions['base_url']}/api/v1/health")
            refused = client.get(f"{functions['base_url']}/api/v1/pipelines")
            pipelines = client.get(
                f"{functions['base_url']}/api/v1/pipelines", headers={"x-functions-key": functions["key"]}
            )
            moved = client.post(f"{control}/clock", json={"advance_seconds": 60})
            fault = client.post(f"{control}/azure_ml/faults", json={"kind": "status", "params": {"status": 503}})
            client.post(f"{control}/reset")
            faults = client.get(f"{control}/azure_ml/faults")

        assert (health.status_code, health.json()["status"]) == (200, "ok")
        assert refused.status_code == 401, "the host asks for the key"
        assert "churn-training" in {each["name"] for each in pipelines.json()}
        assert (moved.status_code, fault.status_code, faults.json()) == (204, 201, [])
        assert json.loads((directory / "running.json").read_text()) == endpoints, "--local finds the same"
        parts = {"functions", "snowflake", "service_bus", "azure_ml", "event_grid", "control"}
        assert set(endpoints) == parts | {"settings"}
        assert endpoints["settings"]["ServiceBusConnection"] == endpoints["service_bus"]["connection_string"]

    def test_the_host_can_be_killed_and_started_again(self, endpoints: dict[str, Any]) -> None:
        control = endpoints["control"]["base_url"]
        health = f"{endpoints['functions']['base_url']}/api/v1/health"
        with httpx.Client(timeout=60, trust_env=False) as client:
            client.post(f"{control}/functions/kill")
            with pytest.raises(httpx.TransportError):
                client.get(health)
            client.post(f"{control}/functions/start")
            assert client.get(health).status_code == 200


def test_without_a_host_it_writes_settings_for_func_start(tmp_path: Path) -> None:
    settings = tmp_path / "local.settings.json"
    with started(tmp_path, "up", "--no-host", "--write-settings", str(settings)) as process:
        read_until(process, "ready")
        values = json.loads(settings.read_text())["Values"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert process.returncode == 0
    assert values["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert values["ServiceBusConnection"].startswith("Endpoint=sb://127.0.0.1")


def test_a_part_that_does_not_start_shows_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]
    child = ChildProcess("functions", command, "http://127.0.0.1:9/", {}, tmp_path / "functions.log")

    child.start()

    with pytest.raises(DidNotStart, match=r"functions ended while starting\. The end of its log:\nthe port is taken"):
        child.wait_until_healthy()
    child.stop()
