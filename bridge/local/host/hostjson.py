"""host.json as the real host reads it: keys without regard to case, overridden by app settings, bad values refused."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: App settings of this form override host.json: AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime.
OVERRIDE_PREFIX = "azurefunctionsjobhost__"
#: Sections of the 4.x Service Bus extension. The 5.x one ignores them without a word, so we say it.
OLD_SERVICE_BUS_SECTIONS = ("messageHandlerOptions", "sessionHandlerOptions", "batchOptions")
#: What the plan gives when functionTimeout is absent (Flex Consumption, Premium).
DEFAULT_FUNCTION_TIMEOUT = "00:30:00"

_TIMESPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,7})?)")


class HostJsonError(Exception):
    """host.json, or an app setting that overrides it, cannot be used."""


@dataclass(frozen=True, kw_only=True)
class ServiceBusOptions:
    """The section extensions.serviceBus of the 5.x extension."""

    prefetch_count: int
    max_concurrent_calls: int
    auto_complete: bool
    #: A message's lock is renewed this long after it was received; single-message functions only.
    lock_renewal_seconds: float
    max_batch: int
    min_batch: int
    #: How long a batch smaller than `min_batch` waits for more, counted from its first message.
    batch_wait_seconds: float


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """What this host needs of host.json."""

    route_prefix: str
    #: None for no limit ("-1").
    function_timeout_seconds: float | None
    service_bus: ServiceBusOptions
    #: Keys that are present and have no effect.
    warnings: tuple[str, ...]


def read_host_options(directory: Path, environment: Mapping[str, str]) -> HostOptions:
    """The options of the app in `directory`.

    Raises:
        HostJsonError: the file is not JSON, not of version 2.0, or a value makes no sense.
    """
    values = _Values(_read(directory / "host.json") | _overrides(environment))
    service_bus = ServiceBusOptions(
        prefetch_count=values.integer("extensions.serviceBus.prefetchCount", 0, least=0),
        max_concurrent_calls=values.integer("extensions.serviceBus.maxConcurrentCalls", 16, least=1),
        auto_complete=values.boolean("extensions.serviceBus.autoCompleteMessages", default=True),
        lock_renewal_seconds=values.seconds("extensions.serviceBus.maxAutoLockRenewalDuration", "00:05:00"),
        max_batch=values.integer("extensions.serviceBus.maxMessageBatchSize", 1000, least=1),
        min_batch=values.integer("extensions.serviceBus.minMessageBatchSize", 1, least=1),
        batch_wait_seconds=values.seconds("extensions.serviceBus.maxBatchWaitTime", "00:00:30"),
    )
    if service_bus.min_batch > service_bus.max_batch:
        raise HostJsonError("host.json: minMessageBatchSize must not be greater than maxMessageBatchSize")
    return HostOptions(
        route_prefix=values.text("extensions.http.routePrefix", "api").strip("/"),
        function_timeout_seconds=values.timeout("functionTimeout"),
        service_bus=service_bus,
        warnings=tuple(
            f"host.json: extensions.serviceBus.{name} belongs to extension 4.x and is ignored"
            for name in OLD_SERVICE_BUS_SECTIONS
            if values.has_section(f"extensions.serviceBus.{name}")
        ),
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HostJsonError(f"host.json is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise HostJsonError('host.json must have "version": "2.0"')
    return _flat(content)


def _flat(section: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Nested keys as one dotted, lower-case name each, which is how .NET's configuration sees them."""
    found: dict[str, Any] = {}
    for name, value in section.items():
        key = f"{path}{name}".lower()
        found |= _flat(value, f"{key}.") if isinstance(value, dict) else {key: value}
    return found


def _overrides(environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        name.lower().removeprefix(OVERRIDE_PREFIX).replace("__", "."): value
        for name, value in environment.items()
        if name.lower().startswith(OVERRIDE_PREFIX)
    }


class _Values:
    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def has_section(self, name: str) -> bool:
        return any(key.startswith(f"{name.lower()}.") for key in self._values)

    def text(self, name: str, default: str) -> str:
        return str(self._values.get(name.lower(), default))

    def integer(self, name: str, default: int, *, least: int) -> int:
        text = self.text(name, str(default))
        if not re.fullmatch(r"-?\d+", text) or int(text) < least:
            raise HostJsonError(f"host.json: {name} must be a whole number of at least {least}, not {text!r}")
        return int(text)

    def boolean(self, name: str, *, default: bool) -> bool:
        text = self.text(name, str(default)).lower()
        if text not in ("true", "false"):
            raise HostJsonError(f"host.json: {name} must be true or false, not {text!r}")
        return text == "true"

    def seconds(self, name: str, default: str) -> float:
        text = self.text(name, default)
        match = _TIMESPAN.fullmatch(text)
        if match is None:
            raise HostJsonError(f"host.json: {name} must look like hh:mm:ss, not {text!r}")
        days, hours, minutes, seconds = match.groups()
        return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)

    def timeout(self, name: str) -> float | None:
        if self.text(name, DEFAULT_FUNCTION_TIMEOUT) in ("-1", "-00:00:01"):
            return None
        return self.seconds(name, DEFAULT_FUNCTION_TIMEOUT)
