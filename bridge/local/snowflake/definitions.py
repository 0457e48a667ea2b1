"""CREATE EXTERNAL FUNCTION and DROP FUNCTION, read from their text: no parser at hand knows their clauses."""

import re
from dataclasses import dataclass

from bridge.local.snowflake.sql_text import identifier, without_comments
from bridge.local.snowflake.wire import SEMI_STRUCTURED, Argument, Definition

_STRING = r"'(?:[^'\\]|\\.|'')*'"
_CREATE = re.compile(
    r"CREATE\s+(?:OR\s+(?P<replace>REPLACE|ALTER)\s+)?(?:SECURE\s+)?EXTERNAL\s+FUNCTION\s+"
    r"(?P<careful>IF\s+NOT\s+EXISTS\s+)?(?P<name>[\w.$\"]+)\s*\(",
    re.I,
)
_DROP = re.compile(r"DROP\s+FUNCTION\s+(?:IF\s+EXISTS\s+)?(?P<name>[\w.$\"]+)", re.I)
_TYPE = r"(?P<type>\w+(?:\s+PRECISION)?)(?:\s*(?P<size>\([^)]*\)))?"
_RETURNS = re.compile(rf"\s*RETURNS\s+{_TYPE}(?P<not_null>\s+NOT\s+NULL)?", re.I)
_ARGUMENT = re.compile(rf'(?P<name>"[^"]+"|[\w$]+)\s+{_TYPE}', re.I)
_COMMENT_CLAUSE = re.compile(rf"\bCOMMENT\s*=\s*{_STRING}", re.I)
_HEADERS = re.compile(rf"(?<!CONTEXT_)\bHEADERS\s*=\s*\((?P<list>(?:[^()']|{_STRING})*)\)", re.I)
_HEADER = re.compile(rf"(?P<name>{_STRING})\s*=\s*(?P<value>{_STRING})")
_CONTEXT_HEADERS = re.compile(r"\bCONTEXT_HEADERS\s*=\s*\((?P<list>(?:[^()]|\(\s*\))*)\)", re.I)
_MAX_BATCH_ROWS = re.compile(r"\bMAX_BATCH_ROWS\s*=\s*(\d+)", re.I)
_COMPRESSION = re.compile(r"\bCOMPRESSION\s*=\s*'?(NONE|AUTO|GZIP|DEFLATE)\b", re.I)
_STRICT = re.compile(r"\bSTRICT\b|\bRETURNS\s+NULL\s+ON\s+NULL\s+INPUT\b", re.I)
_URL = re.compile(rf"\bAS\s+(?P<url>{_STRING})\s*;?\s*$", re.I)

