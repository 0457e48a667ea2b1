"""Which privileges were granted, so that SHOW GRANTS can say it; nothing is refused for want of one but a login."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from bridge.local.snowflake import answers
from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import identifier, without_comments

_NAME = r"(?:IDENTIFIER\s*\(\s*'?)?(?P<{}>\"[^\"]+\"|[\w$.\"]+)(?:'?\s*\))?"
_TO = rf"(?:TO|FROM)\s+(?P<to>ROLE|USER)\s+{_NAME.format('grantee')}"
_PRIVILEGES = re.compile(
    rf"(?P<verb>GRANT|REVOKE)\s+(?P<privileges>[A-Z ,]+?)\s+ON\s+(?P<kind>[A-Z ]+?)\s+(?P<object>\S+|\S+\s*\([^)]*\))"
    rf"\s+{_TO}",
    re.I,
)
_ON_ACCOUNT = re.compile(rf"(?P<verb>GRANT|REVOKE)\s+(?P<privileges>[A-Z ,]+?)\s+ON\s+ACCOUNT\s+{_TO}", re.I)
_ROLE = re.compile(rf"(?P<verb>GRANT|REVOKE)\s+ROLE\s+{_NAME.format('role')}\s+{_TO}", re.I)
_USER = re.compile(rf"CREATE\s+(?:OR\s+REPLACE\s+)?USER\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME.format('user')}", re.I)
_SHOW = re.compile(rf"SHOW\s+GRANTS(?:\s+TO\s+(?P<to>ROLE|USER)\s+{_NAME.format('grantee')})?\s*;?\s*$", re.I)
_COLUMNS = (
    "created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by",
)  # fmt: skip
_COLUMNS_OF_USER = ("created_on", "role", "granted_to", "grantee_name", "granted_by")
_WITHOUT_SCHEMA = frozenset({"DATABASE", "WAREHOUSE", "INTEGRATION", "ROLE", "USER", "ACCOUNT", "RESOURCE MONITOR"})

#: Kind of grantee and its name.
_Grantee = tuple[str, str]
#: Privilege, kind of object, its name.
_Grant = tuple[str, str, str]


class Grants:
    """Hears every GRANT and REVOKE, and answers SHOW GRANTS; a feature that leaves the statements to the no-ops."""

    def __init__(self, inlined: Callable[[Session, str], str]) -> None:
        self._inlined = inlined
        self._held: dict[_Grantee, dict[_Grant, str]] = {}
        #: Made by CREATE USER: only their roles are checked when they log in.
        self._users: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, session: Session, request: StatementRequest) -> answers.JsonObject | None:
        sql = without_comments(request.sql).strip()
        verb = sql[:6].upper()
        if verb in {"GRANT ", "REVOKE"}:
            self._hear(session, self._inlined(session, sql))
        elif user := _USER.match(sql):
            with self._lock:
                self._users.add(identifier(user["user"]))
        elif sql[:11].upper() == "SHOW GRANTS":
            return self._show(session, request, self._inlined(session, sql))
        return None

    def check_login(self, user: str, role: str | None) -> None:
        """Raises: StatementFailed when the user was made here and does not have the role."""
        with self._lock:
            held = self._held.get(("USER", user), {})
            if role is None or user not in self._users or any(grant[2] == role for grant in held):
                return
        raise StatementFailed(
            390189,
            "08001",
            f"Role '{role}' specified in the connect string is not granted to this user. Contact your local system "
            "administrator, or attempt to login with another role, e.g. PUBLIC.",
        )

    def _hear(self, session: Session, sql: str) -> None:
        if role := _ROLE.match(sql):
            self._change(role, [("USAGE", "ROLE", identifier(role["role"]))])
        elif account := _ON_ACCOUNT.match(sql):
            self._change(account, [(privilege, "ACCOUNT", session.account) for privilege in _listed(account)])
        elif found := _PRIVILEGES.match(sql):
            kind = " ".join(found["kind"].upper().split())
            name = _full_name(session, kind, found["object"])
            self._change(found, [(privilege, kind, name) for privilege in _listed(found)])

    def _change(self, found: re.Match[str], grants: list[_Grant]) -> None:
        grantee = (found["to"].upper(), identifier(found["grantee"]))
        now = datetime.now(UTC).isoformat()
        with self._lock:
            held = self._held.setdefault(grantee, {})
            for grant in grants:
                if found["verb"].upper() == "GRANT":
                    held.setdefault(grant, now)
                else:
                    held.pop(grant, None)

    def _show(self, session: Session, request: StatementRequest, sql: str) -> answers.JsonObject:
        found = _SHOW.match(sql)
        if found is None:
            raise compilation_error(2, "0A000", "The laptop's Snowflake has SHOW GRANTS TO ROLE and TO USER only.")
        kind = (found["to"] or "USER").upper()
        name = identifier(found["grantee"]) if found["grantee"] else session.user
        with self._lock:
            held = dict(self._held.get((kind, name), {}))
        if kind == "USER":
            roles = [[at, grant[2], "USER", name, "LAPTOP"] for grant, at in held.items()]
            return answers.table(session, request.query_id, _COLUMNS_OF_USER, roles)
        rows = [[at, *grant, "ROLE", name, "false", "LAPTOP"] for grant, at in held.items()]
        return answers.table(session, request.query_id, _COLUMNS, rows)


def _listed(found: re.Match[str]) -> list[str]:
    return [" ".join(each.upper().split()) for each in found["privileges"].split(",")]


def _full_name(session: Session, kind: str, name: str) -> str:
    """As SHOW GRANTS writes it; what lies in a schema has all its parts."""
    parts = [identifier(part) for part in name.split(".")] if "(" not in name else [name.upper()]
    if kind in _WITHOUT_SCHEMA:
        return ".".join(parts)
    here = [session.connection.database or "", session.connection.schema or ""]
    wanted = 2 if kind == "SCHEMA" else 3
    return ".".join([*here[: max(0, wanted - len(parts))], *parts])
