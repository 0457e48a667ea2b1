"""The program: finds the command, and turns whatever becomes of it into an exit code and plain words.

Exit codes: 0 done; 1 what was asked for failed or was refused; 2 the command line is wrong.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from bridge import __version__
from bridge.cli import dead_letter_commands, rule_commands, run_commands
from bridge.cli.failures import FAILED, WRONG_USAGE, Refused, WrongUsage
from bridge.cli.options import Command
from bridge.cli.output import say, write_json
from bridge.domain.errors import BridgeError, ConfigurationError

#: As shells have it for what Ctrl-C ended.
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; argparse leaves by itself, with 2 or, for help, with 0."""
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        code = command(options)
        sys.stdout.flush()
    except WrongUsage as error:
        say(str(error))
        return WRONG_USAGE
    except Refused as error:
        if options.json and error.document is not None:
            write_json(error.document)
        say(str(error))
    except ConfigurationError as error:
        say(str(error))
    except BridgeError as error:
        say(f"it did not work: {error}")
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        say(f"unexpected error, a defect of this program: {type(error).__name__}: {error}")
    else:
        return code
    return FAILED


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m bridge",
        description="Rules before they are deployed; runs and dead letters of an app.",
        epilog="Exit codes: 0 done, 1 failed or refused, 2 wrong command line.",
    )
    top.add_argument("--version", action="version", version=__version__)
    verbs = top.add_subparsers(dest="what", required=True)
    rule_commands.add(verbs)
    run_commands.add(verbs)
    dead_letter_commands.add(verbs)
    return top
