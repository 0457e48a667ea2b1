"""Reads rules.yaml: a file with nothing wrong becomes the rules, any other a list of all that is wrong."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.adapters.files.rules_checks import PlainRule, Surroundings, plain_rules, rule_findings
from bridge.adapters.files.rules_model import FileEntry
from bridge.adapters.files.rules_problems import problems
from bridge.adapters.files.rules_warnings import rule_warnings
from bridge.adapters.files.yaml_document import Document, Problem
from bridge.adapters.files.yaml_fields import Finding
from bridge.adapters.files.yaml_file import all_shown, content_of, read_entry
from bridge.domain.errors import ConfigurationError
from bridge.domain.rules import Rules

__all__ = ["LoadedRules", "Surroundings", "load_rules", "parse_rules"]


@dataclass(frozen=True, kw_only=True)
class LoadedRules:
    """The rules, and what is allowed in them and hardly meant."""

    rules: Rules
    #: In the form of problems.
    warnings: tuple[str, ...] = ()


def load_rules(path: Path, surroundings: Surroundings) -> LoadedRules:
    """The rules of the file.

    Raises: ConfigurationError with every problem as "rules.yaml:12: place: what is wrong and what would be right".
    """
    return parse_rules(content_of(path, "RULES_FILE"), path.name, surroundings)


def parse_rules(content: bytes, name: str, surroundings: Surroundings) -> LoadedRules:
    """The rules of a file's content; `name` is what problems call the file.

    Raises: ConfigurationError.
    """
    reading = read_entry(content, name, FileEntry, problems=problems, beginning="version: 1 and rules: {}")
    found = list(reading.problems)
    told = {problem.path for problem in found} | {problem.path[:-1] for problem in reading.document.problems}
    checked = _each_rule(reading.document, lambda rule: rule_findings(rule, surroundings))
    # What has no value, or the wrong shape, needs no second problem, nor what is empty because of that.
    found += [problem for problem in checked if problem.path not in told]
    if found or reading.entry is None:
        raise ConfigurationError(all_shown(found, name))
    return LoadedRules(
        rules=Rules([entry.rule(key) for key, entry in reading.entry.rules.items()]),
        warnings=tuple(all_shown(_each_rule(reading.document, rule_warnings), name)),
    )


def _each_rule(document: Document, look: Callable[[PlainRule], Iterable[Finding]]) -> Iterator[Problem]:
    for rule in plain_rules(document.data):
        for inner, text in look(rule):
            path = ("rules", rule.name, *inner)
            yield Problem(document.line(path), path, text)
