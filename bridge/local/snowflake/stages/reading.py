"""The statements about stages, read from their text: the parser at hand drops or refuses half of their clauses."""

import re
from dataclasses import dataclass
from typing import Any

from bridge.local.snowflake.errors import compilation_error, unsupported
from bridge.local.snowflake.stages.text import NAME, closing_bracket, masked, path_of, text_of

#: Names in capitals; a value in brackets is again a set of options, or a list.
Options = dict[str, Any]

# A location is looked for in a masked statement, where what is quoted is filled and cannot end it.
_LOCATION = r"(?P<location>'\0*'|@(?:\"[^\"]*\"|[^\s;()'\",])+)"
_CREATE = re.compile(
    r"\s*CREATE\s+(?P<replace>OR\s+REPLACE\s+)?(?P<temporary>TEMP(?:ORARY)?\s+)?STAGE\s+"
    rf"(?P<careful>IF\s+NOT\s+EXISTS\s+)?(?P<name>{NAME})",
    re.I,
)
_DROP = re.compile(rf"\s*DROP\s+(?P<what>STAGE|FILE\s+FORMAT)\s+(?P<careful>IF\s+EXISTS\s+)?(?P<name>{NAME})", re.I)
_FILES = re.compile(rf"\s*(?P<verb>LIST|LS|REMOVE|RM)\s+{_LOCATION}", re.I)
_COPY = re.compile(r"\s*COPY\s+INTO\s+", re.I)
_TABLE = re.compile(rf"\s*(?P<name>{NAME})\s*", re.I)
_FROM = re.compile(r"\s*FROM\s*", re.I)
_OPTION = re.compile(r"[\s,]*(?P<name>[\w$]+)\s*=\s*(?P<value>\(|'[^']*'|[\w.$\"%+-]+)")
_ITEM = re.compile(r"'(?:[^'\\]|\\.|'')*'|[^\s,']+")
_NAMED = re.compile(
    r"@(?P<stage>(?:\"[^\"]*\"|[A-Za-z_][\w$]*)(?:\.(?:\"[^\"]*\"|[A-Za-z_][\w$]*)){0,2})(?:/(?P<path>.*))?", re.S
)
_TRUTHS = {"TRUE": True, "FALSE": False}


@dataclass(frozen=True)
class Location:
    """A place in a named stage."""

    stage: tuple[str, ...]
    #: What the paths of the files begin with; it need not end at a slash.
    prefix: str
    #: As it was written.
    text: str


@dataclass(frozen=True, kw_only=True)
class CreateStage:
    path: tuple[str, ...]
    options: Options
    replaces: bool
    only_if_absent: bool
    is_temporary: bool


@dataclass(frozen=True, kw_only=True)
class Drop:
    #: STAGE or FILE FORMAT
    what: str
    path: tuple[str, ...]
    only_if_present: bool


@dataclass(frozen=True, kw_only=True)
class ListFiles:
    location: Location
    removes: bool
    options: Options


@dataclass(frozen=True, kw_only=True)
class Unload:
    """COPY INTO a location."""

    location: Location
    query: str
    options: Options


@dataclass(frozen=True, kw_only=True)
class Load:
    """COPY INTO a table."""

    table: tuple[str, ...]
    location: Location
    options: Options


Statement = CreateStage | Drop | ListFiles | Unload | Load


def parse(sql: str) -> Statement | None:
    """What a statement says of named stages; None for any other statement, and for user and table stages.

    Raises:
        StatementFailed: it is about a stage, and cannot be read.
    """
    mask = masked(sql)
    created = _CREATE.match(mask)
    if created:
        return CreateStage(
            path=_path(sql, created),
            options=_options(sql[created.end() :]),
            replaces=created["replace"] is not None,
            only_if_absent=created["careful"] is not None,
            is_temporary=created["temporary"] is not None,
        )
    dropped = _DROP.match(mask)
    if dropped:
        what = " ".join(dropped["what"].upper().split())
        return Drop(what=what, path=_path(sql, dropped), only_if_present=dropped["careful"] is not None)
    files = _FILES.match(mask)
    if files:
        location = _location(sql, files)
        removes = files["verb"].upper() in {"REMOVE", "RM"}
        options = _options(sql[files.end() :])
        return ListFiles(location=location, removes=removes, options=options) if location else None
    copy = _COPY.match(mask)
    return _copy(sql, mask, copy.end()) if copy else None


