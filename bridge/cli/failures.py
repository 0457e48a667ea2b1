"""How a command ends: its exit code, and what it says when it could not do what was asked."""

from typing import Any

DONE, FAILED, WRONG_USAGE = 0, 1, 2


class Refused(Exception):
    """What was asked for failed, or was refused."""

    def __init__(self, message: str, *, document: Any = None, is_passing: bool = False) -> None:
        #: What the app answered, for programs.
        self.document = document
        #: Whether the same request may go through later, or may have gone through already.
        self.is_passing = is_passing
        super().__init__(message)


class WrongUsage(Exception):
    """The command line asks for something that cannot be."""
