"""The program: finds the command, and turns whatever becomes of it into an exit code and plain words.

Exit codes: 0 done; 1 what was asked for failed or was refused; 2 the command line is wrong.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from bridge import __version__
from bridge.cli import (
    dead_letter_commands,
    doctor_command,
    pipeline_commands,
    rule_commands,
    run_commands,
    sql_commands,
    submit_command,
)
from bridge.cli.failures import DONE, FAILED, WRONG_USAGE, Refused, WrongUsage
from bridge.cli.options import Invocation
from bridge.cli.output import say, write, write_json
from bridge.domain.errors import BridgeError, ConfigurationError

PROGRAM = "python -m bridge"
#: As shells have it for what Ctrl-C ended.
INTERRUPTED = 130

app = typer.Typer(
    help="The bridge between Snowflake and Azure ML, for those who write rules and look after runs.",
    epilog="Exit codes: 0 done, 1 failed or refused, 2 wrong command line.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain text: quick, and the same in every place.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(submit_command.commands)
app.add_typer(pipeline_commands.commands, name="pipelines", no_args_is_help=True)
app.add_typer(run_commands.commands, name="runs", no_args_is_help=True)
app.add_typer(dead_letter_commands.commands, name="dead-letters", no_args_is_help=True)
app.add_typer(rule_commands.commands, name="rules", no_args_is_help=True)
app.add_typer(sql_commands.commands, name="sql", no_args_is_help=True)
app.add_typer(doctor_command.commands)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        write([__version__])
        raise typer.Exit(DONE)


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    try:
        return _ended(arguments)
    except BrokenPipeError:  # whoever read has seen enough, be it of results or of what went wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _ended(arguments: Sequence[str] | None) -> int:
    """The exit code, after it was said why."""
    invocation = Invocation()
    try:
        return _run(sys.argv[1:] if arguments is None else arguments, invocation)
    except TyperException as error:
        _say_usage(error)
        return WRONG_USAGE
    except WrongUsage as error:
        say(str(error))
        return WRONG_USAGE
    except Refused as error:
        if invocation.wants_json and error.document is not None:
            write_json(error.document)
        say(str(error))
    except ConfigurationError as error:
        say(str(error))
    except BridgeError as error:
        say(f"it did not work: {error}")
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        say(f"unexpected error, a defect of this program: {type(error).__name__}: {error}")
    return FAILED


def _run(arguments: Sequence[str], invocation: Invocation) -> int:
    """A command returns its exit code; typer returns that of what it has ended itself, such as --help."""
    code: int = get_command(app).main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=invocation)
    sys.stdout.flush()
    return code


def _say_usage(error: TyperException) -> None:
    words = error.format_message().replace("Value error, ", "", 1)
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is None or words.startswith("Usage:"):  # the help, as nothing was asked for
        say(words)
    else:
        say(f"{context.get_usage()}\n{words}\nAll that can be given: {context.command_path} --help")
