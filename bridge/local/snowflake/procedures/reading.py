"""Reading statements that no parser at hand knows: a tokenizer, and a reader for Snowflake's `NAME = value` clauses."""

import re
from dataclasses import dataclass

from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.sql_text import identifier, without_comments

_TOKEN = re.compile(
    r"(?P<string>'(?:[^'\\]|\\.|'')*')|(?P<body>\$\$.*?\$\$)|(?P<quoted>\"(?:[^\"]|\"\")*\")"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w$]*)|(?P<mark>=>|::|\S)",
    re.S,
)
_ESCAPE = re.compile(r"''|\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}
_OPENING = {"(": ")", "[": "]", "{": "}"}

Path = tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """`'name' = object` within a list."""

    name: str
    path: Path


#: A text, a name, or a list of them.
Value = str | Path | list["str | Path | Pair"]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class Reader:
    """One statement, read from left to right.

    Every method that finds something else than it wants raises StatementFailed.
    """

    def __init__(self, sql: str) -> None:
        self.text = without_comments(sql).rstrip("; \n\t")
        self._tokens = [
            _Token(str(found.lastgroup), found[0], found.start(), found.end()) for found in _TOKEN.finditer(self.text)
        ]
        self._place = 0

    @property
    def is_done(self) -> bool:
        return self._place >= len(self._tokens)

    def peek_name(self) -> str:
        """The name that comes next, or after IF EXISTS; empty when there is none."""
        ahead = self._tokens[self._place :]
        if [token.text.upper() for token in ahead[:2]] == ["IF", "EXISTS"]:
            ahead = ahead[2:]
        return identifier(ahead[0].text) if ahead else ""

    def sees(self, *words: str) -> bool:
        ahead = self._tokens[self._place : self._place + len(words)]
        return [token.text.upper() for token in ahead] == list(words)

    def sees_string(self) -> bool:
        return not self.is_done and self._tokens[self._place].kind in {"string", "body"}

    def take(self, *words: str) -> bool:
        """Go past these words or marks if they come next."""
        found = self.sees(*words)
        if found:
            self._place += len(words)
        return found

    def expect(self, *words: str) -> None:
        if not self.take(*words):
            raise self.unexpected()

    def word(self) -> str:
        """A bare word, in capitals."""
        return self._next("word").text.upper()

    def path(self) -> Path:
        """A name with one to three parts, as Snowflake keeps it."""
        parts = [identifier(self._next("word", "quoted").text)]
        while self.take("."):
            parts.append(identifier(self._next("word", "quoted").text))
        return tuple(parts)

    def name(self) -> str:
        return identifier(self._next("word", "quoted").text)

    def string(self) -> str:
        """The content of a string, in quotes or in dollar signs."""
        token = self._next("string", "body")
        return token.text[2:-2] if token.kind == "body" else _ESCAPE.sub(_escaped, token.text[1:-1])

    def until(self, *marks: str) -> str:
        """The text up to the first of these marks or words that stands in no brackets, or to the end."""
        start = self._tokens[self._place].start if not self.is_done else len(self.text)
        end, depth = start, 0
        while not self.is_done:
            token = self._tokens[self._place]
            if depth == 0 and token.text.upper() in marks:
                break
            depth += (token.text in _OPENING) - (token.text in _OPENING.values())
            end = token.end
            self._place += 1
        return self.text[start:end]

    def value(self) -> Value:
        """What stands behind `NAME =`."""
        if self.take("("):
            items: list[str | Path | Pair] = []
            while not self.take(")"):
                items.append(self._item())
                self.take(",")
            return items
        return self._item_without_pair()

    def unexpected(self) -> StatementFailed:
        if self.is_done:
            return compilation_error(1003, "42000", "syntax error: unexpected end of the statement.")
        token = self._tokens[self._place]
        line = self.text.count("\n", 0, token.start) + 1
        position = token.start - (self.text.rfind("\n", 0, token.start) + 1)
        # A string may be a secret: only its kind is told.
        what = token.text if token.kind not in {"string", "body"} else "string"
        return compilation_error(1003, "42000", f"syntax error line {line} at position {position} unexpected '{what}'.")

    def _item(self) -> "str | Path | Pair":
        item = self._item_without_pair()
        if self.take("="):
            return Pair(item if isinstance(item, str) else ".".join(item), self.path())
        return item

    def _item_without_pair(self) -> str | Path:
        if self.is_done:
            raise self.unexpected()
        kind = self._tokens[self._place].kind
        if kind in {"string", "body"}:
            return self.string()
        return self._next("number").text if kind == "number" else self.path()

    def _next(self, *kinds: str) -> _Token:
        if self.is_done or self._tokens[self._place].kind not in kinds:
            raise self.unexpected()
        self._place += 1
        return self._tokens[self._place - 1]


def clauses(reader: Reader) -> dict[str, Value]:
    """All that is left of a statement, as `NAME = value …`."""
    found: dict[str, Value] = {}
    while not reader.is_done:
        name = reader.word()
        reader.expect("=")
        found[name] = reader.value()
    return found


def texts(value: Value | None) -> list[str]:
    """The strings of a list."""
    return [item for item in value or [] if isinstance(item, str)] if not isinstance(value, str) else [value]


def paths(value: Value | None) -> list[Path]:
    """The names of a list, or the one name that stands for itself."""
    if isinstance(value, tuple):
        return [value]
    return [item for item in value if isinstance(item, tuple)] if isinstance(value, list) else []


def text(value: Value | None) -> str:
    """A string, or a name as it was written in capitals."""
    if isinstance(value, tuple):
        return ".".join(value)
    return value if isinstance(value, str) else ""


def _escaped(found: re.Match[str]) -> str:
    code = found[1]
    if code is None:
        return "'"
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)
