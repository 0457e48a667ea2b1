"""Tokens and configuration files, as the Service Bus emulator reads them."""

import base64
import hashlib
import hmac
import json
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from bridge.local.servicebus.config import ConfigurationError, read_config, seconds
from bridge.local.servicebus.errors import UnauthorizedError
from bridge.local.servicebus.queue import QueueOptions
from bridge.local.servicebus.sas import SharedKey, path_of

NOW = 1_700_000_000.0
KEY = SharedKey("RootManageSharedAccessKey", "c2VjcmV0+/=")


def token(resource: str, *, key: str = KEY.value, name: str = KEY.name, expires: float = NOW + 60) -> str:
    quoted = urllib.parse.quote_plus(resource)
    signed = hmac.new(key.encode(), f"{quoted}\n{int(expires)}".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote_plus(base64.b64encode(signed))
    return f"SharedAccessSignature sr={quoted}&sig={signature}&se={int(expires)}&skn={name}"


def test_a_good_token_grants_its_path() -> None:
    assert KEY.verify(token("https://ns.servicebus.windows.net/Orders/"), NOW).path == "orders"


@pytest.mark.parametrize(
    "bad",
    [
        token("https://ns/orders", key="another"),
        token("https://ns/orders", name="another"),
        token("https://ns/orders", expires=NOW),
        token("https://ns/orders").replace("orders", "other"),
        token("https://ns/orders").replace(f"se={int(NOW) + 60}", f"se={int(NOW) + 61}"),
        token("https://ns/orders", expires=NOW).replace(f"se={int(NOW)}", "se=soon"),
        token("https://ns/orders").partition("&skn")[0],
        "Bearer abc",
        "SharedAccessSignature",
        "",
    ],
)
def test_any_other_token_is_refused(bad: str) -> None:
    with pytest.raises(UnauthorizedError):
        KEY.verify(bad, NOW)


@pytest.mark.parametrize(
    ("resource", "path", "covered"),
    [
        ("https://ns/orders", "orders", True),
        ("https://ns/ORDERS", "Orders/$management", True),
        ("sb://ns:5672/", "orders", True),
        ("https://ns", "orders", True),
        ("https://ns/orders", "orders-2", False),
        ("https://ns/orders-2", "orders", False),
        ("https://ns/orders/$deadletterqueue", "orders", False),
    ],
)
def test_a_token_covers_its_path_and_what_lies_below(resource: str, path: str, covered: bool) -> None:
    assert KEY.verify(token(resource), NOW).covers(path) is covered


def test_paths_are_read_from_addresses_of_any_form() -> None:
    addresses = ["amqps://h:1/A/B", "sb://h/a/b/", "a/b", "/a/b"]

    assert {path_of(address) for address in addresses} == {"a/b"}


def config(tmp_path: Path, namespace: dict[str, Any]) -> Path:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", **namespace}]}}))
    return file


def test_a_configuration_of_microsofts_emulator_is_understood(tmp_path: Path) -> None:
    properties = {
        "DeadLetteringOnMessageExpiration": True,
        "DefaultMessageTimeToLive": "P14D",
        "DuplicateDetectionHistoryTimeWindow": "PT20S",
        "ForwardDeadLetteredMessagesTo": "",
        "ForwardTo": "",
        "LockDuration": "PT1M30S",
        "MaxDeliveryCount": 3,
        "RequiresDuplicateDetection": True,
        "RequiresSession": False,
    }
    file = config(tmp_path, {"Queues": [{"Name": "a", "Properties": properties}, {"Name": "b"}], "Topics": []})

    assert read_config(file) == [
        QueueOptions(
            name="a",
            lock_seconds=90,
            max_delivery_count=3,
            duplicate_detection_seconds=20,
            ttl_seconds=14 * 86_400,
            dead_letter_expired=True,
        ),
        QueueOptions(name="b"),
    ]


@pytest.mark.parametrize(
    "namespace",
    [
        {"Queues": [{"Name": "q", "Properties": {"RequiresSession": True}}]},
        {"Queues": [{"Name": "q", "Properties": {"ForwardTo": "other"}}]},
        {"Queues": [{"Name": "q", "Properties": {"LockDuration": "1 minute"}}]},
        {"Topics": [{"Name": "t"}]},
        {"Queues": [{"Properties": {}}]},
    ],
)
def test_a_configuration_beyond_the_emulator_is_refused(tmp_path: Path, namespace: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        read_config(config(tmp_path, namespace))


@pytest.mark.parametrize(
    ("text", "length"), [("PT1M", 60), ("P1D", 86_400), ("PT0.5S", 0.5), ("P1DT2H3M4S", 93_784), ("PT10M", 600)]
)
def test_durations_are_read(text: str, length: float) -> None:
    assert seconds(text) == length
