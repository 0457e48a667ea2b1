"""What the emulator and the process that runs handlers say to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.local.snowflake.url_map import UrlMapping


@dataclass(frozen=True, kw_only=True)
class SecretValue:
    """One secret as the handler gets it."""

    kind: str
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SessionAddress:
    """Where the handler's session connects to; it is logged in already."""

    port: int
    token: str = field(repr=False)
    account: str
    user: str
    role: str
    warehouse: str
    database: str | None
    schema: str | None


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One CALL of one procedure."""

    number: int
    name: str
    handler: str
    body: str = field(repr=False)
    packages: tuple[str, ...]
    arguments: tuple[Any, ...]
    #: The bare type of the result.
    returns: str
    session: SessionAddress
    secrets: Mapping[str, SecretValue]
    #: host:port of the network rules.
    hosts: tuple[str, ...]
    mappings: tuple[UrlMapping, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a CALL ended: with a value that the database can cast to the type of the result, or with an error."""

    number: int
    value: Any = None
    #: The traceback, or the sentence that stands for it.
    error: str | None = None
