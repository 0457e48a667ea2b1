"""Where one statement of a script ends and the next begins, as the Snowflake CLI sees it: a test compares the two."""

import re
from collections.abc import Iterator

_PART = re.compile(
    r"""
    (?P<skipped> --[^\n]* | //[^\n]* | /\*.*?\*/ )      # comments
  | (?P<kept> '(?:[^'\\]|\\.|'')*' | "[^"]*" | \$\$.*?\$\$ )
  | (?P<end> ; )
  | (?P<text> [^-/'"$;]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


def statements(script: str) -> Iterator[str]:
    """Each statement without its semicolon; comments between and within statements are left out."""
    parts: list[str] = []
    for found in _PART.finditer(script):
        if found["end"]:
            yield from _whole(parts)
            parts = []
        else:
            parts.append(" " if found["skipped"] else found[0])
    yield from _whole(parts)


def _whole(parts: list[str]) -> Iterator[str]:
    text = "".join(parts).strip()
    if text:
        yield text
