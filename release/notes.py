"""What a version says of itself: its number, and its section of the changelog."""

import re
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


class NotReady(Exception):
    """The tag and the files do not agree; the text says what to change."""


def version_of(tag: str) -> str:
    """Raises: NotReady."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag):
        raise NotReady(f'the tag is "{tag}": give v and three numbers, such as v1.2.3')
    return tag.removeprefix("v")


def section(tag: str, changelog: str) -> str:
    """The text under the version's heading. Raises: NotReady."""
    version = version_of(tag)
    found = re.search(
        rf"^## \[{re.escape(version)}\] — \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise NotReady(f'CHANGELOG.md has no heading "## [{version}] — YYYY-MM-DD": give the version its date')
    return found[1].strip() + "\n"


def check(tag: str, version: str, changelog: str) -> None:
    """Raises: NotReady."""
    if version_of(tag) != version:
        raise NotReady(f"the tag is {tag}, but bridge/__init__.py and pyproject.toml say {version}")
    section(tag, changelog)
