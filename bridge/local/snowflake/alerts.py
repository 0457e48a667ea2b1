"""Alerts: kept as they are created, evaluated when EXECUTE ALERT asks for it. No schedule ever fires by itself."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from bridge.local.snowflake import answers
from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.errors import StatementFailed, compilation_error, unsupported
from bridge.local.snowflake.external_functions import Path, full_path
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.procedures.reading import Reader, text
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import without_comments

_OF_ALERTS = re.compile(r"(?:CREATE\s+(?:OR\s+REPLACE\s+)?|ALTER\s+|DROP\s+|EXECUTE\s+)ALERT\b", re.I)


@dataclass(kw_only=True, eq=False)
class AlertRun:
    """One evaluation, as ALERT_HISTORY would tell it."""

    scheduled_at: datetime
    #: EXECUTING, CONDITION_FALSE, CONDITION_FAILED, ACTION_FAILED or TRIGGERED.
    state: str = "EXECUTING"
    error: str | None = None


@dataclass(kw_only=True, eq=False)
class Alert:
    """One alert."""

    path: Path
    options: dict[str, str]
    #: The query within IF (EXISTS (..)).
    condition: str
    action: str
    role: str
    account: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    runs: list[AlertRun] = field(default_factory=list)

    def last_successful(self, before: AlertRun) -> datetime:
        """When the alert was last evaluated without an error; before the first time, when it was created."""
        earlier = self.runs[: self.runs.index(before)]
        times = [run.scheduled_at for run in earlier if run.state in {"CONDITION_FALSE", "TRIGGERED"}]
        return times[-1] if times else self.created_at


class Alerts:
    """The feature. It leaves the answers of their DDL to the no-ops: no schedule is kept to."""

    def __init__(
        self,
        *,
        open_session: Callable[[Alert], Session],
        end_session: Callable[[Session], None],
        run_statement: Callable[[Session, str], tuple[str, JsonObject]],
    ) -> None:
        self._open_session = open_session
        self._end_session = end_session
        self._run_statement = run_statement
        self._alerts: dict[Path, Alert] = {}
        self._running: dict[int, tuple[Alert, AlertRun]] = {}
        self._lock = threading.Lock()

    def answer(self, session: Session, request: StatementRequest) -> JsonObject | None:
        if _OF_ALERTS.match(without_comments(request.sql)) is None or request.describe_only:
            return None
        reader = Reader(request.sql)
        verb = reader.word()
        replaces = reader.take("OR", "REPLACE")
        reader.expect("ALERT")
        careful = reader.take("IF", "NOT", "EXISTS") or reader.take("IF", "EXISTS")
        path = full_path(reader.path(), session.connection.database or "", session.connection.schema or "")
        with self._lock:
            known = self._alerts.get(path)
            if verb == "CREATE":
                if known is not None and not replaces and not careful:
                    raise compilation_error(2002, "42710", f"Object '{path[-1]}' already exists.")
                if known is None or replaces:
                    self._alerts[path] = _parsed(session, path, reader)
                return None
            if known is None and careful:
                return None
            if known is None:
                name = ".".join(path)
                raise compilation_error(2003, "02000", f"Alert '{name}' does not exist or not authorized.")
            if verb == "ALTER":
                if not (reader.sees("RESUME") or reader.sees("SUSPEND")):
                    raise unsupported("ALTER ALERT other than RESUME and SUSPEND")
                return None
            if verb == "DROP":
                del self._alerts[path]
                return None
        threading.Thread(target=self._run, args=(known,), daemon=True).start()
        return answers.status_row(session, request.query_id, f"Alert {path[-1]} is scheduled to run immediately.")

    def scheduled_time(self, session: Session, _: list[Any]) -> Any:
        """SNOWFLAKE.ALERT.SCHEDULED_TIME."""
        _alert, run = self._within(session)
        return _timestamp(run.scheduled_at)

    def last_successful_time(self, session: Session, _: list[Any]) -> Any:
        """SNOWFLAKE.ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME."""
        alert, run = self._within(session)
        return _timestamp(alert.last_successful(run))

    def clear(self) -> None:
        """Forget the evaluations; the alerts stay."""
        with self._lock:
            for alert in self._alerts.values():
                alert.runs = []

    def to_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {
                    "name": ".".join(alert.path),
                    "condition": alert.condition,
                    "action": alert.action,
                    "runs": [
                        {"scheduled_at": run.scheduled_at.isoformat(), "state": run.state, "error": run.error}
                        for run in alert.runs
                    ],
                }
                for alert in self._alerts.values()
            ]

    def _run(self, alert: Alert) -> None:
        run = AlertRun(scheduled_at=datetime.now(UTC))
        with self._lock:
            alert.runs = [*alert.runs, run]
        session = self._open_session(alert)
        self._running[session.id] = alert, run
        try:
            # The rows themselves are of no use; a condition need not be a SELECT.
            _, answer = self._run_statement(session, alert.condition)
            if not answer["success"]:
                run.error, run.state = answer["message"], "CONDITION_FAILED"
                return
            if not answer["data"]["returned"]:
                run.state = "CONDITION_FALSE"
                return
            _, answer = self._run_statement(session, alert.action)
            run.error = None if answer["success"] else answer["message"]
            run.state = "TRIGGERED" if answer["success"] else "ACTION_FAILED"
        finally:
            del self._running[session.id]
            self._end_session(session)

    def _within(self, session: Session) -> tuple[Alert, AlertRun]:
        found = self._running.get(session.id)
        if found is None:
            raise StatementFailed(603, "XX000", "Functions of SNOWFLAKE.ALERT must be called from within an alert.")
        return found


def _parsed(session: Session, path: Path, reader: Reader) -> Alert:
    """The statement from the options on."""
    options: dict[str, str] = {}
    while not reader.sees("IF"):
        name = reader.word()
        reader.expect("=")
        options[name] = text(reader.value())
    reader.expect("IF", "(", "EXISTS", "(")
    condition = reader.until(")")
    reader.expect(")", ")", "THEN")
    action = reader.until()
    if not action:
        raise reader.unexpected()
    return Alert(
        path=path, options=options, condition=condition, action=action, role=session.role, account=session.account
    )


def _timestamp(at: datetime) -> Any:
    return exp.cast(exp.Literal.string(at.isoformat()), "TIMESTAMPTZ")
