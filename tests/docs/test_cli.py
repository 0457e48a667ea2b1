"""docs/cli.md says what the program itself says, and its examples can be typed."""

import shlex

import pytest

from bridge.cli.examples import EXAMPLES
from bridge.cli.reference import FILE, commands, document

COMMANDS = dict(commands())
#: Where the shell's part of a line begins.
SHELL = {"|", ">", "<", "&&", "||"}


def test_the_commands_in_it_are_those_of_the_program() -> None:
    text = FILE.read_text(encoding="utf-8")

    assert text == document(text), "run python -m bridge.cli.reference"


def test_every_command_has_an_example() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_its_examples_are_command_lines_that_the_program_takes(name: str) -> None:
    for example in EXAMPLES[name]:
        words = shlex.split(example)
        end = next((number for number, word in enumerate(words) if word in SHELL), len(words))
        typed, length = words[:end], len(name.split())

        assert " ".join(typed[:length]) == name
        COMMANDS[name].make_context(name, typed[length:])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_is_for_and_speaks_to_programs_too(name: str) -> None:
    command = COMMANDS[name]

    assert command.help
    assert "--json" in {option for parameter in command.params for option in parameter.opts}
