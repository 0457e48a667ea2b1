"""Does Snowflake let the app in, and is the ledger there as the app needs it?"""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.doctor.findings import Finding, fail, ok, skipped
from bridge.doctor.ledger_checks import check_grants, check_tables, check_views
from bridge.doctor.mends import command, sql_deploy
from bridge.doctor.snowflake_session import SnowflakeRefused, SnowflakeSession
from bridge.doctor.subject import Subject
from bridge.settings.snowflake import SnowflakeSettings

LOGIN, ROLE = "snowflake.login", "snowflake.role"
WAREHOUSE, SCHEMA = "snowflake.warehouse", "snowflake.schema"
#: The name of its clock.
SERVICE = "Snowflake"
ACCOUNT_SCRIPT = "010_account.sql"
#: A role that is not there, or not granted to the user.
ROLE_REFUSED = frozenset({390186, 390189})
NO_WAREHOUSE = 606
#: The connector's own numbers: time was up, no connection. A refusal has one of Snowflake's.
NO_ANSWER = frozenset({14, 250001})


def check_snowflake(subject: Subject) -> Iterator[Finding]:
    """Login, then what the session has, then the ledger."""
    settings = subject.settings.snowflake
    if settings.authenticator == "WORKLOAD_IDENTITY" and "IDENTITY_ENDPOINT" not in os.environ:
        yield _not_here()
        return
    try:
        with SnowflakeSession.opened(settings.connection_arguments()) as session:
            yield ok(LOGIN, f"Snowflake lets {settings.user} in, by {settings.authenticator}")
            yield from _ledger(subject, session)
    except SnowflakeRefused as error:
        yield _refused(subject, error)


def _not_here() -> Finding:
    what = "Snowflake: not looked at"
    cause = "the app logs in with its managed identity, which this machine does not have"
    mend = (
        "run the doctor with a token for a user who has the app's role: SNOWFLAKE_USER=<user> "
        "SNOWFLAKE_AUTHENTICATOR=PROGRAMMATIC_ACCESS_TOKEN SNOWFLAKE_TOKEN=<token> python -m bridge doctor"
    )
    return skipped(LOGIN, what, cause, mend=mend)


def _ledger(subject: Subject, session: SnowflakeSession) -> Iterator[Finding]:
    settings = subject.settings.snowflake
    (context,) = session.rows("context")
    if isinstance(context["now"], datetime):
        subject.clocks.note(SERVICE, context["now"].astimezone(UTC))
    problems = list(_context(settings, context))
    yield from problems
    if problems:
        yield skipped("snowflake.tables", "the ledger: not looked at", f"it needs {problems[0].check}")
        return
    session.rows("remember_role")
    grants = session.rows("grants")
    try:
        columns, views = session.rows("columns"), session.rows("views")
    except SnowflakeRefused as error:
        yield _no_query(settings, error)
        return
    yield from check_tables(settings, columns)
    yield from check_views(settings, views)
    yield from check_grants(settings, grants, {str(each["table_name"]) for each in (*columns, *views)})


def _context(settings: SnowflakeSettings, context: Mapping[str, Any]) -> Iterator[Finding]:
    role = str(context["role"] or "")
    if role.upper() != settings.role.upper():
        what = f"the session has the role {role or 'none'}, not {settings.role}"
        yield fail(ROLE, what, cause="SNOWFLAKE_ROLE names another one", mend=_grant_role(settings))
    if not context["warehouse"]:
        what = f"there is no warehouse {settings.warehouse} for {settings.role}"
        cause = "it does not exist, or the role may not use it"
        yield fail(WAREHOUSE, what, cause=cause, mend=sql_deploy(ACCOUNT_SCRIPT))
    for name, wanted in (("database", settings.database), ("schema", settings.schema)):
        if not context[name]:
            what = f"there is no {name} {wanted} for {settings.role}"
            cause = "it does not exist, or the role may not use it"
            yield fail(SCHEMA, what, cause=cause, mend=sql_deploy())
            return


def _no_query(settings: SnowflakeSettings, error: SnowflakeRefused) -> Finding:
    if error.number == NO_WAREHOUSE:
        what = f"warehouse {settings.warehouse} cannot be used by {settings.role}"
        return fail(WAREHOUSE, what, cause=str(error), mend=sql_deploy(ACCOUNT_SCRIPT))
    return fail(SCHEMA, "the ledger cannot be read", cause=f"{error.number} {error}", mend=sql_deploy())


def _refused(subject: Subject, error: SnowflakeRefused) -> Finding:
    settings = subject.settings.snowflake
    if error.number in ROLE_REFUSED:
        what = f"{settings.user} may not have the role {settings.role}"
        return fail(ROLE, what, cause=str(error), mend=_grant_role(settings))
    if error.number in NO_ANSWER:
        return _unreached(subject, error)
    what = f"Snowflake refuses the login of {settings.user} by {settings.authenticator}"
    return fail(LOGIN, what, cause=str(error), mend=_login_mend(subject))


def _unreached(subject: Subject, error: SnowflakeRefused) -> Finding:
    account = subject.settings.snowflake.account
    cause = f"{error}; is SNOWFLAKE_ACCOUNT right, and may this machine reach it?"
    if subject.mends.is_local:
        mend = subject.mends.restart()
    else:
        mend = subject.mends.set_setting("SNOWFLAKE_ACCOUNT", "<organization>-<account>")
    return fail(LOGIN, f"Snowflake does not answer for the account {account}", cause=cause, mend=mend)


def _grant_role(settings: SnowflakeSettings) -> str:
    return command("snow", "sql", "--query", f"GRANT ROLE {settings.role} TO USER {settings.user}")


def _login_mend(subject: Subject) -> str:
    settings = subject.settings.snowflake
    match settings.authenticator:
        case "WORKLOAD_IDENTITY":
            return f"{sql_deploy(ACCOUNT_SCRIPT)}    # with app_identity_id and tenant_id of the app in values.yaml"
        case "SNOWFLAKE_JWT":
            key = f"ALTER USER {settings.user} SET RSA_PUBLIC_KEY = '<public key>'"
            return command("snow", "sql", "--query", key)
        case "SNOWFLAKE":
            return subject.mends.set_setting("SNOWFLAKE_PASSWORD", "<password>")
        case _:
            return subject.mends.set_setting("SNOWFLAKE_TOKEN", "<a new token>")
