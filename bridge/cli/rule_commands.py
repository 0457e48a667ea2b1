"""`rules check`, `rules explain` and `rules replay`: what rules.yaml is worth before it is deployed.

What reads the file and judges events is loaded when a command runs.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import moments
from bridge.cli.checking import Checked, counted, say_unchecked, write_checked
from bridge.cli.environment import app_environment
from bridge.cli.failures import DONE, FAILED, Refused, WrongUsage
from bridge.cli.options import Json, Local, SettingsFile, takes
from bridge.cli.output import say, write, write_json, write_table
from bridge.cli.progress import working
from bridge.domain.errors import PoisonMessage
from bridge.domain.inputs import closest

if TYPE_CHECKING:
    from bridge.cli.configuration import Configuration
    from bridge.cli.evaluation import Evaluated, Judge
    from bridge.domain.rules import Rule
    from bridge.ports import Ledger
    from bridge.settings.app_settings import Settings

commands = typer.Typer(help="What rules.yaml says, and what it would do.")


class Door(StrEnum):
    """Event Grid subscriptions, by the doors they are for."""

    WORKSPACE = "workspace"
    CUSTOM = "custom"
    SNOWFLAKE = "snowflake"
    BRIDGE = "bridge"


RulesFile = Annotated[
    Path | None,
    typer.Option("--file", metavar="RULES.yaml", show_default=False, help="Default: the setting RULES_FILE."),
]
PipelinesFile = Annotated[
    Path | None,
    typer.Option(
        "--pipelines", metavar="PIPELINES.yaml", show_default=False, help="Default: the setting PIPELINES_FILE."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The two files, and where the app's settings are taken from."""

    file: RulesFile = None
    pipelines: PipelinesFile = None
    settings: SettingsFile = None
    local: Local = False

    def values(self) -> Mapping[str, str]:
        """The settings. Raises: WrongUsage."""
        return app_environment(self.settings, local=self.local)

    def read(self) -> "Configuration":
        """Raises: WrongUsage; ConfigurationError with every problem of the files."""
        from bridge.cli.configuration import read

        try:
            values = self.values()
        except WrongUsage as error:
            files = partial(read, {}, rules_file=self.file, pipelines_file=self.pipelines)
            raise error.with_those_of(files) from error
        return read(values, rules_file=self.file, pipelines_file=self.pipelines)


@commands.command()
@takes(Sources)
def check(sources: Sources, as_json: Json = False) -> int:
    """Every problem and warning of the file."""

    def checked() -> Checked:
        found = sources.read()
        return Checked(
            file_name=found.rules_file.name,
            contents=counted(len(found.rules.all), "rule"),
            warnings=found.warnings,
            unchecked=found.unchecked,
        )

    return write_checked(checked, as_json=as_json)


