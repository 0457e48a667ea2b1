"""Where a running laptop stack is: it says so in a file, which the stack writes and `--local` reads."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.cli.failures import WrongUsage

#: Names another file, for a second stack.
VARIABLE = "BRIDGE_ENDPOINTS"
_USUAL = Path(__file__).parents[2] / ".stack" / "endpoints.json"


def endpoints_file() -> Path:
    """The file of the stack that is meant."""
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named) if named else _USUAL


def endpoints() -> Mapping[str, Any]:
    """What the running stack says of itself: addresses, keys and, as `settings`, the app's settings.

    Raises: WrongUsage when none runs.
    """
    file = endpoints_file()
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WrongUsage("no laptop stack runs here: start one with python -m bridge.local up") from error
    except OSError as error:
        raise WrongUsage(f"{file}: cannot be read, {error.strerror}") from error
    except ValueError as error:
        raise WrongUsage(f"{file}: {error}") from error
    if not (isinstance(document, dict) and _is_whole(document)):
        raise WrongUsage(f"{file}: these are no endpoints of a laptop stack")
    return document


def _is_whole(document: Mapping[str, Any]) -> bool:
    """Whether it has what commands take from it."""
    match document:
        case {"functions": {"base_url": str(), "key": str()}, "settings": {}}:
            return True
    return False
