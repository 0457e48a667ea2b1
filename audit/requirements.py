"""The distributions that a deployment installs, of either kind."""

from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
#: Of the image; it has all that requirements.txt has the Functions app install, and a web server.
FILE = ROOT / "requirements-container.txt"


def pinned() -> list[Requirement]:
    """One for each line; a distribution may have several, for different interpreters."""
    lines = (line.partition("#")[0].strip() for line in FILE.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]
