"""host.json, with the app settings that override it: the same numbers count as on the platform."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bridge.domain.errors import ConfigurationError

#: Such as AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime.
_OVERRIDE = "azurefunctionsjobhost__"


def _lower(value: Any) -> Any:
    """Keys without regard to case, as .NET reads them."""
    return {key.lower(): _lower(inner) for key, inner in value.items()} if isinstance(value, dict) else value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=lambda name: name.replace("_", ""))


class ServiceBusSection(_Section):
    """`extensions.serviceBus` of the 5.x extension."""

    max_concurrent_calls: int = Field(16, ge=1, le=1000)
    max_auto_lock_renewal_duration: timedelta = timedelta(minutes=5)
    max_message_batch_size: int = Field(1000, ge=1, le=10_000)
    min_message_batch_size: int = Field(1, ge=1, le=10_000)
    max_batch_wait_time: timedelta = timedelta(seconds=30)

    @model_validator(mode="after")
    def _batches(self) -> "ServiceBusSection":
        if self.min_message_batch_size > self.max_message_batch_size:
            raise ValueError("minMessageBatchSize is greater than maxMessageBatchSize")
        return self


class HttpSection(_Section):
    """`extensions.http`."""

    route_prefix: str = "api"


class _Extensions(_Section):
    http: HttpSection = HttpSection()
    service_bus: ServiceBusSection = ServiceBusSection()


class HostFile(_Section):
    """What a container needs of host.json."""

    function_timeout: Annotated[timedelta | None, BeforeValidator(lambda value: None if value == "-1" else value)] = (
        timedelta(minutes=30)
    )
    extensions: _Extensions = _Extensions()

    @property
    def service_bus(self) -> ServiceBusSection:
        return self.extensions.service_bus

    @property
    def route_prefix(self) -> str:
        return self.extensions.http.route_prefix.strip("/")


def read_host_file(file: Path, environ: Mapping[str, str]) -> HostFile:
    """Raises: ConfigurationError with every problem."""
    try:
        content = _lower(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"{file.name} cannot be read: {error}"]) from error
    for name, value in environ.items():
        if name.lower().startswith(_OVERRIDE):
            _set(content, name.lower().removeprefix(_OVERRIDE).split("__"), value)
    try:
        return HostFile.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError([_told(file.name, each) for each in error.errors(include_url=False)]) from error


def _set(content: dict[str, Any], path: list[str], value: str) -> None:
    *sections, key = path
    for section in sections:
        content = content.setdefault(section, {})
    content[key] = value


def _told(file: str, error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    return f"{file}: {place} is {str(error['input'])[:100]!r}: {error['msg']}"
