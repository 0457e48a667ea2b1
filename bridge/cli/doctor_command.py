"""`doctor`: what is wrong with a deployment, why, and the command that mends it."""

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge import __version__
from bridge.cli import laptop
from bridge.cli.environment import app_environment
from bridge.cli.failures import DONE, FAILED, WrongUsage
from bridge.cli.options import Json, Key, Local, SettingsFile, Url
from bridge.cli.output import write, write_json
from bridge.settings.app_settings import GUID_EXAMPLE

if TYPE_CHECKING:
    from bridge.doctor.deployed_app import DeployedApp
    from bridge.doctor.examination import Examination
    from bridge.doctor.findings import Finding
    from bridge.doctor.subject import AppAddress

_EPILOG = (
    "Exit codes: 0 nothing fails, though there may be warnings; 1 something fails; 2 wrong command line. "
    "It reads only, and shows neither keys nor tokens."
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MARKS = {"ok": "✓", "warn": "!", "fail": "✗", "skipped": "-"}
PrincipalId = Annotated[
    str,
    typer.Option(
        metavar="OBJECT_ID", show_default=False, help="Look at the roles of this identity, the app's, not of yours."
    ),
]

AppName = Annotated[
    str,
    typer.Option(
        "--app",
        metavar="NAME",
        show_default=False,
        help="This function app in Azure, with the settings that it has there.",
    ),
]
Group = Annotated[str, typer.Option("--resource-group", metavar="GROUP", show_default=False, help="Of --app.")]
Subscription = Annotated[
    str, typer.Option(metavar="ID", show_default=False, help="Of --app; default: all that you may see.")
]

commands = typer.Typer()


@commands.command(epilog=_EPILOG)
def doctor(
    *,
    local: Local = False,
    settings: SettingsFile = None,
    name: AppName = "",
    group: Group = "",
    subscription: Subscription = "",
    url: Url = "",
    key: Key = "",
    principal_id: PrincipalId = "",
    as_json: Json = False,
) -> int:
    """Look at everything that the bridge needs; name the cause of each fault, and the command that mends it."""
    from bridge.doctor.examine import examine  # it loads most of the app

    if principal_id and not _GUID.fullmatch(principal_id):
        raise WrongUsage(f'--principal-id "{principal_id[:50]}": give an object id, such as {GUID_EXAMPLE}')
    if bool(name) != bool(group):
        raise WrongUsage("--app and --resource-group go together: give both")
    if name and (local or settings):
        raise WrongUsage("--app has its own settings: leave out --local and --settings")
    if local and (url or key):
        raise WrongUsage("--local has its own address and key: leave out --url and --key")
    examination = examine(
        app_environment(settings, local=local),
        app=_laptop_address() if local else _address(url, key, named=bool(name)),
        deployed=_deployed(name, group, subscription) if name else None,
        settings_file=settings,
        is_local=local,
        principal_id=principal_id,
    )
    return _told(examination, as_json=as_json)


def _told(examination: "Examination", *, as_json: bool) -> int:
    """The exit code; people read each group as soon as it is there."""
    from bridge.doctor.findings import Status, worst

    began, at = time.monotonic(), datetime.now(UTC)
    groups: dict[str, Sequence[Finding]] = {}
    for name, findings in examination.findings():
        groups[name] = findings
        if not as_json:
            write([name, *(line for finding in findings for line in _lines(finding))])
            sys.stdout.flush()
    every = [finding for findings in groups.values() for finding in findings]
    status = worst(every)
    counts = {str(each): sum(finding.status is each for finding in every) for each in Status}
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        told = {"status": str(status), "version": __version__, "at": at.isoformat(), "seconds": seconds}
        write_json({**told, "counts": counts, "findings": _documents(groups)})
    else:
        write(["", f"{', '.join(f'{count} {name}' for name, count in counts.items() if count)}; {seconds} s"])
    return FAILED if status is Status.FAIL else DONE


def _deployed(name: str, group: str, subscription: str) -> "DeployedApp":
    from bridge.doctor.azure import Azure
    from bridge.doctor.clocks import Clocks
    from bridge.doctor.deployed_app import find_app
    from bridge.doctor.subject import utc_now
    from bridge.settings.app_settings import Settings

    azure = Azure(Settings.with_problems(os.environ)[0], Clocks(utc_now))
    return find_app(azure, name=name, group=group, subscription=subscription)


def _address(url: str, key: str, *, named: bool) -> "AppAddress":
    """A key that belongs to the app of BRIDGE_URL goes to no other, which --app may be."""
    from bridge.doctor.subject import AppAddress

    usual = os.environ.get("BRIDGE_URL", "").strip()
    if named and usual:
        return AppAddress(url=url, key=key)
    return AppAddress(
        url=url or usual,
        key=key or os.environ.get("BRIDGE_KEY", "").strip(),
        token=os.environ.get("BRIDGE_TOKEN", "").strip(),
    )


def _laptop_address() -> "AppAddress":
    from bridge.doctor.subject import AppAddress

    functions = laptop.endpoints()["functions"]
    return AppAddress(url=functions["base_url"], key=functions["key"])


def _lines(finding: "Finding") -> list[str]:
    """What is well in one line, what is not with its cause and its mend."""
    lines = [f"  {_MARKS[finding.status]} {finding.what}"]
    if finding.status in {"warn", "fail"}:
        lines[0] += f"  [{finding.check}]"
    if finding.cause:
        lines.append(f"      {'note' if finding.status == 'ok' else 'cause'}: {finding.cause}")
    return lines + [f"      mend: {line}" for line in finding.mend.splitlines()]


def _documents(groups: "Mapping[str, Sequence[Finding]]") -> list[dict[str, Any]]:
    return [
        {
            "group": group,
            "check": finding.check,
            "status": str(finding.status),
            "what": finding.what,
            "cause": finding.cause or None,
            "mend": finding.mend.splitlines(),
        }
        for group, findings in groups.items()
        for finding in findings
    ]