@commands.command()
@takes(Sources)
def explain(
    sources: Sources,
    event: Annotated[
        str,
        typer.Argument(
            metavar="EVENT.json",
            help="One event or an array, in Event Grid's schema or as CloudEvents; - for standard input.",
        ),
    ],
    *,
    door: Annotated[
        Door | None,
        typer.Option(
            metavar="DOOR",
            show_default=False,
            help="By which Event Grid subscription it comes: workspace, custom, snowflake or bridge. "
            "Default: the one by which events of its type come.",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Rule by rule, why an event would fire it or not."""
    from bridge.cli import explanation
    from bridge.cli.evaluation import usual_door
    from bridge.payloads.event_grid import UnreadableEvent, read_each

    found, text = _read_with_event(sources, event)
    try:
        events = read_each(text, door or "custom")
    except PoisonMessage as error:
        raise Refused(f"{event}: {error}") from error
    judge = _judge(found, found.rules.all)
    evaluated: list[Evaluated] = []
    for each in events:
        if isinstance(each, UnreadableEvent):
            say(f"{event}: an event cannot be read: {each.reason}")
        else:
            evaluated.append(judge.evaluated(each if door else replace(each, door=usual_door(each))))
    if as_json:
        write_json({"events": [explanation.document(each) for each in evaluated], "open": explanation.OPEN})
    else:
        _write_explained(evaluated, found)
    return DONE if len(evaluated) == len(events) else FAILED


@commands.command("replay")
@takes(Sources)
def replay_events(
    sources: Sources,
    *,
    since: Annotated[
        datetime,
        typer.Option(
            parser=moments.moment, metavar="WHEN", help="A date, which is its midnight in UTC, or a date and time."
        ),
    ],
    until: Annotated[
        datetime | None,
        typer.Option(parser=moments.moment, metavar="WHEN", show_default=False, help="Up to here, itself left out."),
    ] = None,
    rule: Annotated[str | None, typer.Option(metavar="NAME", help="This rule only.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many events to read.")] = 1000,
    as_json: Json = False,
) -> int:
    """What today's file would have done with recorded events; reads the ledger, does nothing else."""
    from bridge.cli import replaying
    from bridge.settings.app_settings import Settings

    if until is not None and until <= since:
        begins, ends = moments.shown(since), moments.shown(until)
        raise WrongUsage(f"no time is left: --since is {begins}, --until is {ends} UTC: give a later --until")
    found = sources.read()
    settings = Settings.from_environ(sources.values())
    rules = _chosen(found.rules.all, rule)
    with working("reading the ledger"), ledger(settings) as recorded:
        events = recorded.aml_events(since=since, limit=limit)
    with working("asking the rules", total=len(events)) as step:
        replay = replaying.replayed(events, _judge(found, rules), until=until, limit=limit, step=step)
    if as_json:
        write_json(replaying.document(replay))
    else:
        _say_warnings(found)
        write(replaying.lines(replay))
        if replay.summaries:
            write_table(replaying.summary(replay), replaying.COLUMNS)
        say("Nothing was sent or written. Occasions that were used up before --since count as new here.")
    if replay.cut_at is not None:
        last = moments.shown(replay.cut_at)
        say(f"stopped at the limit of {limit} events, at {last} UTC: go on with --since, or raise --limit")
    if not settings.record_all_events:
        say("recorded are events of the bridge's runs, of models and drift, and those that a rule matched then")
    return DONE


@contextmanager
def ledger(settings: "Settings") -> "Iterator[Ledger]":
    """Loads Snowflake's connector, on its first query."""
    from bridge.adapters.snowflake import SnowflakeLedger

    found = SnowflakeLedger(settings.snowflake.connection_arguments())
    try:
        yield found
    finally:
        found.close()


def _judge(found: "Configuration", rules: Sequence["Rule"]) -> "Judge":
    from bridge.cli.evaluation import Judge

    return Judge(rules=rules, catalogue=found.catalogue, bridge_name=found.bridge_name)


def _chosen(rules: Sequence["Rule"], name: str | None) -> Sequence["Rule"]:
    chosen = [rule for rule in rules if name is None or rule.name == name]
    if name is not None and not chosen:
        near = closest(name, [rule.name for rule in rules])
        hint = f": did you mean {near}?" if near else ""
        raise WrongUsage(f'there is no rule "{name}"{hint}')
    return chosen


def _read_with_event(sources: Sources, name: str) -> tuple["Configuration", bytes]:
    """Standard input comes last: who types should not have typed in vain."""
    if name == "-":
        return sources.read(), sys.stdin.buffer.read()
    try:
        text = Path(name).read_bytes()
    except OSError as error:
        wrong = WrongUsage(f"{name}: cannot be read, {error.strerror}")
        raise wrong.with_those_of(sources.read) from error
    return sources.read(), text


def _write_explained(evaluated: Sequence["Evaluated"], found: "Configuration") -> None:
    from bridge.cli import explanation

    _say_warnings(found)
    if not found.rules.all:
        write([f"{found.rules_file.name} has no rules"])
    for number, each in enumerate(evaluated):
        write([""] if number else [])
        write(explanation.lines(each))
    if any(each.evaluations for each in evaluated):
        write(["", explanation.OPEN])
    say_unchecked(found.unchecked)


def _say_warnings(found: "Configuration") -> None:
    for warning in found.warnings:
        say(f"warning: {warning}")