#: Synonyms as the headers tell them: INTEGER is described as NUMBER.
_KINDS = {
    **dict.fromkeys(("NUMBER", "DECIMAL", "NUMERIC", "INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT"), "NUMBER"),
    **dict.fromkeys(("VARCHAR", "STRING", "TEXT", "CHAR", "CHARACTER"), "VARCHAR"),
    **dict.fromkeys(("FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "REAL"), "FLOAT"),
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "TIMESTAMP_NTZ"), "TIMESTAMP_NTZ"),
    **dict.fromkeys(("BINARY", "VARBINARY"), "BINARY"),
    **{kind: kind for kind in ("BOOLEAN", "DATE", "TIME", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", *SEMI_STRUCTURED)},
}
_DEFAULT_SIZES = {"NUMBER": "(38,0)", "VARCHAR": "(134217728)"}
_CONTEXT_FUNCTIONS = frozenset(
    f"CURRENT_{what}"
    for what in (
        "ACCOUNT",
        "DATABASE",
        "DATE",
        "ROLE",
        "SCHEMA",
        "SESSION",
        "STATEMENT",
        "TIMESTAMP",
        "USER",
        "WAREHOUSE",
    )
)


class InvalidDefinition(Exception):
    """The statement is no valid CREATE EXTERNAL FUNCTION, or needs what the emulator lacks."""


@dataclass(frozen=True, kw_only=True)
class Creation:
    """One CREATE EXTERNAL FUNCTION statement."""

    #: One to three identifiers: [[database.]schema.]name
    path: tuple[str, ...]
    definition: Definition
    replaces: bool
    only_if_absent: bool


def is_creation(sql: str) -> bool:
    return _CREATE.match(without_comments(sql)) is not None


def parse_creation(sql: str) -> Creation:
    text = _COMMENT_CLAUSE.sub(" ", without_comments(sql))
    start = _CREATE.match(text)
    if start is None:
        raise InvalidDefinition("syntax error in CREATE EXTERNAL FUNCTION")
    end = _closing_bracket(text, start.end())
    returns = _RETURNS.match(text, end + 1)
    url = _URL.search(text, end)
    if returns is None or url is None:
        raise InvalidDefinition("CREATE EXTERNAL FUNCTION needs RETURNS type and AS 'url'")
    if not re.search(r"\bAPI_INTEGRATION\s*=", text, re.I):
        raise InvalidDefinition("CREATE EXTERNAL FUNCTION needs API_INTEGRATION")
    path = tuple(identifier(part) for part in start["name"].split("."))
    kind = type_kind(returns["type"])
    options = text[end : url.start()]
    batch_rows = _MAX_BATCH_ROWS.search(options)
    definition = Definition(
        name=path[-1],
        arguments=tuple(_arguments(text[start.end() : end])),
        returns=kind,
        returns_in_full=kind + (returns["size"] or _DEFAULT_SIZES.get(kind, "")).replace(" ", ""),
        url=_unquoted(url["url"]),
        headers=_headers(options),
        context_headers=_context_headers(options),
        max_batch_rows=int(batch_rows[1]) if batch_rows else None,
        compression=_compression(options),
        returns_null=returns["not_null"] is None,
        is_strict=_STRICT.search(options, returns.end() - end) is not None,
    )
    return Creation(
        path=path,
        definition=definition,
        replaces=start["replace"] is not None,
        only_if_absent=start["careful"] is not None,
    )


def parse_drop(sql: str) -> tuple[str, ...] | None:
    """The path that a DROP FUNCTION names, or None for any other statement."""
    found = _DROP.match(without_comments(sql))
    return tuple(identifier(part) for part in found["name"].split(".")) if found else None


def _arguments(text: str) -> list[Argument]:
    found = list(_ARGUMENT.finditer(text))
    if not found and text.strip():
        raise InvalidDefinition(f"cannot read the arguments ({text.strip()})")
    return [
        Argument(name=identifier(match["name"]), kind=type_kind(match["type"]), scale=_scale(match["size"]))
        for match in found
    ]


def _scale(size: str | None) -> int:
    numbers = re.findall(r"\d+", size or "")
    return int(numbers[1]) if len(numbers) > 1 else 0


def type_kind(text: str) -> str:
    """The bare type that a name or synonym stands for.

    Raises:
        InvalidDefinition: there is no such type.
    """
    name = " ".join(text.upper().split())
    if name not in _KINDS:
        raise InvalidDefinition(f"Unsupported data type '{name}'.")
    return _KINDS[name]


def _headers(options: str) -> dict[str, str]:
    clause = _HEADERS.search(options)
    headers = (
        {_unquoted(found["name"]): _unquoted(found["value"]) for found in _HEADER.finditer(clause["list"])}
        if clause
        else {}
    )
    for name in headers:
        if not re.fullmatch(r"[!#$%&'*+\-.^`|~0-9A-Za-z]+", name):
            raise InvalidDefinition(f"Invalid header name '{name}'; an underscore, for one, is not allowed.")
    if sum(len(name) + len(value) for name, value in headers.items()) > 8192:
        raise InvalidDefinition("Headers must be 8 KB or less in all.")
    return headers


def _context_headers(options: str) -> tuple[str, ...]:
    clause = _CONTEXT_HEADERS.search(options)
    names = tuple(re.findall(r"\w+", clause["list"].upper())) if clause else ()
    for name in names:
        if name not in _CONTEXT_FUNCTIONS:
            raise InvalidDefinition(f"The laptop's Snowflake has no context header {name}.")
    return names


def _compression(options: str) -> str:
    found = _COMPRESSION.search(options)
    kind = found[1].upper() if found else "AUTO"
    return "NONE" if kind == "AUTO" else kind


def _closing_bracket(text: str, start: int) -> int:
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise InvalidDefinition("the arguments have no closing bracket")


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1].replace("''", "'"))
