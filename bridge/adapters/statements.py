"""Reads named statements from a .sql file: `-- name: x`, remarks, one statement."""

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def read_statements(path: Path) -> dict[str, str]:
    """Statement by name, without remarks and the closing semicolon."""
    parts = _NAME.split(path.read_text(encoding="utf-8"))[1:]
    return {name: _statement(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _statement(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return "\n".join(lines).strip().rstrip(";")
