"""Are the ledger's tables, views and grants those that the scripts in `sql/` make?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from bridge.doctor.findings import Finding, fail, ok, warn
from bridge.doctor.ledger_shape import VIEWS, WRITTEN, Column, tables, type_of
from bridge.doctor.mends import command, sql_deploy
from bridge.settings.snowflake import SnowflakeSettings

TABLES, VIEW, GRANTS, MORE = "snowflake.tables", "snowflake.views", "snowflake.grants", "snowflake.excess"
GRANTS_SCRIPT, VIEWS_SCRIPT = "099_grants.sql", "030_views.sql"
#: More are told as a number.
SHOWN = 5
OWNERSHIP = "OWNERSHIP"

Rows = Sequence[Mapping[str, Any]]
#: Privilege, kind of object, its full name.
Grant = tuple[str, str, str]


def check_tables(settings: SnowflakeSettings, columns: Rows) -> Iterator[Finding]:
    """Those that the app writes, column by column."""
    found: dict[str, dict[str, str]] = {}
    for each in columns:
        kind = type_of(str(each["data_type"]), each["numeric_precision"], each["numeric_scale"])
        found.setdefault(str(each["table_name"]), {})[str(each["column_name"])] = kind
    problems = [problem for table in WRITTEN for problem in _table(settings, table, found.get(table))]
    yield from problems or [ok(TABLES, f"{len(WRITTEN)} tables have all their columns")]


def _table(settings: SnowflakeSettings, table: str, found: Mapping[str, str] | None) -> Iterator[Finding]:
    place = f"{settings.database}.{settings.schema}".upper()
    if found is None:
        what = f"there is no table {table} in {place} for {settings.role}"
        cause = "it was never made, or the role may not see it"
        yield fail(TABLES, what, cause=cause, mend=sql_deploy(tables()[table][0].script, GRANTS_SCRIPT))
        return
    missing = [column for column in tables()[table] if column.name not in found]
    if missing:
        scripts = sorted({column.script for column in missing})
        what = f"{table} lacks {', '.join(column.name for column in missing)}"
        cause = f"not run here: sql/{', sql/'.join(scripts)}"
        yield fail(TABLES, what, cause=cause, mend=sql_deploy(*scripts))
    for column in tables()[table]:
        if column.name in found and found[column.name] != column.type:
            yield _other_type(table, column, found[column.name])


def _other_type(table: str, column: Column, found: str) -> Finding:
    what = f"{table}.{column.name} is {found}, not {column.type}"
    cause = f"somebody changed it: sql/{column.script} makes it as it should be"
    rename = command("snow", "sql", "--query", f"ALTER TABLE {table} RENAME COLUMN {column.name} TO {column.name}_OLD")
    return fail(TABLES, what, cause=cause, mend=f"{rename}\n{sql_deploy(column.script)}")


def check_views(settings: SnowflakeSettings, views: Rows) -> Iterator[Finding]:
    """Those that the app reads."""
    found = {str(each["table_name"]) for each in views}
    missing = [name for name in VIEWS if name not in found]
    if missing:
        what = f"there is no view {' and no view '.join(missing)} for {settings.role}"
        cause = "it was never made, or the role may not see it"
        yield fail(VIEW, what, cause=cause, mend=sql_deploy(VIEWS_SCRIPT, GRANTS_SCRIPT))
    else:
        yield ok(VIEW, f"the views {' and '.join(VIEWS)} are there")


def check_grants(settings: SnowflakeSettings, rows: Rows, visible: Collection[str]) -> Iterator[Finding]:
    """What the role may do, beside what it needs; of objects that are not there, nothing is said again."""
    held = {(str(row["privilege"]), str(row["granted_on"]), _plain(str(row["name"]))) for row in rows}
    needed = _needed(settings)
    owned = {(kind, name) for privilege, kind, name in held if privilege == OWNERSHIP}
    missing = [
        grant
        for grant in needed
        if grant not in held and (grant[1], grant[2]) not in owned and _is_there(grant, visible)
    ]
    for privilege, kind, name in missing:
        what = f"{settings.role} has no {privilege} on {kind.lower()} {name}"
        mend = command("snow", "sql", "--query", f"GRANT {privilege} ON {kind} {name} TO ROLE {settings.role}")
        yield fail(GRANTS, what, cause=f"sql/{GRANTS_SCRIPT} was not run, or the grant was taken away", mend=mend)
    if not missing:
        yield ok(GRANTS, f"{settings.role} may read and add what the app reads and adds")
    yield from _excess(settings, sorted(held - set(needed)))


def _needed(settings: SnowflakeSettings) -> list[Grant]:
    database, schema = settings.database.upper(), f"{settings.database}.{settings.schema}".upper()
    return [
        ("USAGE", "WAREHOUSE", settings.warehouse.upper()),
        ("USAGE", "DATABASE", database),
        ("USAGE", "SCHEMA", schema),
        *((privilege, "TABLE", f"{schema}.{table}") for table in WRITTEN for privilege in ("SELECT", "INSERT")),
        *(("SELECT", "VIEW", f"{schema}.{view}") for view in VIEWS),
    ]


def _is_there(grant: Grant, visible: Collection[str]) -> bool:
    _, kind, name = grant
    return kind not in {"TABLE", "VIEW"} or name.rpartition(".")[2] in visible


def _excess(settings: SnowflakeSettings, grants: Sequence[Grant]) -> Iterator[Finding]:
    if not grants:
        return
    shown = [f"{privilege} on {kind.lower()} {name}" for privilege, kind, name in grants[:SHOWN]]
    more = f" and {len(grants) - SHOWN} more" if len(grants) > SHOWN else ""
    mend = "\n".join(_revoke(settings, grant) for grant in grants[:SHOWN])
    what = f"{settings.role} may do more than the app needs: {', '.join(shown)}{more}"
    yield warn(MORE, what, cause="a defect, or a stolen identity, could do as much harm", mend=mend)


def _revoke(settings: SnowflakeSettings, grant: Grant) -> str:
    privilege, kind, name = grant
    if privilege == OWNERSHIP:
        text = f"GRANT OWNERSHIP ON {kind} {name} TO ROLE <owner role> COPY CURRENT GRANTS"
    elif kind == "ROLE":
        text = f"REVOKE ROLE {name} FROM ROLE {settings.role}"
    else:
        text = f"REVOKE {privilege} ON {kind} {name} FROM ROLE {settings.role}"
    return command("snow", "sql", "--query", text)


def _plain(name: str) -> str:
    """Names that need no quotes have none here."""
    return name.replace('"', "")
