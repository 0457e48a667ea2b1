"""Which app a command talks to, and with which key."""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

from bridge.cli import laptop
from bridge.cli.api import Api
from bridge.cli.failures import WrongUsage
from bridge.cli.options import Key, Local, Timeout, Url


def api(*, url: Url = "", key: Key = "", timeout: Timeout = 90, local: Local = False) -> Api:
    """Raises: WrongUsage."""
    if not local:
        return Api(
            url=(url or os.environ.get("BRIDGE_URL", "")).strip(),
            key=(key or os.environ.get("BRIDGE_KEY", "")).strip(),
            token=os.environ.get("BRIDGE_TOKEN", "").strip(),
            seconds=timeout,
        )
    if url or key:
        raise WrongUsage("--local has its own address and key: leave out --url and --key")
    functions = laptop.endpoints()["functions"]
    return Api(url=functions["base_url"], key=functions["key"], seconds=timeout)


def calls_the_app(command: Callable[..., int]) -> Callable[..., int]:
    """For commands whose first parameter is the app: typer gets the options of `api` in its place."""
    connection = inspect.signature(api).parameters
    _, *own = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def called(**options: Any) -> int:
        app = api(**{name: options.pop(name) for name in connection})
        return command(app, **options)

    called.__signature__ = inspect.Signature([*own, *connection.values()])  # type: ignore[attr-defined] # typer reads it
    return called
