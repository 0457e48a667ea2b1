"""Which app a command talks to, and with which key."""

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.cli import laptop
from bridge.cli.api import Api
from bridge.cli.failures import WrongUsage
from bridge.cli.options import Key, Local, Timeout, Url


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What the options say of the app; its fields are these options."""

    url: Url = ""
    key: Key = field(default="", repr=False)
    timeout: Timeout = 90
    local: Local = False

    def api(self) -> Api:
        """Raises: WrongUsage."""
        if not self.local:
            return Api(
                url=(self.url or os.environ.get("BRIDGE_URL", "")).strip(),
                key=(self.key or os.environ.get("BRIDGE_KEY", "")).strip(),
                token=os.environ.get("BRIDGE_TOKEN", "").strip(),
                seconds=self.timeout,
            )
        if self.url or self.key:
            raise WrongUsage("--local has its own address and key: leave out --url and --key")
        functions = laptop.endpoints()["functions"]
        hint = ": does the laptop stack still run?"
        return Api(url=functions["base_url"], key=functions["key"], seconds=self.timeout, hint=hint)


def connects(command: Callable[..., int]) -> Callable[..., int]:
    """For commands whose first parameter is a Connection: typer gets its options in its place."""
    options = inspect.signature(Connection).parameters
    _, *own = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def called(**given: Any) -> int:
        return command(Connection(**{name: given.pop(name) for name in options}), **given)

    called.__signature__ = inspect.Signature([*own, *options.values()])  # type: ignore[attr-defined] # typer reads it
    return called


def calls_the_app(command: Callable[..., int]) -> Callable[..., int]:
    """For commands whose first parameter is the app itself."""

    @functools.wraps(command)
    def called(connection: Connection, **given: Any) -> int:
        return command(connection.api(), **given)

    return connects(called)
