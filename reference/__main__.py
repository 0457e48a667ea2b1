"""`python -m reference`: writes the pages; with `--check` it only says which are not current, with exit code 1."""

import argparse
import sys
from pathlib import Path

from reference import http_api, settings

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"settings.md": settings.page, "http-api.md": http_api.page}


def stale() -> list[Path]:
    """Pages that the code would write otherwise."""
    return [DOCS / name for name, page in PAGES.items() if _text(DOCS / name) != page()]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m reference", description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a page is not current")
    checks = parser.parse_args(arguments).check
    found = stale()
    for path in found:
        if checks:
            print(f"docs/{path.name} is not current: run python -m reference", file=sys.stderr)
        else:
            path.write_text(PAGES[path.name](), encoding="utf-8")
            print(f"docs/{path.name} written")
    return 1 if checks and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
