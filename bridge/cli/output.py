"""What commands write: results to standard output, everything else to standard error.

Much of it comes from events and from other people's runs, so nothing reaches the terminal that could steer it.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import simplejson

from bridge.payloads import lossless


def write(lines: Iterable[str]) -> None:
    """Results for people."""
    for line in lines:
        sys.stdout.write(printable(line) + "\n")


def write_json(value: Any) -> None:
    """A result for programs: one line of JSON."""
    sys.stdout.write(lossless.dumps(value) + "\n")


def say(text: str) -> None:
    """What is no result: notes and errors."""
    for line in text.splitlines() or [""]:
        sys.stderr.write(printable(line) + "\n")


def printable(text: str) -> str:
    """The text on one line, with everything that is no plain character written out."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def value_text(value: Any) -> str:
    """A value as people read it: a text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    return simplejson.dumps(value, ensure_ascii=False, use_decimal=True)


def field_lines(document: Mapping[str, Any], indent: str = "") -> list[str]:
    """`name: value` for everything that has one."""
    return [f"{indent}{name}: {value_text(value)}" for name, value in document.items() if value is not None]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """The rows in columns that are as wide as they have to be."""
    cells = [[name.upper() for name in columns]]
    cells += [["" if row.get(name) is None else printable(value_text(row[name])) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
