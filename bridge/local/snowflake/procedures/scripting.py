"""Carrying out the script of a procedure in SQL: its statements one by one, in the session that the procedure has."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.external_functions import QueryContext
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.procedures.calls import check_types_of, converted_exactly, failure_of_values
from bridge.local.snowflake.procedures.definitions import Procedure
from bridge.local.snowflake.procedures.scripts import Assignment, Execution, Return, Step
from bridge.local.snowflake.procedures.variables import Variable, filled_in, type_of, unknown, variable_alone
from bridge.local.snowflake.results import first_row
from bridge.local.snowflake.rewrites import parse_statement
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.statements import StatementRunner
from bridge.local.snowflake.wire import SEMI_STRUCTURED, Argument


class Scripting:
    """Runs scripts, any number at the same time."""

    def __init__(self, runner: StatementRunner) -> None:
        self._runner = runner
        #: What the CALLs of scripts returned, by their query ids; None until they have.
        self._returned: dict[str, Variable | None] = {}

    def tell(self, query_id: str, returned: Variable) -> None:
        """What a CALL returned, with its exact type, in case that a script waits for it."""
        if query_id in self._returned:
            self._returned[query_id] = returned

    def run(
        self, session: Session, query: QueryContext | None, procedure: Procedure, steps: Sequence[Step], given: Any
    ) -> Any:
        """The value that the script returns, as the type of the procedure's result.

        `query` is the CALL's own; `given` the variables of its arguments.

        Raises:
            StatementFailed: a statement failed, with the code of that failure.
        """
        variables: dict[str, Variable] = dict(given)
        evaluation = _Evaluation(self._runner, session, query)
        for step in steps:
            try:
                if isinstance(step, Return):
                    wanted = replace(procedure.returns.as_argument(), name=procedure.name)
                    return (
                        None if step.expression is None else evaluation.value(step.expression, variables, wanted).value
                    )
                if isinstance(step, Assignment):
                    variables[step.name] = _assigned(evaluation, step, variables)
                else:
                    self._execute(evaluation, session, step, variables)
            except Exception as error:
                raise _located(failure_of_values(error), procedure, step) from error
        return None

    def _execute(
        self, evaluation: "_Evaluation", session: Session, step: Execution, variables: dict[str, Variable]
    ) -> None:
        if step.into is not None and step.into not in variables:
            raise unknown(step.into)
        sql = filled_in(step.sql, variables, is_expression=False)
        query_id = str(uuid.uuid4())
        if step.into is not None:
            self._returned[query_id] = None
        try:
            answer = self._runner.run(session, StatementRequest(query_id=query_id, sql=sql))
        finally:
            returned = self._returned.pop(query_id, None)
        if step.into is None:
            return
        if returned is None:  # no procedure but a SYSTEM$ function
            values = first_row(answer)
            text = None if not values or values[0] is None else str(values[0])
            returned = Variable(type=Argument(name="", kind="VARCHAR"), value=text)
        variables[step.into] = evaluation.fitting(returned, variables[step.into].type)


class _Evaluation:
    """Expressions of one script, computed by SQL in its session."""

    def __init__(self, runner: StatementRunner, session: Session, query: QueryContext | None) -> None:
        self._runner = runner
        self._session = session
        self._query = query

    def value(self, expression: str, variables: Mapping[str, Variable], wanted: Argument | None) -> Variable:
        """The value, of the wanted type or of its own."""
        alone = variable_alone(expression, variables)
        if alone is not None:
            return alone if wanted is None else self.fitting(alone, wanted)
        sql = filled_in(expression, variables, is_expression=True)
        return self._own(sql) if wanted is None else self._converted(sql, wanted)

    def fitting(self, given: Variable, wanted: Argument) -> Variable:
        """The same value as another type."""
        if given.is_json and wanted.kind in SEMI_STRUCTURED:
            check_types_of(wanted.name, [wanted], [given.value])
            return Variable(type=wanted, value=given.value)
        if (given.type.kind, given.type.scale) == (wanted.kind, wanted.scale):
            return Variable(type=wanted, value=given.value)
        return self._converted(given.literal(), wanted)

    def _converted(self, sql: str, wanted: Argument) -> Variable:
        select = self._select(f"SELECT {sql}")
        value = converted_exactly(select.selects[0].unalias(), wanted)
        (found,) = self._row(exp.select(exp.alias_(value, "A")))
        check_types_of(wanted.name, [wanted], [found])
        return Variable(type=wanted, value=found)

    def _own(self, sql: str) -> Variable:
        self._select(f"SELECT {sql}")
        value, kind = self._row(self._select(f"SELECT A, TYPEOF(A) AS B FROM (SELECT {sql} AS A)", columns=2))
        return Variable(type=type_of("", str(kind)), value=value)

    def _select(self, sql: str, *, columns: int = 1) -> Any:
        select = parse_statement(self._runner.inlined(self._session, sql))
        if not isinstance(select, exp.Select) or len(select.selects) != columns:
            raise compilation_error(1003, "42000", "syntax error: one expression is wanted here")
        return select

    def _row(self, select: Any) -> list[Any]:
        # External functions tell their failure to the query that they run in.
        context = replace(self._query, failure=None) if self._query is not None else None
        self._session.query = context
        try:
            return self._runner.values(self._session, StatementRequest(query_id="", sql=""), select)
        except Exception:
            if context is not None and context.failure is not None:
                raise context.failure from None
            raise
        finally:
            self._session.query = None


def _assigned(evaluation: _Evaluation, step: Assignment, variables: Mapping[str, Variable]) -> Variable:
    wanted = step.type
    if not step.declares:
        if step.name not in variables:
            raise unknown(step.name)
        wanted = variables[step.name].type
    if step.expression is None:
        return Variable(type=wanted or Argument(name=step.name, kind="VARCHAR"), value=None)
    return evaluation.value(step.expression, variables, wanted)


def _located(failure: StatementFailed, procedure: Procedure, step: Step) -> StatementFailed:
    """The same failure; Snowflake tells the line as well, though not the procedure."""
    kind = "STATEMENT_ERROR" if isinstance(step, Execution) else "EXPRESSION_ERROR"
    where = f"Uncaught exception of type '{kind}' on line {step.line} of procedure {procedure.name} : "
    return StatementFailed(failure.code, failure.sql_state, where + failure.message)
