"""Which app a command talks to, and with which key."""

import argparse
import os

from bridge.cli.api import Api
from bridge.cli.options import positive


def connection_options() -> argparse.ArgumentParser:
    """A parent for commands that call the app."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--url", help="the app, as https://my-app.azurewebsites.net; default: BRIDGE_URL")
    parent.add_argument(
        "--key",
        help="function key; better in BRIDGE_KEY, as other users of this machine can see what commands are given "
        "(BRIDGE_TOKEN takes a token of Entra, for apps with AUTH_MODE=entra)",
    )
    parent.add_argument(
        "--timeout", type=positive, default=90, metavar="SECONDS", help="how long an answer may take; default: 90"
    )
    return parent


def api(options: argparse.Namespace) -> Api:
    """Raises: WrongUsage."""
    return Api(
        url=(options.url or os.environ.get("BRIDGE_URL", "")).strip(),
        key=(options.key or os.environ.get("BRIDGE_KEY", "")).strip(),
        token=os.environ.get("BRIDGE_TOKEN", "").strip(),
        seconds=options.timeout,
    )
