"""Which app a command talks to, and with which key."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.cli import laptop
from bridge.cli.api import Api
from bridge.cli.failures import WrongUsage
from bridge.cli.options import Key, Local, Timeout, Url, takes


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


def calls_the_app(command: Callable[..., int]) -> Callable[..., int]:
    """For commands whose first parameter is the app itself."""

    @functools.wraps(command)
    def called(connection: Connection, **given: Any) -> int:
        return command(connection.api(), **given)

    return takes(Connection)(called)
