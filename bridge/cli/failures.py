"""How a command ends: its exit code, and what it says when it could not do what was asked."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from bridge.domain.errors import BridgeError

DONE, FAILED, WRONG_USAGE = 0, 1, 2
#: What became of the run that a command has followed.
RUN_FAILED, RUN_CANCELED = 3, 4
#: There is no Snowflake CLI.
NO_SNOW = 3


class Refused(Exception):
    """What was asked for failed, or was refused."""

    def __init__(
        self, message: str, *, document: Any = None, is_passing: bool = False, retry_after: float = 0.0
    ) -> None:
        #: What the app answered, for programs.
        self.document = document
        #: Whether the same request may go through later, or may have gone through already.
        self.is_passing = is_passing
        #: Seconds that the app wants to be left alone.
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def code(self) -> str | None:
        """The app's own code of the problem."""
        return self.document.get("code") if isinstance(self.document, Mapping) else None


class WrongUsage(Exception):
    """The command line asks for something that cannot be."""

    def with_those_of(self, other: Callable[[], object]) -> "WrongUsage":
        """So that people hear at once of all that they have to give otherwise; any other failure can wait."""
        try:
            with suppress(BridgeError):
                other()
        except WrongUsage as more:
            return WrongUsage(f"{self}\n{more}")
        return self
