"""A statement with all hidden that could be mistaken for its clauses: a string may hold what looks like SQL."""

import re

from bridge.local.snowflake.errors import compilation_error
from bridge.local.snowflake.sql_text import identifier

#: One to three identifiers with points between them, in a masked statement.
NAME = r"(?:\"[^\"]*\"|[A-Za-z_][\w$]*)(?:\.(?:\"[^\"]*\"|[A-Za-z_][\w$]*)){0,2}"
_COMMENTS = ("--", "//", "/*")
_HIDDEN = re.compile(r"""'(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$|"[^"]*"|--[^\n]*|//[^\n]*|/\*.*?\*/""", re.S)


def masked(sql: str) -> str:
    """The statement, of the same length: comments are blanks, what lies within quotes is characters of no clause."""
    return _HIDDEN.sub(_mask, sql)


def closing_bracket(mask: str, start: int) -> int:
    """Where the bracket that was opened just before `start` is closed.

    Raises:
        StatementFailed: it is not.
    """
    depth = 1
    for position in range(start, len(mask)):
        depth += {"(": 1, ")": -1}.get(mask[position], 0)
        if depth == 0:
            return position
    raise compilation_error(1003, "42000", "syntax error: unexpected end of the statement, a bracket is open.")


def path_of(name: str) -> tuple[str, ...]:
    """The identifiers of a name such as db.schema."Name"."""
    return tuple(identifier(part) for part in re.findall(r'"[^"]*"|[\w$]+', name))


def text_of(literal: str) -> str:
    """What a string stands for; anything else as it is written."""
    if literal.startswith("'"):
        return re.sub(r"\\(.)", r"\1", literal[1:-1].replace("''", "'"))
    return literal


def _mask(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith(_COMMENTS):
        return " " * len(text)
    quote = 2 if text.startswith("$$") else 1
    filler = "x" if text.startswith('"') else "\0"
    return text[:quote] + filler * (len(text) - 2 * quote) + text[len(text) - quote :]
