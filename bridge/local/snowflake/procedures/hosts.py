"""The hosts that network rules name. Apart, because the process of the handlers needs nothing else of the rules."""

import re
from collections.abc import Iterable

DEFAULT_PORT = 443
_LABEL = "[a-z0-9-]+"


def allows(hosts: Iterable[str], host: str, port: int) -> bool:
    """Whether a rule names this host and port; a star stands for one label, port 0 for every port."""
    return any(_agrees(allowed, host.lower(), port) for allowed in hosts)


def _agrees(allowed: str, host: str, port: int) -> bool:
    name, _, number = allowed.lower().partition(":")
    pattern = _LABEL.join(re.escape(part) for part in name.split("*"))
    return re.fullmatch(pattern, host) is not None and int(number or DEFAULT_PORT) in {port, 0}
