"""Options that several commands have."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

#: What a parser sets as `command`: does it, and returns the exit code.
Command = Callable[[argparse.Namespace], int]


def json_option() -> argparse.ArgumentParser:
    """A parent for commands whose result programs may want to read."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--json", action="store_true", help="the result as one line of JSON")
    return parent


def positive(text: str) -> int:
    """For argparse."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f'"{text}": give a whole number of at least 1')
