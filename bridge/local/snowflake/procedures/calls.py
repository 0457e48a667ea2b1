"""CALL: its arguments by place or by name, with defaults, as the values that a handler gets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlglot import exp

from bridge.local.snowflake.errors import StatementFailed, compilation_error, failure_of, unsupported
from bridge.local.snowflake.external_functions import check_types, converted
from bridge.local.snowflake.procedures.definitions import Procedure
from bridge.local.snowflake.procedures.variables import Variable
from bridge.local.snowflake.rewrites import parse_statement
from bridge.local.snowflake.wire import SEMI_STRUCTURED, Argument, Definition


@dataclass(frozen=True, kw_only=True)
class Call:
    """One CALL and the procedure that it means."""

    procedure: Procedure
    #: The expression of each parameter, and the parameter, in the order of the statement, then the defaults.
    given: tuple[tuple[Any, Argument], ...]

    def select(self) -> Any:
        """A SELECT of the arguments; placeholders keep their order."""
        columns = [
            exp.alias_(converted_exactly(value.copy(), parameter), f"A{place}")
            for place, (value, parameter) in enumerate(self.given)
        ]
        return exp.select(*columns)

    @property
    def binds(self) -> int:
        return sum(1 for value, _ in self.given for _ in value.find_all(exp.Placeholder))

    def variables(self, row: Sequence[Any]) -> dict[str, Variable]:
        """The arguments by the names of their parameters and in their order, from the row of the SELECT."""
        check_types_of(self.procedure.name, [parameter for _, parameter in self.given], row)
        by_name = {parameter.name: value for value, (_, parameter) in zip(row, self.given, strict=True)}
        return {
            parameter.name: Variable(type=parameter, value=by_name[parameter.name])
            for parameter in self.procedure.parameters
        }


def handler_arguments(variables: Mapping[str, Variable]) -> tuple[Any, ...]:
    """What the handler in Python gets."""
    return tuple(_python_value(variable.value, variable.type) for variable in variables.values())


def converted_exactly(value: Any, wanted: Argument) -> Any:
    """The expression as the wanted type. DuckDB's PARSE_JSON would make doubles of fractions: the text is kept."""
    if isinstance(value, exp.ParseJSON) and not value.args.get("safe") and wanted.kind in SEMI_STRUCTURED:
        json_type = exp.DataType(this=exp.DataType.Type.USERDEFINED, kind="JSON")
        text_type = exp.DataType(this=exp.DataType.Type.USERDEFINED, kind="VARCHAR")
        return exp.Cast(this=exp.Cast(this=value.this, to=json_type), to=text_type)
    return converted(value, wanted)


def failure_of_values(error: Exception) -> StatementFailed:
    """Why values could not be computed; JSON that is none is told as PARSE_JSON does it."""
    failure = failure_of(error)
    if "Malformed JSON" in failure.message:
        return StatementFailed(100069, "22P02", f"Error parsing JSON: {failure.message}")
    return failure


def check_types_of(name: str, arguments: Sequence[Argument], row: Sequence[Any]) -> None:
    """Refuse text where an OBJECT or ARRAY is wanted."""
    definition = Definition(name=name, arguments=tuple(arguments), returns="", returns_in_full="", url="", headers={})
    check_types(definition, tuple(row))


def parse_arguments(text: str) -> list[Any]:
    """The expressions of an argument list."""
    statement = parse_statement(f"SELECT ARGUMENTS_OF_A_CALL({text})")
    return list(statement.expressions[0].expressions)


def fit(overloads: Sequence[Procedure], arguments: Sequence[Any]) -> Call:
    """The overload that takes these arguments.

    Raises:
        StatementFailed: none does.
    """
    names = [argument.this.name.upper() for argument in arguments if isinstance(argument, exp.Kwarg)]
    if names and len(names) < len(arguments):
        raise compilation_error(1003, "42000", "Arguments must be given all by name or all by position.")
    fitting = []
    for procedure in overloads:
        given = _by_name(procedure, names, arguments) if names else _by_place(procedure, arguments)
        if given is not None:
            fitting.append(Call(procedure=procedure, given=given))
    if len(fitting) > 1 and len({len(call.procedure.parameters) for call in fitting[:2]}) == 1:
        raise unsupported("overloads that only types of arguments tell apart")
    if fitting:
        return fitting[0]
    name = overloads[0].name
    signatures = ", ".join(procedure.name + procedure.signature for procedure in overloads)
    shown = ", ".join(names) if names else f"{len(arguments)} arguments"
    raise compilation_error(
        1044,
        "42P13",
        f"Invalid argument types for function '{name}': ({shown}). There is {signatures}.",
    )


def _by_place(procedure: Procedure, arguments: Sequence[Any]) -> tuple[tuple[Any, Argument], ...] | None:
    parameters = procedure.parameters
    if len(arguments) > len(parameters) or any(p.default is None for p in parameters[len(arguments) :]):
        return None
    return (
        *zip(arguments, parameters, strict=False),
        *_defaults(procedure, {p.name for p in parameters[: len(arguments)]}),
    )


def _by_name(
    procedure: Procedure, names: list[str], arguments: Sequence[Any]
) -> tuple[tuple[Any, Argument], ...] | None:
    by_name = {parameter.name.upper(): parameter for parameter in procedure.parameters}
    required = {name for name, parameter in by_name.items() if parameter.default is None}
    if len(set(names)) < len(names) or not required <= set(names) <= set(by_name):
        return None
    given = [(argument.expression, by_name[name]) for name, argument in zip(names, arguments, strict=True)]
    return (*given, *_defaults(procedure, {by_name[name].name for name in names}))


def _defaults(procedure: Procedure, given: set[str]) -> list[tuple[Any, Argument]]:
    left = [parameter for parameter in procedure.parameters if parameter.name not in given]
    return [(parse_arguments(str(parameter.default))[0], parameter) for parameter in left]


def _python_value(value: Any, parameter: Argument) -> Any:
    """As Snowflake's table of SQL and Python types says: a NUMBER without decimals is an int.

    Within a VARIANT a decimal number becomes text.
    """
    if value is None:
        return None
    if parameter.kind in SEMI_STRUCTURED:
        return json.loads(value, parse_float=_number_in_a_variant)
    if isinstance(value, Decimal) and parameter.scale == 0:
        return int(value)
    return value


def _number_in_a_variant(text: str) -> int | float | str:
    """A number that is written with a point: whole ones are integers, those with an exponent are FLOAT."""
    if "e" in text.lower():
        return float(text)
    whole, _, fraction = text.partition(".")
    return text if fraction.strip("0") else int(whole)
