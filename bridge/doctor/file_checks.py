"""Are pipelines.yaml and rules.yaml what the app takes?"""

import re
from collections.abc import Iterator
from pathlib import Path

from bridge.adapters.files.pipelines_file import load_catalogue
from bridge.adapters.files.rules_file import load_rules
from bridge.assembly import surroundings
from bridge.doctor.findings import Finding, fail, ok, skipped, warn
from bridge.doctor.subject import Subject
from bridge.domain.errors import ConfigurationError

PIPELINES, RULES = "files.pipelines", "files.rules"
_LINE = re.compile(r"^[^:\s]+:(\d+)")


def check_files(subject: Subject) -> Iterator[Finding]:
    """Every problem of both; the second is read as far as the first allows."""
    yield from _pipelines(subject)
    yield from _rules(subject)


def _pipelines(subject: Subject) -> Iterator[Finding]:
    path = subject.settings.pipelines_file
    if "PIPELINES_FILE" in subject.wrong_settings:
        yield skipped(PIPELINES, "pipelines.yaml: not looked at", "it needs the setting PIPELINES_FILE")
        return
    # Without a right list of workspaces every name would be wrong.
    is_known = "AML_WORKSPACE" not in subject.wrong_settings
    try:
        catalogue = load_catalogue(path, workspaces=subject.settings.allowed_workspaces if is_known else None)
    except ConfigurationError as error:
        for problem in error.problems:
            yield fail(PIPELINES, problem, mend=_edit(subject, path, problem, "pipelines"))
        return
    subject.catalogue = catalogue
    yield ok(PIPELINES, f"{path.name}: {len(catalogue.names())} pipelines", _whose(subject))


def _rules(subject: Subject) -> Iterator[Finding]:
    path = subject.settings.rules_file
    if "RULES_FILE" in subject.wrong_settings:
        yield skipped(RULES, "rules.yaml: not looked at", "it needs the setting RULES_FILE")
        return
    if subject.catalogue is None:
        yield skipped(RULES, f"{path.name}: not looked at", f"it needs {PIPELINES}: rules name pipelines")
        return
    try:
        loaded = load_rules(path, surroundings(subject.settings, subject.catalogue))
    except ConfigurationError as error:
        for problem in error.problems:
            yield fail(RULES, problem, mend=_edit(subject, path, problem, "rules"))
        return
    subject.rules = loaded.rules
    for warning in loaded.warnings:
        yield warn(RULES, warning, mend=_edit(subject, path, warning, "rules"))
    if not loaded.warnings:
        yield ok(RULES, f"{path.name}: {len(loaded.rules.all)} rules", _whose(subject))


def _whose(subject: Subject) -> str:
    return "of this checkout; the app has the one that was deployed with it" if subject.is_elsewhere else ""


def _edit(subject: Subject, path: Path, problem: str, group: str) -> str:
    line = _LINE.match(problem)
    place = f"{path}, line {line[1]}" if line else str(path)
    return f"edit {place}; then: {subject.mends.own_command(group, 'check')}"
