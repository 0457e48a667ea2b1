"""Reads named statements from a .sql file: `-- name: x`, remarks, one statement; `-- part: y` is one of several."""

import re
from pathlib import Path

_HEAD = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
#: Where a part stands, as in sql/.
_PLACE = re.compile(r"<% (\w+) %>")


def read_statements(path: Path) -> dict[str, str]:
    """Statement by name, without remarks and the closing semicolon."""
    pieces = _HEAD.split(path.read_text(encoding="utf-8"))[1:]
    found = [(kind, name, _statement(text)) for kind, name, text in zip(*[iter(pieces)] * 3, strict=True)]
    parts = {name: text for kind, name, text in found if kind == "part"}
    return {name: _PLACE.sub(lambda place: parts[place[1]], text) for kind, name, text in found if kind == "name"}


def _statement(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return "\n".join(lines).strip().rstrip(";")
