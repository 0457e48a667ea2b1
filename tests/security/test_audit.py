"""What the app is made of: every distribution has a licence that one can live with, and a lookup says what it did."""

import json
import re
import subprocess
import sys
from importlib.metadata import distributions, metadata
from pathlib import Path
from typing import Any

import pytest

from audit import licences
from audit.requirements import pinned
from audit.vulnerabilities import FOUND, UNKNOWN, judged

ROOT = Path(__file__).parents[2]


def test_the_page_names_every_distribution_and_its_licence() -> None:
    rows = dict(re.findall(r"^\| (\S+) \| (.+) \|$", licences.PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    rows = {name: licence for name, licence in rows.items() if name != "distribution"}

    assert rows.keys() == {each.name for each in pinned()}, "run make licences"
    assert {name: licence for name, licence in rows.items() if not licences.is_allowed(name, licence)} == {}
    assert licences.EXCEPTIONS.keys() <= rows.keys()


def test_the_page_says_what_the_distributions_say() -> None:
    """Those that are for other interpreters or systems are not installed here."""
    text = licences.PAGE.read_text(encoding="utf-8")
    installed = {each.metadata["Name"].lower().replace("_", "-") for each in distributions()}
    names = {each.name for each in pinned()} & installed

    assert len(names) > 50
    wrong = [name for name in names if f"| {name} | {licences.licence_of(metadata(name))} |" not in text]
    assert wrong == [], "run make licences"


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND LGPL-2.1", False),
        ("MIT OR AGPL-3.0", False),
        ("MPL-2.0", False),
        ("", False),
        ("BSD", False),
    ],
)
def test_a_licence_is_permissive_or_was_thought_about(licence: str, allowed: bool) -> None:
    assert licences.is_allowed("some-package", licence) is allowed


def test_an_exception_holds_for_the_licence_that_was_thought_about() -> None:
    assert licences.is_allowed("certifi", "MPL-2.0")
    assert not licences.is_allowed("certifi", "GPL-3.0")
    assert licences.licence_of(metadata("certifi")) == "MPL-2.0"


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


BAD = {"name": "b", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
GOOD, SKIPPED = {"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (report(GOOD, {**GOOD, "name": "b"}), 0, "2 distributions looked up, 0 with known vulnerabilities"),
        (report(GOOD, BAD), FOUND, "b 1: CVE-1; mended in 2"),
        (report(GOOD, SKIPPED), UNKNOWN, "1 could not be looked up: b"),
        (report(GOOD), UNKNOWN, "1 could not be looked up: b"),
        (report(), UNKNOWN, "2 could not be looked up: a, b"),
        ("", UNKNOWN, "could not be reached"),
        ("null", UNKNOWN, "could not be reached"),
    ],
)
def test_a_lookup_never_calls_it_good_when_it_could_not_look(text: str, code: int, words: str) -> None:
    found, lines = judged(text, {"a", "b"})

    assert found == code
    assert words in "\n".join(lines)


def test_bandit_has_nothing_to_say() -> None:
    command = [sys.executable, "-m", "bandit", "-q", "-r", "bridge", "function_app.py", "-x", "bridge/local"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_every_exception_from_bandit_and_from_the_linters_security_rules_has_its_reason() -> None:
    bare = []
    for path in [ROOT / "function_app.py", *(ROOT / "bridge").rglob("*.py")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = re.search(r"# (?:nosec|noqa: ?S\d)(.*)$", line)
            if found and not re.search(r"[a-z]{2,}", re.sub(r"nosec|noqa", "", found[1])):
                bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert bare == []
