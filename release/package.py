"""The deployable package: a zip of what `.funcignore` leaves, the same bytes from the same files."""

import os
import zipfile
from pathlib import Path

import pathspec

ROOT = Path(__file__).parents[1]
#: Of every file in the zip, so that the same files are the same zip: the first that the format knows.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_PERMISSIONS = 0o644 << 16


def files() -> list[str]:
    """Paths of what is deployed, as `.funcignore` has it; what is in an ignored directory is not even looked at."""
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text(encoding="utf-8").splitlines())
    found: list[str] = []
    for place, directories, names in os.walk(ROOT):
        here = Path(place).relative_to(ROOT)
        directories[:] = [name for name in directories if not ignored.match_file(f"{(here / name).as_posix()}/")]
        found += [path for name in names if not ignored.match_file(path := (here / name).as_posix())]
    return sorted(found)


def write_zip(target: Path) -> int:
    """How many files there are in it."""
    names = files()
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _PERMISSIONS
            archive.writestr(entry, (ROOT / name).read_bytes())
    return len(names)
