"""`python -m bridge.cli.reference`: writes the commands into docs/cli.md, from what the program itself knows of them.

What stands above the mark in that file is written by hand.
"""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from bridge.cli.connection import Connection
from bridge.cli.examples import EXAMPLES
from bridge.cli.program import PROGRAM, app

FILE = Path(__file__).parents[2] / "docs" / "cli.md"
MARK = "<!-- From here on written by python -m bridge.cli.reference -->\n"
#: Told once, by hand.
_COMMON = frozenset({"json", "as_json", "help", *inspect.signature(Connection).parameters})


def document(text: str) -> str:
    """The file with the commands as they are now."""
    by_hand = text.partition(MARK)[0]
    return by_hand + MARK + "\n" + "\n".join(_sections()).rstrip() + "\n"


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """Every command by what is typed for it."""
    yield from _commands("", get_command(app))


def _commands(name: str, found: object) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(found, TyperGroup):
        for verb, command in found.commands.items():
            yield from _commands(f"{name} {verb}".strip(), command)
    elif isinstance(found, TyperCommand):
        yield name, found


def _sections() -> Iterator[str]:
    group = ""
    for name, command in commands():
        if (first := name.split()[0]) != group:
            group = first
            yield f"## {group}\n"
        if " " in name:
            yield f"### {name}\n"
        yield f"{command.help}\n"
        yield from ("```sh", *(f"{PROGRAM} {example}" for example in EXAMPLES[name]), "```\n")
        if rows := list(_rows(command)):
            yield from ("| | |", "|---|---|", *rows, "")
        if command.epilog:
            yield f"{command.epilog}\n"


def _rows(command: TyperCommand) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, TyperArgument | TyperOption) and parameter.name not in _COMMON:
            yield f"| `{_spelled(parameter)}` | {_cell(parameter)} |"


def _spelled(parameter: TyperArgument | TyperOption) -> str:
    names: Sequence[str] = parameter.opts if isinstance(parameter, TyperOption) else ()
    is_flag = isinstance(parameter, TyperOption) and parameter.is_flag
    value = "" if is_flag else parameter.metavar or ""
    return ", ".join(names) + (" " if names and value else "") + value


def _cell(parameter: TyperArgument | TyperOption) -> str:
    words = [parameter.help or ""]
    if parameter.required:
        words.append("Required.")
    elif parameter.show_default and parameter.default not in {None, False, ""}:
        words.append(f"Default: {parameter.default}.")
    return " ".join(word for word in words if word).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(document(FILE.read_text(encoding="utf-8")), encoding="utf-8")
