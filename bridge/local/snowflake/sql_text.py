"""What can be said of a statement from its text alone, before any parser has accepted it."""

import re
from collections.abc import Callable

_STRING = r"'(?:[^'\\]|\\.|'')*'"
_BODY = r"\$\$.*?\$\$"
_COMMENT = r"--[^\n]*|//[^\n]*|/\*.*?\*/"
_COMMENTS = re.compile(rf'({_STRING}|{_BODY}|"[^"]*")|{_COMMENT}', re.S)
_STRINGS = re.compile(rf"{_STRING}|{_BODY}", re.S)
_NOT_CODE = re.compile(rf'({_STRING}|{_BODY}|"[^"]*"|{_COMMENT})', re.S)
_TABLE = re.compile(
    r"\b(?:INTO|FROM|UPDATE|TABLE|VIEW|SCHEMA|DATABASE|FUNCTION|PROCEDURE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
    r"(?!(?:TABLE\s*\(|VALUES\b|LATERAL\b|SELECT\b))(?P<name>[\w.$\"]+)",
    re.I,
)
_WORD = re.compile(r"\w+")
_FIRST_VERB_OF_WITH = re.compile(r"\)\s*(SELECT|INSERT|UPDATE|DELETE|MERGE)\b", re.I)


def without_comments(sql: str) -> str:
    return _COMMENTS.sub(lambda found: found[1] or " ", sql).strip()


def outside_strings(sql: str, change: Callable[[str], str]) -> str:
    """The statement with `change` made to all that is neither within quotes nor a comment."""
    parts = _NOT_CODE.split(sql)
    return "".join(part if place % 2 else change(part) for place, part in enumerate(parts))


def verb_of(sql: str) -> str:
    """The first word in capitals, such as INSERT; a query that starts with WITH counts by what follows."""
    text = without_comments(sql).lstrip("( ")
    word = _WORD.match(text)
    verb = word[0].upper() if word else ""
    if verb != "WITH":
        return verb
    following = _FIRST_VERB_OF_WITH.search(_STRINGS.sub("''", text))
    return following[1].upper() if following else "SELECT"


def table_of(sql: str) -> str:
    """The bare name, in capitals, of the first object that a statement reads, writes or defines; else empty."""
    found = _TABLE.search(_STRINGS.sub("''", without_comments(sql)))
    return bare_name(found["name"]) if found else ""


def bare_name(qualified: str) -> str:
    return identifier(qualified.rsplit(".", maxsplit=1)[-1])


def identifier(text: str) -> str:
    """As Snowflake keeps it: in capitals unless it is quoted."""
    return text[1:-1] if text.startswith('"') and text.endswith('"') and len(text) > 1 else text.upper()
