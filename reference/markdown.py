"""Reads the repository's Markdown: links, headings, code, as CommonMark and GitHub have them."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Code:
    """A span or a block of code."""

    document: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@cache
def documents() -> list[Path]:
    """Every document of the repository, but for hidden directories: environments and caches are there."""
    found: list[Path] = []
    for place, directories, names in os.walk(ROOT):
        directories[:] = [name for name in directories if not name.startswith(".")]
        found += [Path(place, name) for name in names if name.endswith(".md")]
    return sorted(found)


@cache
def tokens(document: Path) -> list[Token]:
    return _PARSER.parse(document.read_text(encoding="utf-8"))


def _inline(document: Path) -> Iterator[tuple[int, Token]]:
    for token in tokens(document):
        for child in token.children or []:
            yield (token.map or [0])[0] + 1, child


def links(document: Path) -> list[tuple[int, str]]:
    """Line and target of each link and picture."""
    found = []
    for line, token in _inline(document):
        target = token.attrGet("href") if token.type == "link_open" else token.attrGet("src")
        if token.type in {"link_open", "image"}:
            found.append((line, str(target)))
    return found


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings; a repeated one gets a number."""
    found: dict[str, int] = {}
    names = set()
    parts = tokens(document)
    for opening, content in pairwise(parts):
        if opening.type == "heading_open":
            text = "".join(child.content for child in content.children or [] if child.type in {"text", "code_inline"})
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            names.add(f"{name}-{found[name]}" if name in found else name)
            found[name] = found.get(name, 0) + 1
    return names


def code(document: Path) -> list[Code]:
    """Spans, and blocks line by line, continued lines together."""
    name = document.relative_to(ROOT).as_posix()
    found = [Code(name, line, token.content) for line, token in _inline(document) if token.type == "code_inline"]
    for token in tokens(document):
        if token.type == "fence":
            start = (token.map or [0])[0] + 2
            joined = token.content.replace("\\\n", "  ")
            found += [Code(name, start + number, line) for number, line in enumerate(joined.splitlines())]
    return found
