"""`python -m tests.recorded`: keeps what this version offers, before it is released; later ones are held to it."""

import json
from pathlib import Path

from bridge import __version__
from tests.recorded.surface import surface


def directory() -> Path:
    """Of this version: patches share one."""
    major, minor, _ = __version__.split(".")
    return Path(__file__).parent / f"v{major}_{minor}"


if __name__ == "__main__":
    (directory() / "surface.json").write_text(json.dumps(surface(), indent=2) + "\n", encoding="utf-8")