def is_true(options: Options, name: str) -> bool:
    """Whether an option is there and TRUE.

    Raises:
        StatementFailed: it is neither TRUE nor FALSE.
    """
    text = str(options.get(name, "FALSE")).upper()
    if text not in _TRUTHS:
        raise compilation_error(1003, "42000", f"invalid value [{options[name]}] for parameter '{name}'")
    return _TRUTHS[text]


def whole_number(options: Options, name: str, default: int) -> int:
    """The value of a numeric option.

    Raises:
        StatementFailed: it is no number above zero.
    """
    text = str(options.get(name, default))
    if not text.isdigit() or int(text) < 1:
        raise compilation_error(1003, "42000", f"invalid value [{text}] for parameter '{name}'")
    return int(text)


def _copy(sql: str, mask: str, start: int) -> Unload | Load | None:
    target = re.compile(rf"\s*{_LOCATION}").match(mask, start)
    if target:
        location = _location(sql, target)
        if location is None:
            raise unsupported("COPY INTO a location that is no named stage")
        return _unload(sql, mask, target.end(), location)
    table = _TABLE.match(mask, start)
    source = _FROM.match(mask, table.end()) if table else None
    found = re.compile(_LOCATION).match(mask, source.end()) if source else None
    if table is None or found is None:
        return None
    location = _location(sql, found)
    if location is None:
        return None
    return Load(table=_path(sql, table), location=location, options=_options(sql[found.end() :]))


def _unload(sql: str, mask: str, start: int, location: Location) -> Unload:
    source = _FROM.match(mask, start)
    if source is None:
        raise compilation_error(1003, "42000", "syntax error: COPY INTO a location needs FROM")
    if mask[source.end() :].startswith("("):
        end = closing_bracket(mask, source.end() + 1)
        return Unload(location=location, query=sql[source.end() + 1 : end].strip(), options=_options(sql[end + 1 :]))
    table = _TABLE.match(mask, source.end())
    if table is None:
        raise compilation_error(1003, "42000", "syntax error: COPY INTO a location needs a table or a query")
    name = sql[table.start("name") : table.end("name")]
    return Unload(location=location, query=f"SELECT * FROM {name}", options=_options(sql[table.end() :]))


def _path(sql: str, found: re.Match[str]) -> tuple[str, ...]:
    return path_of(sql[found.start("name") : found.end("name")])


def _location(sql: str, found: re.Match[str]) -> Location | None:
    text = text_of(sql[found.start("location") : found.end("location")])
    named = _NAMED.fullmatch(text)
    if named is None:
        return None
    prefix = named["path"] or ""
    if ".." in prefix.split("/") or "\\" in prefix:
        raise compilation_error(1011, "42601", f"invalid path in stage location: '{text}'")
    return Location(stage=path_of(named["stage"]), prefix=prefix, text=text)


def _options(text: str) -> Options:
    """`NAME = value` again and again, to the end of the text."""
    mask = masked(text)
    options: Options = {}
    position = 0
    while found := _OPTION.match(mask, position):
        start = found.start("value")
        end = closing_bracket(mask, start + 1) if found["value"] == "(" else found.end() - 1
        value = text[start : end + 1]
        options[found["name"].upper()] = _in_brackets(value[1:-1]) if value.startswith("(") else text_of(value)
        position = end + 1
    rest = text[position:].strip(" \t\r\n,;")
    if rest and mask[position:].strip(" \t\r\n,;"):
        raise compilation_error(1003, "42000", f"syntax error unexpected '{rest.split()[0]}'.")
    return options


def _in_brackets(text: str) -> Options | list[str]:
    if _OPTION.match(masked(text)):
        return _options(text)
    return [text_of(found[0]) for found in _ITEM.finditer(text)]
