"""`python -m release`: the package and the notes of a version, for the workflow `release`.

Exit codes: 0 done; 1 the tag and the files do not agree; 2 wrong command line.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge import __version__
from release import notes, package


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m release", description="What a release is made of.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("zip", help="write the deployable package").add_argument("target", type=Path)
    for name, text in (("check", "whether the version is ready for its tag"), ("notes", "print its changelog")):
        commands.add_parser(name, help=text).add_argument("tag")
    given = parser.parse_args(arguments)
    try:
        if given.command == "zip":
            print(f"{package.write_zip(given.target)} files in {given.target}")
        elif given.command == "check":
            notes.check(given.tag, __version__, _changelog())
        else:
            print(notes.section(given.tag, _changelog()), end="")
    except notes.NotReady as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _changelog() -> str:
    return notes.CHANGELOG.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
