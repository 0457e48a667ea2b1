"""Options that several commands have, and how the program hears what concerns it as well."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli import moments
from bridge.cli.failures import WrongUsage
from bridge.domain.identity import is_run_id


@dataclass
class Invocation:
    """One call of the program."""

    #: Whether a refusal is to be written as JSON too.
    wants_json: bool = False


def _noted(context: typer.Context, value: bool) -> bool:
    if isinstance(context.obj, Invocation):
        context.obj.wants_json = value
    return value


def check_run_id(text: str) -> None:
    """A wrong id would only find nothing. Raises: WrongUsage."""
    if not is_run_id(text):
        raise WrongUsage(f'"{text[:100]}" is no id of a run: ids look like r-abcdefghijklmnopqrstuvwxyz')


def takes(group: type[Any]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """For commands whose first parameter is this group of options: typer gets the group's fields in its place.

    The group is a dataclass of keywords, as several commands have the same ones.
    """
    options = inspect.signature(group).parameters

    def taking(command: Callable[..., int]) -> Callable[..., int]:
        _, *own = inspect.signature(command).parameters.values()

        @functools.wraps(command)
        def called(**given: Any) -> int:
            return command(group(**{name: given.pop(name) for name in options}), **given)

        called.__signature__ = inspect.Signature([*own, *options.values()])  # type: ignore[attr-defined] # typer's
        return called

    return taking


Json = Annotated[bool, typer.Option("--json", callback=_noted, help="The result as one line of JSON.")]
Url = Annotated[
    str,
    typer.Option(
        metavar="URL", show_default=False, help="The app, as https://my-app.azurewebsites.net; default: BRIDGE_URL."
    ),
]
Key = Annotated[
    str,
    typer.Option(
        metavar="KEY",
        show_default=False,
        help="Function key; better in BRIDGE_KEY, as other users of this machine can see what commands are given. "
        "BRIDGE_TOKEN takes a token of Entra, for apps with AUTH_MODE=entra.",
    ),
]
Timeout = Annotated[int, typer.Option(metavar="SECONDS", min=1, help="How long an answer may take.")]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        help="The laptop stack that runs on this machine, instead of URL, key and settings. "
        "BRIDGE_ENDPOINTS names the file with its endpoints, if not .stack/endpoints.json.",
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        show_default=False,
        help='Take the app\'s settings from the "Values" of this local.settings.json instead of the environment.',
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(parser=moments.moment, metavar="WHEN", show_default=False, help="A date, or a date and time; in UTC."),
]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=500, help="How many.")]
