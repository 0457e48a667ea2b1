"""Snowflake's SQL that fakesnow does not turn into DuckDB's: changed in the syntax tree before fakesnow sees it.

Each rewrite here mends one thing that was met; what fakesnow does right stays with fakesnow.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from fakesnow.dialect import parse
from sqlglot import exp

from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.sql_text import outside_strings, without_comments

_MANAGED_ACCESS = re.compile(r"\bWITH\s+MANAGED\s+ACCESS\b", re.I)
_CREATE_OR_ALTER = re.compile(r"CREATE\s+OR\s+ALTER\b", re.I)
_TO_TIMESTAMP_TZ = {
    "TO_TIMESTAMP_TZ": exp.Cast,
    "TO_TIMESTAMP_LTZ": exp.Cast,
    "TRY_TO_TIMESTAMP_TZ": exp.TryCast,
    "TRY_TO_TIMESTAMP_LTZ": exp.TryCast,
}
_CONTEXT_FUNCTIONS = {
    exp.CurrentRole: "CURRENT_ROLE",
    exp.CurrentUser: "CURRENT_USER",
    exp.CurrentAccount: "CURRENT_ACCOUNT",
    exp.CurrentWarehouse: "CURRENT_WAREHOUSE",
    exp.CurrentSession: "CURRENT_SESSION",
}
_DATE_PART = re.compile(r'"[^"]*"|YYYY|YY|MON|MM|DD|DY|HH24|HH12|MI|SS|FF\d?|AM|PM|TZHTZM', re.I)
_DATE_PARTS = {
    "YYYY": "%Y",
    "YY": "%y",
    "MON": "%b",
    "MM": "%m",
    "DD": "%d",
    "DY": "%a",
    "HH24": "%H",
    "HH12": "%I",
    "MI": "%M",
    "SS": "%S",
    "FF": "%n",
    "FF3": "%g",
    "FF6": "%f",
    "FF9": "%n",
    "AM": "%p",
    "PM": "%p",
    "TZHTZM": "%z",
}
_MADE_UP_IN_VALUES = (exp.ParseJSON, exp.Struct, exp.JSONObject, exp.Array)

#: The replacement of one function call: its path as written, its arguments; None leaves the call alone.
Resolve = Callable[[tuple[exp.Identifier, ...], list[Any]], Any | None]


def parse_statement(sql: str) -> Any:
    """The one statement of a request.

    Raises:
        StatementFailed: there is none, there are several, or it is one that would do harm if it were let through.
    """
    text = outside_strings(sql, _parsable)
    statements = [found for found in parse(text) if found is not None and not isinstance(found, exp.Semicolon)]
    if not statements:
        raise compilation_error(900, "42601", "Empty SQL statement.")
    if len(statements) > 1:
        raise StatementFailed(
            8, "0A000", f"Actual statement count {len(statements)} did not match the desired statement count 1."
        )
    if _CREATE_OR_ALTER.match(without_comments(sql)):
        raise unsupported("CREATE OR ALTER, which fakesnow would take for CREATE OR REPLACE")
    if isinstance(statements[0], exp.Command) and str(statements[0].this).upper() in {"CALL", "EXECUTE"}:
        raise unsupported(str(statements[0].this).upper())
    return statements[0]


def _parsable(part: str) -> str:
    """What the parser takes for something else: ?:: for one operator, and a clause it does not know."""
    return _MANAGED_ACCESS.sub("", part.replace("?::", "? ::"))


def rewrite(statement: Any, *, context: Mapping[str, str], resolve: Resolve) -> Any:
    """The statement as fakesnow can take it. `context` has the values of CURRENT_ROLE and the like."""
    _refuse_json_in_values(statement)
    _leave_keys_unenforced(statement)
    for node in reversed(list(statement.walk(bfs=False))):  # what lies deepest first
        replacement = _replacement(node, context, resolve)
        if replacement is node:
            continue
        if node is statement:
            statement = replacement
        else:
            node.replace(replacement)
    return statement


def _replacement(node: Any, context: Mapping[str, str], resolve: Resolve) -> Any:  # noqa: PLR0911  one case a line
    if isinstance(node, exp.Anonymous):
        return _call(node, context, resolve)
    if isinstance(node, exp.Dot):
        path = _path_of(node)
        found = resolve(path, node.expression.expressions) if path else None
        return node if found is None else found
    if isinstance(node, exp.Array):
        return exp.Anonymous(this="JSON_ARRAY", expressions=node.expressions)
    if isinstance(node, exp.Struct):
        return _object(node, keep_nulls=False)
    if isinstance(node, exp.JSONObject):
        return _object(node, keep_nulls=True)
    if isinstance(node, exp.ToChar):
        return _text_of_time(node)
    if isinstance(node, exp.JSONKeys):
        return exp.Anonymous(this="TO_JSON", expressions=[exp.Anonymous(this="JSON_KEYS", expressions=[node.this])])
    if isinstance(node, exp.Parameter):
        return _positional_column(node)
    name = _CONTEXT_FUNCTIONS.get(type(node))
    return exp.Literal.string(context[name]) if name else node


def _call(node: Any, context: Mapping[str, str], resolve: Resolve) -> Any:
    name = node.name.upper()
    if name in _TO_TIMESTAMP_TZ and len(node.expressions) == 1:
        return _TO_TIMESTAMP_TZ[name](this=node.expressions[0], to=exp.DataType.build("TIMESTAMPTZ"))
    if name == "LAST_QUERY_ID" and not node.expressions:
        return exp.Literal.string(context["LAST_QUERY_ID"])
    if isinstance(node.parent, exp.Dot):
        return node  # the whole path is looked at when its root comes
    this = node.this
    identifier = this if isinstance(this, exp.Identifier) else exp.Identifier(this=str(this), quoted=False)
    found = resolve((identifier,), node.expressions)
    return node if found is None else found


def _path_of(node: Any) -> tuple[exp.Identifier, ...]:
    """The identifiers of database.schema.function(..), or nothing when this is no call or only a part of one."""
    if isinstance(node.parent, exp.Dot) or not isinstance(node.expression, exp.Anonymous):
        return ()
    last = node.expression.this
    parts = [last if isinstance(last, exp.Identifier) else exp.Identifier(this=str(last), quoted=False)]
    left = node.this
    while isinstance(left, exp.Dot):
        parts.insert(0, left.expression)
        left = left.this
    parts.insert(0, left.this if isinstance(left, exp.Column) else left)
    return tuple(parts) if all(isinstance(part, exp.Identifier) for part in parts) else ()


def _object(node: Any, *, keep_nulls: bool) -> Any:
    """An OBJECT as JSON. fakesnow puts the keys of an object literal into capitals and leaves inner objects alone."""
    pairs = [(pair.this, pair.expression) for pair in node.expressions if _is_pair(pair)]
    if len(pairs) != len(node.expressions):
        return node  # OBJECT_CONSTRUCT(*) is fakesnow's
    keys = [exp.Literal.string(key.name) if isinstance(key, exp.Identifier) else key for key, _ in pairs]
    values = [value for _, value in pairs]
    if not keep_nulls:
        kept = [place for place, value in enumerate(values) if not isinstance(value, exp.Null)]
        keys, values = [keys[place] for place in kept], [values[place] for place in kept]
    constant = all(_is_constant(value) for value in values) and all(isinstance(key, exp.Literal) for key in keys)
    if constant or (keep_nulls and all(isinstance(key, exp.Literal) for key in keys)):
        pairs_in_line = [item for pair in zip(keys, values, strict=True) for item in pair]
        return exp.Anonymous(this="JSON_OBJECT", expressions=pairs_in_line)
    as_json = [exp.Anonymous(this="TO_JSON", expressions=[value]) for value in values]
    keeping = exp.true() if keep_nulls else exp.false()
    return exp.Anonymous(
        this="_FS_OBJECT_CONSTRUCT",
        expressions=[exp.Array(expressions=keys), exp.Array(expressions=as_json), keeping],
    )


def _is_pair(node: Any) -> bool:
    return isinstance(node, exp.PropertyEQ | exp.JSONKeyValue)


def _is_constant(node: Any) -> bool:
    """Never NULL: a literal, or an object or array that was made of something."""
    made = isinstance(node, exp.Anonymous) and node.name in {"JSON_OBJECT", "JSON_ARRAY"}
    return made or isinstance(node, exp.Literal | exp.Boolean)


def _text_of_time(node: Any) -> Any:
    """TO_CHAR with a format for a date or time; the parser would drop the format without a word."""
    given = node.args.get("format")
    if not isinstance(given, exp.Literal) or not _DATE_PART.search(given.name):
        return node

    def directive(found: re.Match[str]) -> str:
        return found[0].strip('"') if found[0].startswith('"') else _DATE_PARTS.get(found[0].upper(), found[0])

    text = exp.Literal.string(_DATE_PART.sub(directive, given.name))
    return exp.Anonymous(this="STRFTIME", expressions=[node.this, text])


def _positional_column(node: Any) -> Any:
    """$1 of a VALUES list, which fakesnow knows as COLUMN1."""
    select = node.find_ancestor(exp.Select)
    if isinstance(node.this, exp.Literal) and not node.this.is_string and select and select.find(exp.Values):
        return exp.column(f"COLUMN{node.this.name}")
    return node


def _refuse_json_in_values(statement: Any) -> None:
    """Snowflake has no semi-structured expression in an INSERT's VALUES; DuckDB would take it."""
    if not isinstance(statement, exp.Insert) or not isinstance(statement.expression, exp.Values):
        return
    found = statement.expression.find(*_MADE_UP_IN_VALUES)
    if found is not None:
        text = found.sql(dialect="snowflake")
        raise compilation_error(2014, "22000", f"Invalid expression [{text}] in VALUES clause")


def _leave_keys_unenforced(statement: Any) -> None:
    """Snowflake enforces NOT NULL only; DuckDB would refuse a second row with the same key."""
    if not isinstance(statement, exp.Create) or not isinstance(statement.this, exp.Schema):
        return
    columns = statement.this.expressions
    for column in columns:
        if isinstance(column, exp.ColumnDef):
            column.set("constraints", _enforced(column.args.get("constraints") or []))
    table_keys = (exp.PrimaryKey, exp.UniqueColumnConstraint, exp.ForeignKey, exp.Constraint)
    statement.this.set("expressions", [found for found in columns if not isinstance(found, table_keys)])


def _enforced(constraints: list[Any]) -> list[Any]:
    kept = []
    for constraint in constraints:
        kind = constraint.kind if isinstance(constraint, exp.ColumnConstraint) else None
        if isinstance(kind, exp.PrimaryKeyColumnConstraint):
            kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
        elif not isinstance(kind, exp.UniqueColumnConstraint | exp.Reference):
            kept.append(constraint)
    return kept
