"""`rules check`, `rules explain` and `rules replay`: what rules.yaml is worth before it is deployed."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import explanation, moments, replaying
from bridge.cli.configuration import Configuration, environment, read
from bridge.cli.evaluation import Evaluated, Judge, usual_door
from bridge.cli.failures import DONE, FAILED, Refused, WrongUsage
from bridge.cli.options import json_option, positive
from bridge.cli.output import say, write, write_json
from bridge.domain.errors import ConfigurationError, PoisonMessage
from bridge.domain.inputs import closest
from bridge.domain.rules import Rule
from bridge.payloads.event_grid import UnreadableEvent, read_each
from bridge.settings.app_settings import Settings

if TYPE_CHECKING:
    from bridge.cli.options import Verbs
    from bridge.ports import Ledger

DOORS = ("workspace", "custom", "snowflake", "bridge")


def add(verbs: "Verbs") -> None:
    """The parsers of these commands."""
    rules = verbs.add_parser("rules", help="what rules.yaml says, and what it would do").add_subparsers(
        dest="verb", required=True
    )
    files = _file_options()
    check = rules.add_parser("check", parents=[files, json_option()], help="every problem and warning of the file")
    check.set_defaults(command=_check)
    explain = rules.add_parser(
        "explain", parents=[files, json_option()], help="rule by rule, why an event would fire it or not"
    )
    explain.add_argument(
        "event",
        metavar="EVENT.json",
        help="one event or an array, in Event Grid's schema or as CloudEvents; - for standard input",
    )
    explain.add_argument(
        "--door",
        choices=DOORS,
        help="by which Event Grid subscription it comes; default: the one by which events of its type come",
    )
    explain.set_defaults(command=_explain)
    replay = rules.add_parser(
        "replay",
        parents=[files, json_option()],
        help="what today's file would have done with recorded events; reads the ledger, does nothing else",
    )
    replay.add_argument(
        "--since",
        metavar="WHEN",
        type=moments.moment,
        required=True,
        help="a date, which is its midnight in UTC, or a date and time",
    )
    replay.add_argument("--until", metavar="WHEN", type=moments.moment, help="up to here, itself left out")
    replay.add_argument("--rule", metavar="NAME", help="this rule only")
    replay.add_argument(
        "--limit", metavar="N", type=positive, default=1000, help="how many events to read; default: 1000"
    )
    replay.set_defaults(command=_replay)


def _check(options: argparse.Namespace) -> int:
    try:
        found = _configuration(options)
    except ConfigurationError as error:
        if options.json:
            write_json({"usable": False, "problems": list(error.problems), "warnings": [], "unchecked": None})
        else:
            write(error.problems)
        say(f"not usable: {_count(len(error.problems), 'problem')}")
        return FAILED
    if options.json:
        write_json(
            {"usable": True, "problems": [], "warnings": list(found.warnings), "unchecked": found.unchecked or None}
        )
        return DONE
    write(f"warning: {warning}" for warning in found.warnings)
    write([f"{found.rules_file.name}: usable, {_count(len(found.rules.all), 'rule')}"])
    _say_unchecked(found)
    return DONE


def _explain(options: argparse.Namespace) -> int:
    found = _configuration(options)
    text = _event_text(options.event)
    try:
        events = read_each(text, options.door or "custom")
    except PoisonMessage as error:
        raise Refused(f"{options.event}: {error}") from error
    judge = _judge(found, found.rules.all)
    evaluated: list[Evaluated] = []
    for event in events:
        if isinstance(event, UnreadableEvent):
            say(f"{options.event}: an event cannot be read: {event.reason}")
        else:
            known = event if options.door else replace(event, door=usual_door(event))
            evaluated.append(judge.evaluated(known))
    if options.json:
        write_json({"events": [explanation.document(each) for each in evaluated], "open": explanation.OPEN})
    else:
        _write_explained(evaluated, found)
    return DONE if len(evaluated) == len(events) else FAILED


def _replay(options: argparse.Namespace) -> int:
    values = environment(options.settings, os.environ)
    settings = Settings.from_environ(values)
    found = _configuration(options)
    rules = _chosen(found.rules.all, options.rule)
    events = ledger(settings).aml_events(since=options.since, limit=options.limit)
    replay = replaying.replayed(events, _judge(found, rules), until=options.until, limit=options.limit)
    if options.json:
        write_json(replaying.document(replay))
    else:
        _say_warnings(found)
        write(replaying.lines(replay))
        say("Nothing was sent or written. Occasions that were used up before --since count as new here.")
    if replay.cut_at is not None:
        last = moments.shown(replay.cut_at)
        say(f"stopped at the limit of {options.limit} events, at {last} UTC: go on with --since, or raise --limit")
    if not settings.record_all_events:
        say("recorded are events of the bridge's runs, of models and drift, and those that a rule matched then")
    return DONE


def ledger(settings: Settings) -> "Ledger":
    """Loads Snowflake's connector, on its first query."""
    from bridge.adapters.snowflake import SnowflakeLedger

    return SnowflakeLedger(settings.snowflake.connection_arguments())


def _configuration(options: argparse.Namespace) -> Configuration:
    values = environment(options.settings, os.environ)
    return read(values, rules_file=options.file, pipelines_file=options.pipelines)


def _judge(found: Configuration, rules: Sequence[Rule]) -> Judge:
    return Judge(rules=rules, catalogue=found.catalogue, bridge_name=found.bridge_name)


def _chosen(rules: Sequence[Rule], name: str | None) -> Sequence[Rule]:
    chosen = [rule for rule in rules if name is None or rule.name == name]
    if name is not None and not chosen:
        near = closest(name, [rule.name for rule in rules])
        hint = f": did you mean {near}?" if near else ""
        raise WrongUsage(f'there is no rule "{name}"{hint}')
    return chosen


def _event_text(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise WrongUsage(f"{name}: cannot be read, {error.strerror}") from error


def _write_explained(evaluated: Sequence[Evaluated], found: Configuration) -> None:
    _say_warnings(found)
    if not found.rules.all:
        write([f"{found.rules_file.name} has no rules"])
    for number, each in enumerate(evaluated):
        write([""] if number else [])
        write(explanation.lines(each))
    if any(each.evaluations for each in evaluated):
        write(["", explanation.OPEN])
    _say_unchecked(found)


def _say_warnings(found: Configuration) -> None:
    for warning in found.warnings:
        say(f"warning: {warning}")


def _say_unchecked(found: Configuration) -> None:
    if found.unchecked:
        say(found.unchecked)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _file_options() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--file", type=Path, metavar="rules.yaml", help="default: the setting RULES_FILE, as the app")
    parent.add_argument(
        "--pipelines", type=Path, metavar="pipelines.yaml", help="default: the setting PIPELINES_FILE, as the app"
    )
    parent.add_argument(
        "--settings",
        type=Path,
        metavar="local.settings.json",
        help='take the app\'s settings from the "Values" of this file instead of the environment',
    )
    return parent
