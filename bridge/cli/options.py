"""Options that several commands have, and how the program hears what concerns it as well."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import moments


@dataclass
class Invocation:
    """One call of the program."""

    #: Whether a refusal is to be written as JSON too.
    wants_json: bool = False


def _noted(context: typer.Context, value: bool) -> bool:
    if isinstance(context.obj, Invocation):
        context.obj.wants_json = value
    return value


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
