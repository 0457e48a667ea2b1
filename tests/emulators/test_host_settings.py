"""host.json and the app settings that override it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.local.host.hostjson import HostJsonError, read_host_options
from bridge.local.host.loading import apply_local_settings


def write(folder: Path, content: dict[str, Any]) -> Path:
    (folder / "host.json").write_text(json.dumps({"version": "2.0", **content}), encoding="utf-8")
    return folder


def test_an_absent_host_json_means_the_platforms_defaults(tmp_path: Path) -> None:
    options = read_host_options(tmp_path, {})

    assert options.route_prefix == "api"
    assert options.function_timeout_seconds == 1800
    bus = options.service_bus
    assert (bus.prefetch_count, bus.max_concurrent_calls, bus.auto_complete) == (0, 16, True)
    assert (bus.lock_renewal_seconds, bus.batch_wait_seconds) == (300, 30)
    assert (bus.min_batch, bus.max_batch) == (1, 1000)
    assert options.warnings == ()


def test_every_key_is_read_without_regard_to_case(tmp_path: Path) -> None:
    service_bus = {
        "PrefetchCount": 7,
        "maxConcurrentCalls": 32,
        "autoCompleteMessages": False,
        "maxAutoLockRenewalDuration": "00:10:30",
        "maxMessageBatchSize": 50,
        "minMessageBatchSize": 20,
        "maxBatchWaitTime": "1.00:00:01.5",
    }
    write(
        tmp_path,
        {
            "functionTimeout": "00:02:00",
            "Extensions": {"http": {"routePrefix": "/my/api/"}, "servicebus": service_bus},
        },
    )

    options = read_host_options(tmp_path, {})

    assert options.route_prefix == "my/api"
    assert options.function_timeout_seconds == 120
    bus = options.service_bus
    assert (bus.prefetch_count, bus.max_concurrent_calls, bus.auto_complete) == (7, 32, False)
    assert (bus.lock_renewal_seconds, bus.batch_wait_seconds) == (630, 86401.5)
    assert (bus.min_batch, bus.max_batch) == (20, 50)


def test_an_app_setting_overrides_host_json(tmp_path: Path) -> None:
    write(tmp_path, {"extensions": {"serviceBus": {"maxBatchWaitTime": "00:00:30", "minMessageBatchSize": 5}}})

    options = read_host_options(
        tmp_path,
        {
            "AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime": "00:00:01",
            "azurefunctionsjobhost__functionTimeout": "-1",
            "Other__extensions__serviceBus__minMessageBatchSize": "9",
        },
    )

    assert options.service_bus.batch_wait_seconds == 1
    assert options.service_bus.min_batch == 5
    assert options.function_timeout_seconds is None


@pytest.mark.parametrize("name", ["messageHandlerOptions", "batchOptions", "sessionHandlerOptions"])
def test_a_section_of_the_old_extension_is_warned_about(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"extensions": {"serviceBus": {name: {"maxConcurrentCalls": 99}}}})

    options = read_host_options(tmp_path, {})

    assert name in options.warnings[0]
    assert options.service_bus.max_concurrent_calls == 16


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"version": "1.0"}, "version"),
        ({"functionTimeout": "ten minutes"}, "functionTimeout"),
        ({"extensions": {"serviceBus": {"maxConcurrentCalls": 0}}}, "maxConcurrentCalls"),
        ({"extensions": {"serviceBus": {"prefetchCount": "many"}}}, "prefetchCount"),
        ({"extensions": {"serviceBus": {"autoCompleteMessages": "maybe"}}}, "autoCompleteMessages"),
        ({"extensions": {"serviceBus": {"maxBatchWaitTime": "30"}}}, "maxBatchWaitTime"),
        ({"extensions": {"serviceBus": {"minMessageBatchSize": 10, "maxMessageBatchSize": 5}}}, "minMessageBatchSize"),
    ],
)
def test_a_senseless_value_is_refused_by_name(tmp_path: Path, content: dict[str, Any], complaint: str) -> None:
    write(tmp_path, content)

    with pytest.raises(HostJsonError, match=complaint):
        read_host_options(tmp_path, {})


def test_a_host_json_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{", encoding="utf-8")

    with pytest.raises(HostJsonError, match="not JSON"):
        read_host_options(tmp_path, {})


def test_local_settings_complete_the_environment_and_never_override_it(tmp_path: Path) -> None:
    content = {"IsEncrypted": False, "Values": {"SET": "from file", "MISSING": "from file"}}
    (tmp_path / "local.settings.json").write_text(json.dumps(content), encoding="utf-8")
    environment = {"SET": "from environment"}

    apply_local_settings(tmp_path, environment)

    assert environment == {"SET": "from environment", "MISSING": "from file"}
