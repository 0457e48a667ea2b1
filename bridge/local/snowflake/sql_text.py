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
    r"\b(?:CALL|INTO|FROM|UPDATE|TABLE|VIEW|SCHEMA|DATABASE|FUNCTION|PROCEDURE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
    r"(?!(?:TABLE\s*\(|VALUES\b|LATERAL\b|SELECT\b))(?P<name>[\w.$\"]+)",
    re.I,
)
_WORD = re.compile(r"\w+")
#: One to three identifiers with points between them, as they may stand in a masked statement.
NAME = r"(?:\"[^\"]*\"|[\w$]+)(?:\.(?:\"[^\"]*\"|[\w$]+)){0,2}"
#: A string that never ends is one as well: a statement that is refused is logged all the same.
_SECRET_VALUE = re.compile(
    r"\b(SECRET_STRING|PASSWORD|OAUTH_CLIENT_SECRET|OAUTH_REFRESH_TOKEN|API_KEY)(\s*=\s*)"
    r"(?:'(?:[^'\\]|\\.|'')*'?|\$\$.*?(?:\$\$|$))",
    re.I | re.S,
)
_FIRST_VERB_OF_WITH = re.compile(r"\)\s*(SELECT|INSERT|UPDATE|DELETE|MERGE)\b", re.I)


def without_comments(sql: str) -> str:
    return _COMMENTS.sub(lambda found: found[1] or " ", sql).strip()


def without_secrets(sql: str) -> str:
    """The statement as it may be shown: secrets that it defines are stars."""
    return _SECRET_VALUE.sub(r"\1\2'***'", sql)


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


def masked(sql: str) -> str:
    """The statement, of the same length, without what could be mistaken for its clauses.

    Comments are blanks; what lies within quotes is filled with characters that no clause has.
    """

    def hidden(found: re.Match[str]) -> str:
        text = found[0]
        if text.startswith(("--", "//", "/*")):
            return " " * len(text)
        quote = 2 if text.startswith("$$") else 1
        filler = "x" if text.startswith('"') else "\0"
        return text[:quote] + filler * (len(text) - 2 * quote) + text[len(text) - quote :]

    return _NOT_CODE.sub(hidden, sql)


def closing_bracket(mask: str, start: int) -> int:
    """Where the bracket that was opened just before `start` is closed in a masked statement; -1 without an end."""
    depth = 1
    for position in range(start, len(mask)):
        depth += {"(": 1, ")": -1}.get(mask[position], 0)
        if depth == 0:
            return position
    return -1


def split_at_commas(text: str) -> list[str]:
    """The parts of a list whose own brackets and strings may hold commas."""
    mask, parts, start, depth = masked(text), [], 0, 0
    for position, character in enumerate(mask):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    last = text[start:].strip()
    return [*parts, last] if last or parts else []


def path_of(name: str) -> tuple[str, ...]:
    """The identifiers of a name such as db.schema."Name"."""
    return tuple(identifier(part) for part in re.findall(r'"[^"]*"|[\w$]+', name))


def text_of(literal: str) -> str:
    """What a string or a $$ body stands for; anything else as it is written."""
    if literal.startswith("$$"):
        return literal[2:-2]
    if literal.startswith("'"):
        return re.sub(r"\\(.)", r"\1", literal[1:-1].replace("''", "'"))
    return literal
