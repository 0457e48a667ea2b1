"""SYSTEM$ functions: called as statements of their own, or looked up where they stand in an expression.

Each part of the emulator registers those that it knows; a name that nobody registered is an unknown function.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.procedures.reading import Reader
from bridge.local.snowflake.rewrites import parse_statement
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import without_comments
from bridge.local.snowflake.statements import StatementRunner
from bridge.local.snowflake.task_context import TaskContext

Arguments = Sequence[str | None]
#: The value of a function for the session that asks: text, truth or NULL.
Function = Callable[[Session, Arguments], str | bool | None]
#: The expression that a call with these argument expressions stands for in a session.
Expansion = Callable[[Session, list[Any]], Any]

_CALL = re.compile(r"(?:CALL|SELECT)\s+(?P<name>SYSTEM\$\w+)\s*\(", re.I)
_SECONDS = {"DAYS": 86400.0, "HOURS": 3600.0, "MINUTES": 60.0, "SECONDS": 1.0, "MILLISECONDS": 0.001}


@dataclass(frozen=True)
class _Registered:
    function: Function
    #: It does something: only a statement of its own may call it, lest a description or a retry do it again.
    has_effect: bool
    most_arguments: int


class SystemFunctions:
    """A feature for calls that are statements, and a rewriter for those within expressions."""

    def __init__(self, runner: StatementRunner) -> None:
        self._runner = runner
        self._functions: dict[str, _Registered] = {}
        self._expansions: dict[tuple[str, ...], Expansion] = {}
        self.register("SYSTEM$WAIT", _wait, has_effect=True, most_arguments=2)
        self._register_functions_of_tasks()

    def register(self, name: str, function: Function, *, has_effect: bool = False, most_arguments: int = 1) -> None:
        self._functions[name] = _Registered(function, has_effect, most_arguments)

    def register_expansion(self, path: tuple[str, ...], expansion: Expansion) -> None:
        """Let a call of this qualified name stand for another expression."""
        self._expansions[path] = expansion

    def answer(self, session: Session, request: StatementRequest) -> JsonObject | None:
        if session.task is not None:
            session.task.query_ids.append(request.query_id)
        found = _CALL.match(without_comments(request.sql))
        if found is None:
            return None
        name = found["name"].upper()
        known = self._functions.get(name)
        reader = Reader(request.sql)
        verb = reader.word()
        arguments = _arguments(reader)
        if verb == "SELECT" and not (known and known.has_effect and reader.is_done):
            return None  # an ordinary query, whose functions the rewriting looks up
        if known is None:
            raise compilation_error(2140, "42601", f"Unknown function {name}")
        if request.describe_only:
            return self._runner.by_fakesnow(session, replace(request, sql=f'SELECT {_literal("")} AS "{name}"'))
        values = self._values(session, request, arguments)
        return self._told(session, request, name, _called(name, known, session, values))

    def rewritten(self, session: Session, statement: Any) -> Any:
        for node in list(statement.find_all(exp.Anonymous, exp.Dot)):
            replacement = self._replacement(session, node)
            if replacement is None:
                continue
            if session.query is not None:
                session.query.is_repeatable = False
            if node is statement:
                statement = replacement
            else:
                node.replace(replacement)
        return statement

    def _replacement(self, session: Session, node: Any) -> Any | None:
        if isinstance(node, exp.Dot):
            expansion = self._expansions.get(_path(node))
            return expansion(session, node.expression.expressions) if expansion else None
        name = str(node.this).upper()
        known = self._functions.get(name)
        if known is None:
            return None
        if known.has_effect:
            raise compilation_error(2, "0A000", f"{name} has an effect: it must be the only call of its statement.")
        value = _called(name, known, session, [_constant(name, argument) for argument in node.expressions])
        if isinstance(value, bool):
            return exp.true() if value else exp.false()
        return exp.Null() if value is None else exp.Literal.string(value)

    def _values(self, session: Session, request: StatementRequest, arguments: list[str]) -> list[Any]:
        """The arguments as texts; each may be any expression, with binds."""
        if not arguments:
            return []
        columns = ", ".join(f"CAST(({argument}) AS VARCHAR) AS A{place}" for place, argument in enumerate(arguments))
        select = parse_statement(self._runner.inlined(session, f"SELECT {columns}"))
        return self._runner.values(session, request, select)

    def _told(self, session: Session, request: StatementRequest, name: str, value: str | bool | None) -> JsonObject:
        text = "NULL" if value is None else str(value).upper() if isinstance(value, bool) else _literal(value)
        return self._runner.by_fakesnow(session, replace(request, sql=f'SELECT {text} AS "{name}"', bindings={}))

    def _register_functions_of_tasks(self) -> None:
        def within(name: str, ask: Callable[[TaskContext, Arguments], str | None]) -> Function:
            def asked(session: Session, arguments: Arguments) -> str | None:
                if session.task is None:
                    # The words are Snowflake's; the number is not published.
                    raise StatementFailed(603, "XX000", f"Function {name} must be called from within a task.")
                return ask(session.task, arguments)

            return asked

        def set_return_value(task: TaskContext, arguments: Arguments) -> None:
            task.set_return_value(_required("SYSTEM$SET_RETURN_VALUE", arguments))

        self.register("SYSTEM$SET_RETURN_VALUE", within("SYSTEM$SET_RETURN_VALUE", set_return_value), has_effect=True)
        for name, ask in (
            ("SYSTEM$TASK_RUNTIME_INFO", lambda task, given: task.info(_required("SYSTEM$TASK_RUNTIME_INFO", given))),
            ("SYSTEM$GET_PREDECESSOR_RETURN_VALUE", lambda task, given: task.predecessor_value(_optional(given))),
            ("SYSTEM$GET_TASK_GRAPH_CONFIG", lambda task, given: task.config_value(_optional(given))),
            ("SYSTEM$CURRENT_USER_TASK_NAME", lambda task, _: task.name),
        ):
            self.register(name, within(name, ask))


def _called(name: str, known: _Registered, session: Session, values: list[Any]) -> str | bool | None:
    if len(values) > known.most_arguments:
        raise compilation_error(939, "22023", f"too many arguments for function [{name}]")
    return known.function(session, values)


def _wait(_: Session, arguments: Arguments) -> str:
    """It really waits; the control clock does not shorten it."""
    amount = _required("SYSTEM$WAIT", arguments)
    unit = (arguments[1] or "") if len(arguments) > 1 else "SECONDS"
    if unit.upper() not in _SECONDS:
        raise compilation_error(1044, "42P13", f"Invalid time unit '{unit}' for function SYSTEM$WAIT")
    time.sleep(float(amount) * _SECONDS[unit.upper()])
    return f"waited {amount} {unit.lower()}"


def _arguments(reader: Reader) -> list[str]:
    """The texts of the arguments of the call that comes next."""
    reader.path()
    reader.expect("(")
    found: list[str] = []
    while not reader.take(")"):
        if found:
            reader.expect(",")
        found.append(reader.until(",", ")"))
    return found


def _required(name: str, arguments: Arguments) -> str:
    if not arguments or arguments[0] is None:
        raise compilation_error(938, "22023", f"not enough arguments for function [{name}]")
    return arguments[0]


def _optional(arguments: Arguments) -> str | None:
    return arguments[0] if arguments else None


def _constant(name: str, argument: Any) -> str | None:
    if isinstance(argument, exp.Null):
        return None
    if isinstance(argument, exp.Literal):
        return str(argument.this)
    raise compilation_error(1015, "22023", f"argument 1 to function {name} needs to be constant")


def _path(node: Any) -> tuple[str, ...]:
    """The capitals of database.schema.function, as far as this is a call of such a name."""
    if not isinstance(node.expression, exp.Anonymous):
        return ()
    parts, left = [str(node.expression.this)], node.this
    while isinstance(left, exp.Dot):
        parts.insert(0, left.expression.name)
        left = left.this
    return tuple(part.upper() for part in [left.name, *parts])


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
