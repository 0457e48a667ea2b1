"""How a check of one of the two files a user edits is told."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.cli.failures import DONE, FAILED
from bridge.cli.output import say, write, write_json
from bridge.domain.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A file that can be used."""

    file_name: str
    #: What it has, such as "3 rules".
    contents: str
    warnings: tuple[str, ...] = ()
    #: What could not be checked here, in one line; empty when everything was.
    unchecked: str = ""


def write_checked(read: Callable[[], Checked], *, as_json: bool) -> int:
    """The exit code; every problem is written."""
    try:
        found = read()
    except ConfigurationError as error:
        if as_json:
            write_json({"usable": False, "problems": list(error.problems), "warnings": [], "unchecked": None})
        else:
            write(error.problems)
        say(f"not usable: {counted(len(error.problems), 'problem')}")
        return FAILED
    if as_json:
        write_json(
            {"usable": True, "problems": [], "warnings": list(found.warnings), "unchecked": found.unchecked or None}
        )
        return DONE
    write(f"warning: {warning}" for warning in found.warnings)
    write([f"{found.file_name}: usable, {found.contents}"])
    say_unchecked(found.unchecked)
    return DONE


def say_unchecked(unchecked: str) -> None:
    """The line, if there is one."""
    if unchecked:
        say(unchecked)


def counted(number: int, what: str) -> str:
    """In the singular or the plural."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
