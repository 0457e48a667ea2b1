"""The JSON that Snowflake's HTTP API answers with, as far as the connectors read it."""

from collections.abc import Sequence
from typing import Any

from fakesnow.statement_type import DML_TYPE_IDS, INSERT
from fakesnow.transforms import SERVER_VERSION

from bridge.local.snowflake.arrow_results import encoded
from bridge.local.snowflake.errors import StatementFailed
from bridge.local.snowflake.sessions import Session

JsonObject = dict[str, Any]

#: The connectors read it to decide whether an array of binds goes by a stage: never, there are no stages here.
_PARAMETERS = [
    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
    {"name": "TIMEZONE", "value": "Etc/UTC"},
]


def logged_in(session: Session, *, autocommit: bool) -> JsonObject:
    """Connector 5.x refuses a login without a master token and a session id."""
    return {
        "success": True,
        "code": None,
        "message": None,
        "data": {
            "token": session.token,
            "masterToken": f"master-{session.token}",
            "sessionId": session.id,
            "validityInSeconds": 3600,
            "masterValidityInSeconds": 14400,
            "serverVersion": SERVER_VERSION,
            "parameters": [{"name": "AUTOCOMMIT", "value": autocommit}, *_PARAMETERS],
            "sessionInfo": {
                "databaseName": session.connection.database,
                "schemaName": session.connection.schema,
                "warehouseName": session.warehouse or None,
                "roleName": session.role,
            },
        },
    }


def failed(failure: StatementFailed, query_id: str | None = None) -> JsonObject:
    code = f"{failure.code:06d}"
    data = {"errorCode": code, "sqlState": failure.sql_state, "queryId": query_id, "internalError": False}
    return {"success": False, "code": code, "message": failure.message, "data": data}


def succeeded(**data: Any) -> JsonObject:
    return {"success": True, "code": None, "message": None, "data": data or None}


def in_progress(query_id: str, *, asynchronous: bool) -> JsonObject:
    """The statement goes on; the client asks again at the address given."""
    return {
        "success": True,
        "code": "333334" if asynchronous else "333333",
        "message": "Query execution in progress.",
        "data": {
            "queryId": query_id,
            "getResultUrl": f"/queries/{query_id}/result",
            "queryAbortsAfterSecs": 300,
            "progressDesc": None,
        },
    }


def status_row(session: Session, query_id: str, text: str, type_id: int = 0x6000) -> JsonObject:
    """One row with one column `status`, as DDL answers."""
    return table(session, query_id, ["status"], [[text]], type_id)


def table(
    session: Session, query_id: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], type_id: int = 0x4500
) -> JsonObject:
    """Rows of texts, as DESCRIBE answers."""
    rowtype = [text_column(column) for column in columns]
    rowset = [list(row) for row in rows]
    return _answer(session, query_id, type_id, rowtype, total=len(rows), queryResultFormat="json", rowset=rowset)


def text_column(name: str) -> JsonObject:
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "type": "text",
        "byteLength": 16777216,
        "length": 16777216,
        "scale": None,
        "precision": None,
        "collation": None,
    }


def rows(session: Session, query_id: str, type_id: int, rowtype: list[Any], table: Any) -> JsonObject:
    """The result of a statement: counts of DML as JSON, from which the connectors read them, all else as Arrow."""
    if table is None:
        return _answer(session, query_id, type_id, rowtype, total=0, queryResultFormat="arrow", rowsetBase64="")
    if type_id in DML_TYPE_IDS:
        texts = [[None if value is None else str(value) for value in row.values()] for row in table.to_pylist()]
        return _answer(session, query_id, type_id, rowtype, total=1, queryResultFormat="json", rowset=texts)
    arrow = encoded(table, rowtype)
    total = table.num_rows
    return _answer(session, query_id, type_id, rowtype, total=total, queryResultFormat="arrow", rowsetBase64=arrow)


def counted(session: Session, query_id: str, type_id: int, rowtype: list[Any], count: int) -> JsonObject:
    """One count for a statement that was executed once for each row of its binds."""
    rowset = [[str(count)]]
    return _answer(session, query_id, type_id, rowtype, total=1, queryResultFormat="json", rowset=rowset)


def described(session: Session, query_id: str, type_id: int, rowtype: list[Any], binds: int) -> JsonObject:
    """The columns of a result without its rows."""
    return _answer(
        session,
        query_id,
        type_id,
        rowtype,
        total=0,
        queryResultFormat="arrow",
        rowsetBase64="",
        numberOfBinds=binds,
        arrayBindSupported=type_id == INSERT,
    )


def _answer(session: Session, query_id: str, type_id: int, rowtype: list[Any], **result: Any) -> JsonObject:
    return succeeded(
        parameters=[{"name": "TIMEZONE", "value": "Etc/UTC"}],
        rowtype=rowtype,
        returned=result["total"],
        queryId=query_id,
        statementTypeId=type_id,
        finalDatabaseName=session.connection.database,
        finalSchemaName=session.connection.schema,
        finalRoleName=session.role,
        finalWarehouseName=session.warehouse or None,
        **result,
    )
