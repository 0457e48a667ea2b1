"""Timer functions and the admin API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.emulators.host_process import RunningHost, running_host
from tests.eventually import eventually

YEAR_SECONDS = 366 * 86400


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host("clockwork", tmp_path_factory.mktemp("host"), EVERY_SECOND="* * * * * *") as running:
        yield running


@pytest.fixture
def host(shared_host: RunningHost) -> RunningHost:
    httpx.post(f"{shared_host.base}/api/forget").raise_for_status()
    return shared_host


def fired(host: RunningHost, name: str) -> list[dict[str, Any]]:
    return [entry for entry in httpx.get(f"{host.base}/api/fired").json() if entry["name"] == name]


def advance(host: RunningHost, seconds: float) -> None:
    httpx.post(f"{host.control}/clock", json={"advance_seconds": seconds}).raise_for_status()


def test_a_timer_fires_when_it_is_due(host: RunningHost) -> None:
    assert eventually(lambda: len(fired(host, "often")) >= 2)
    assert not fired(host, "yearly")


def test_a_timer_that_runs_on_startup_does_so_once(tmp_path: Path) -> None:
    with running_host("clockwork", tmp_path, EVERY_SECOND="* * * * * *") as fresh:
        eventually(lambda: fired(fresh, "often"))
        assert fired(fresh, "at_start") == [{"name": "at_start", "past_due": False}]


def test_the_control_clock_makes_a_timer_due_once(host: RunningHost) -> None:
    advance(host, YEAR_SECONDS)

    assert eventually(lambda: fired(host, "yearly")) == [{"name": "yearly", "past_due": True}]
    advance(host, 86400)
    eventually(lambda: len(fired(host, "often")) >= 2)
    assert len(fired(host, "yearly")) == 1


def test_a_timer_can_be_fired_by_hand(host: RunningHost) -> None:
    answer = httpx.post(f"{host.control}/timers/yearly/fire")

    assert answer.status_code == 202
    assert eventually(lambda: fired(host, "yearly")) == [{"name": "yearly", "past_due": False}]
    assert httpx.post(f"{host.control}/timers/nothing/fire").status_code == 404


def test_a_timer_never_overlaps_itself(host: RunningHost) -> None:
    for _ in range(3):
        httpx.post(f"{host.control}/timers/slow/fire")

    assert eventually(lambda: len(fired(host, "slow")) == 3)
    assert [entry["together"] for entry in fired(host, "slow")] == [1, 1, 1]


def test_the_admin_api_lists_the_functions_for_the_master_key_only(host: RunningHost) -> None:
    refused = httpx.get(f"{host.base}/admin/functions")
    listed = httpx.get(f"{host.base}/admin/functions", headers={"x-functions-key": "master"})

    assert refused.status_code == 401
    assert sorted(function["name"] for function in listed.json()) == [
        "at_start",
        "forget",
        "often",
        "slow",
        "tell",
        "yearly",
    ]
    (yearly,) = [function for function in listed.json() if function["name"] == "yearly"]
    assert yearly["config"]["bindings"][0]["schedule"] == "0 0 3 1 1 *"


@pytest.mark.parametrize(
    ("name", "content", "key", "status"),
    [
        ("yearly", b'{"input": null}', "master", 202),
        ("yearly", b"", "master", 202),
        ("yearly", b"{}", "wrong", 401),
        ("nothing", b"{}", "master", 404),
        ("yearly", b"[", "master", 400),
        ("yearly", b"[]", "master", 400),
        ("tell", b"{}", "master", 400),
    ],
)
def test_a_function_can_be_called_by_hand(host: RunningHost, name: str, content: bytes, key: str, status: int) -> None:
    answer = httpx.post(f"{host.base}/admin/functions/{name}", content=content, headers={"x-functions-key": key})

    assert answer.status_code == status
    assert status != 202 or eventually(lambda: fired(host, "yearly"))
