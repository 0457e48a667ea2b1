"""The statements about procedures: CREATE, DROP, DESCRIBE and CALL, and those about what procedures may use."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

from fakesnow.rowtype import describe_as_rowtype

from bridge.local.snowflake import answers
from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.external_functions import duckdb_type, full_path
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.no_ops import ANSWER, NoOpLog
from bridge.local.snowflake.procedures import calls, descriptions
from bridge.local.snowflake.procedures.access import HIDDEN_FIELDS, AccessObjects
from bridge.local.snowflake.procedures.catalog import ProcedureCatalog, missing
from bridge.local.snowflake.procedures.definitions import Procedure, Qualify, parse_create, parse_types
from bridge.local.snowflake.procedures.messages import Invocation, SessionAddress
from bridge.local.snowflake.procedures.process import HandlerProcess
from bridge.local.snowflake.procedures.reading import Path, Reader
from bridge.local.snowflake.procedures.scripting import Scripting
from bridge.local.snowflake.procedures.scripts import is_unsupported, script_of
from bridge.local.snowflake.procedures.variables import Variable
from bridge.local.snowflake.sessions import Session, Sessions, in_schema
from bridge.local.snowflake.sql_text import without_comments
from bridge.local.snowflake.statements import StatementRunner
from bridge.local.snowflake.url_map import UrlMap
from bridge.local.snowflake.wire import SEMI_STRUCTURED

_OURS = re.compile(
    r"CALL\b|(?P<verb>CREATE|ALTER|DROP|DESC(?:RIBE)?)\s+(?P<replace>OR\s+(?:REPLACE|ALTER)\s+)?"
    r"(?:(?:SECURE|TEMPORARY|TEMP)\s+)*(?P<object>PROCEDURE|SECRET|NETWORK\s+RULE|(?:EXTERNAL\s+ACCESS\s+)?INTEGRATION)\b",
    re.I,
)
_DDL = 0x6000
_LANGUAGES_THAT_RUN = frozenset({"PYTHON", "SQL"})
#: Snowflake's own limit depends on what the procedures use.
_DEEPEST = 8
_SHORTEST_HIDDEN = 6


class Procedures:
    """The procedures of the account, and the process that runs their handlers."""

    def __init__(
        self,
        *,
        runner: StatementRunner,
        sessions: Sessions,
        url_map: UrlMap,
        no_ops: NoOpLog,
        new_connection: Callable[[], Any],
        port: int,
    ) -> None:
        self._runner = runner
        self._sessions = sessions
        self._url_map = url_map
        self._no_ops = no_ops
        self._new_connection = new_connection
        self._port = port
        self._access = AccessObjects()
        self._scripting = Scripting(runner)
        self._process = HandlerProcess()
        self.catalog = ProcedureCatalog()

    def answer(self, session: Session, request: StatementRequest) -> answers.JsonObject | None:
        """The answer of a statement about procedures, secrets or external access."""
        found = _OURS.match(without_comments(request.sql))
        if found is None:
            return None
        if found["verb"] is None:
            return self._call(session, request)
        kind = " ".join(found["object"].upper().split())
        verb = found["verb"].upper()[:4]
        if request.describe_only and verb != "DESC":
            return answers.described(session, request.query_id, _DDL, [answers.text_column("status")], 0)
        reader = Reader(request.sql)
        for word in found[0].split():
            reader.expect(word.upper())
        if kind == "PROCEDURE":
            return self._about_procedures(session, request, verb, reader, replaces=found["replace"] is not None)
        return self._about_access(session, request, verb, kind, reader, replaces=found["replace"] is not None)

    def _about_procedures(
        self, session: Session, request: StatementRequest, verb: str, reader: Reader, *, replaces: bool
    ) -> answers.JsonObject | None:
        qualify = _qualifier(session)
        if verb == "CREA":
            return self._create(session, request, reader, replaces=replaces)
        careful = reader.take("IF", "EXISTS")
        written = reader.path()
        path, types = qualify(written), parse_types(reader)
        if verb == "ALTE":
            if reader.sees("SET", "COMMENT") or reader.sees("UNSET", "COMMENT"):
                return None  # accepted and recorded, as a CALL does not notice it
            raise unsupported("this ALTER PROCEDURE; CREATE OR REPLACE does the same")
        if verb == "DESC":
            procedure = self.catalog.find(path, types)
            if procedure is None:
                raise missing(written)
            return descriptions.of_procedure(session, request.query_id, procedure)
        if not self.catalog.drop(path, types) and not careful:
            raise missing(written)
        self._no_ops.record(kind="DROP PROCEDURE", session_id=session.id, sql=request.sql)
        return answers.status_row(session, request.query_id, f"{path[-1]} successfully dropped.")

    def _create(
        self, session: Session, request: StatementRequest, reader: Reader, *, replaces: bool
    ) -> answers.JsonObject:
        creation = parse_create(reader, _qualifier(session), replaces=replaces)
        procedure = creation.procedure
        runs = self._can_run(procedure)
        self.catalog.create(creation)
        if runs:
            return answers.status_row(session, request.query_id, f"Function {procedure.name} successfully created.")
        self._no_ops.record(kind="CREATE PROCEDURE", session_id=session.id, sql=request.sql)
        return answers.status_row(session, request.query_id, ANSWER)

    def _can_run(self, procedure: Procedure) -> bool:
        """Whether CALL will run it; a procedure that Snowflake would not create is refused."""
        if procedure.language == "PYTHON":
            self._access.access_of(procedure)
        elif procedure.language == "SQL":
            try:
                script_of(procedure)
            except StatementFailed as failure:
                if not is_unsupported(failure):
                    raise
                return False
        return procedure.language in _LANGUAGES_THAT_RUN

    def _about_access(
        self, session: Session, request: StatementRequest, verb: str, kind: str, reader: Reader, *, replaces: bool
    ) -> answers.JsonObject | None:
        qualify = _qualifier(session)
        if kind == "INTEGRATION" and not self._access.has_integration(reader.peek_name()):
            return None  # one of another kind
        if verb == "DESC":
            if kind != "SECRET":
                return None
            return descriptions.of_secret(session, request.query_id, self._access.secret(qualify(reader.path())))
        if verb == "CREA":
            text = self._access.create(kind, reader, qualify, replaces=replaces)
        elif verb == "ALTE":
            text = self._access.alter(kind, reader, qualify)
        else:
            text = self._access.drop(kind, reader, qualify)
        full_verb = {"CREA": "CREATE", "ALTE": "ALTER", "DROP": "DROP"}[verb]
        self._no_ops.record(kind=f"{full_verb} {kind}", session_id=session.id, sql=request.sql)
        return answers.status_row(session, request.query_id, text)

    def _call(self, session: Session, request: StatementRequest) -> answers.JsonObject | None:
        reader = Reader(self._runner.inlined(session, request.sql))
        reader.expect("CALL")
        path = reader.path()
        if path[-1].startswith("SYSTEM$") or path[0] == "SNOWFLAKE":
            return None
        overloads = self.catalog.called(path, session.connection.database or "", session.connection.schema or "")
        if not overloads:
            raise compilation_error(2141, "42601", f"Unknown user-defined function {'.'.join(path)}")
        reader.expect("(")
        text = reader.until(")")
        reader.expect(")")
        if not reader.is_done:
            raise reader.unexpected()
        call = calls.fit(overloads, calls.parse_arguments(text))
        if call.procedure.language not in _LANGUAGES_THAT_RUN:
            raise unsupported(f"CALL of {path[-1]}, a procedure in {call.procedure.language}")
        if request.describe_only:
            rowtype = self._result(call.procedure, None)[0]
            return answers.described(session, request.query_id, 0, rowtype, call.binds)
        value = self._run(session, call.procedure, self._arguments(session, request, call))
        rowtype, table = self._result(call.procedure, value)
        returned = Variable(type=call.procedure.returns.as_argument(), value=table.column(0)[0].as_py())
        self._scripting.tell(request.query_id, returned)
        return answers.rows(session, request.query_id, 0, rowtype, table)

    def _arguments(self, session: Session, request: StatementRequest, call: calls.Call) -> dict[str, Variable]:
        if not call.given:
            return {}
        try:
            return call.variables(self._runner.values(session, request, call.select()))
        except Exception as error:
            raise calls.failure_of_values(error) from error

    def _run(self, session: Session, procedure: Procedure, arguments: dict[str, Variable]) -> Any:
        if procedure.is_strict and any(argument.value is None for argument in arguments.values()):
            return None
        if session.depth >= _DEEPEST:
            raise unsupported(f"more than {_DEEPEST} procedures within one another, {procedure.name} being the next")
        place = (
            in_schema(session.connection, *procedure.path[:2]) if procedure.runs_as_owner else contextlib.nullcontext()
        )
        # What is missing is told before anything happens.
        steps = script_of(procedure) if procedure.language == "SQL" else ()
        inner = self._sessions.open_within(session)
        try:
            with place:
                if procedure.language == "SQL":
                    return self._scripting.run(inner, session.query, procedure, steps, arguments)
                return self._run_handler(inner, procedure, calls.handler_arguments(arguments))
        finally:
            self._sessions.end(inner)

    def _run_handler(self, session: Session, procedure: Procedure, arguments: tuple[Any, ...]) -> Any:
        access = self._access.access_of(procedure)
        outcome = self._process.run(
            Invocation(
                number=self._process.next_number(),
                name=procedure.name,
                handler=procedure.handler,
                body=procedure.body,
                packages=procedure.packages,
                arguments=arguments,
                returns=procedure.returns.kind,
                session=self._address(session),
                secrets=access.secrets,
                hosts=access.hosts,
                mappings=tuple(self._url_map.all()),
            )
        )
        if outcome.error is not None:
            hidden = [secret.values.get(field, "") for secret in access.secrets.values() for field in HIDDEN_FIELDS]
            raise _failed(procedure, _without(hidden, outcome.error))
        return outcome.value

    def _address(self, session: Session) -> SessionAddress:
        return SessionAddress(
            port=self._port,
            token=session.token,
            account=session.account,
            user=session.user,
            role=session.role,
            warehouse=session.warehouse,
            database=session.connection.database,
            schema=session.connection.schema,
        )

    def _result(self, procedure: Procedure, value: Any) -> tuple[list[Any], Any]:
        """The one column of the answer, and its one row."""
        kind = procedure.returns.kind
        in_duckdb = "JSON" if kind in SEMI_STRUCTURED else duckdb_type(procedure.returns.as_argument())
        name = procedure.name.replace('"', '""')
        connection = self._new_connection()
        try:
            table = connection.execute(f'SELECT CAST(? AS {in_duckdb}) AS "{name}"', [value]).to_arrow_table()
        finally:
            connection.close()
        known_as = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(in_duckdb, in_duckdb)
        rowtype: list[Any] = describe_as_rowtype([(procedure.name, known_as, None, None, None, None)])
        if kind in SEMI_STRUCTURED:
            rowtype[0]["type"] = kind.lower()
        return rowtype, table


def _qualifier(session: Session) -> Qualify:
    def qualify(path: Path) -> tuple[str, str, str]:
        database, schema, name = full_path(path, session.connection.database or "", session.connection.schema or "")
        if not database or not schema:
            raise StatementFailed(
                90105,
                "22000",
                "Cannot perform this operation. This session does not have a current database. "
                "Call 'USE DATABASE', or use a qualified name.",
            )
        return database, schema, name

    return qualify


def _failed(procedure: Procedure, error: str) -> StatementFailed:
    text = f"Python Interpreter Error:\n{error}\n in function {procedure.name} with handler {procedure.handler}"
    return StatementFailed(100357, "P0000", text)


def _without(secrets: list[str], text: str) -> str:
    """The text is kept in the log of statements."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_HIDDEN:
            text = text.replace(secret, "***")
    return text
