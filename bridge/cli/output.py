"""What commands write: results to standard output, everything else to standard error.

Much of it comes from events and from other people's runs, so nothing reaches the terminal that could steer it, and
nothing is taken for markup. Where nobody looks, columns are plain text that is cut nowhere.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import simplejson

from bridge.payloads import lossless

if TYPE_CHECKING:
    from rich.console import Console

#: How a status looks at a terminal.
_STYLES = {"COMPLETED": "green", "FAILED": "red", "CANCELED": "yellow", "REJECTED": "red"}


def write(lines: Iterable[str]) -> None:
    """Results for people."""
    for line in lines:
        sys.stdout.write(printable(line) + "\n")


def write_text(text: str) -> None:
    """What this repository's own files have, as it is, to be piped on."""
    sys.stdout.write(text)


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


def write_answer(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: as JSON, or field by field."""
    if as_json:
        write_json(answer)
    else:
        write(field_lines(answer))


def write_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """The rows in columns."""
    cells = [["" if row.get(name) is None else printable(value_text(row[name])) for name in columns] for row in rows]
    header = [name.upper() for name in columns]
    if sys.stdout.isatty():
        _write_to_terminal(header, cells)
    else:
        _write_plain([header, *cells])


def console(stream: TextIO) -> "Console":
    """For a terminal; texts are texts."""
    from rich.console import Console

    return Console(file=stream, markup=False, highlight=False, emoji=False)


def _write_to_terminal(header: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    terminal = console(sys.stdout)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, *column in zip(header, *cells, strict=True):
        # What a row is asked for by stays in one piece, to be copied, where that leaves room for the others.
        is_whole = name == header[0] and 2 * max(map(len, column)) <= terminal.width
        table.add_column(name, overflow="fold", no_wrap=is_whole)
    for row in cells:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    terminal.print(table)


def _write_plain(cells: Sequence[Sequence[str]]) -> None:
    """As wide as they have to be."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")
