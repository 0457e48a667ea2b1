"""What Snowflake does by itself, put together: tasks, streams, notifications and SQL functions over one emulator."""

from typing import Any

from bridge.local.snowflake.alerts import Alert, Alerts
from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.notifications import Notifications, application_json, integration
from bridge.local.snowflake.queries import Queries
from bridge.local.snowflake.sessions import Session, Sessions
from bridge.local.snowflake.sql_functions import SqlFunctions
from bridge.local.snowflake.statements import StatementRunner
from bridge.local.snowflake.streams import Streams
from bridge.local.snowflake.system_functions import SystemFunctions
from bridge.local.snowflake.task_graphs import Surroundings, Task
from bridge.local.snowflake.tasks import Tasks
from bridge.local.snowflake.url_map import UrlMap

_NOTIFICATION = ("SNOWFLAKE", "NOTIFICATION")
_ALERT = ("SNOWFLAKE", "ALERT")


class Orchestration:
    """The features and rewriters, added to the runner of statements."""

    def __init__(
        self, runner: StatementRunner, sessions: Sessions, queries: Queries, url_map: UrlMap, connection: Any
    ) -> None:
        self._sessions = sessions
        self._queries = queries
        self.notifications = Notifications(url_map)
        self.tasks = Tasks(
            Surroundings(
                open_session=self._open_session,
                end_session=sessions.end,
                run_statement=self._run,
                notify=self.notifications.notify,
            ),
            self.notifications.has,
        )
        self.alerts = Alerts(open_session=self._open_session, end_session=sessions.end, run_statement=self._run)
        functions = SystemFunctions(runner)
        functions.register(
            "SYSTEM$SEND_SNOWFLAKE_NOTIFICATION", self.notifications.call, has_effect=True, most_arguments=2
        )
        functions.register_expansion((*_NOTIFICATION, "APPLICATION_JSON"), application_json)
        functions.register_expansion((*_NOTIFICATION, "INTEGRATION"), integration)
        # Before all others: it sees every statement of a task, and CALL SYSTEM$… calls no procedure.
        runner.features.insert(0, functions)
        functions.register_expansion((*_ALERT, "SCHEDULED_TIME"), self.alerts.scheduled_time)
        functions.register_expansion((*_ALERT, "LAST_SUCCESSFUL_SCHEDULED_TIME"), self.alerts.last_successful_time)
        sql_functions, streams = SqlFunctions(), Streams(runner, connection)
        functions.register("SYSTEM$STREAM_HAS_DATA", streams.has_data)
        runner.features += [self.tasks, self.alerts, self.notifications, sql_functions, streams]
        # What the bodies of SQL functions hold is looked at after them.
        runner.rewriters += [sql_functions, streams, functions]

    def clear(self) -> None:
        """Forget what happened; what was created stays."""
        self.tasks.clear()
        self.alerts.clear()
        self.notifications.clear()

    def _open_session(self, owned: Task | Alert) -> Session:
        database, schema, _ = owned.path
        credentials: dict[str, Any] = {"LOGIN_NAME": "SYSTEM", "PASSWORD": "SYSTEM", "ACCOUNT_NAME": owned.account}
        names = {"databaseName": database, "schemaName": schema, "roleName": owned.role}
        return self._sessions.log_in(credentials, names | {"warehouse": owned.options.get("WAREHOUSE", "")})

    def _run(self, session: Session, sql: str) -> tuple[str, JsonObject]:
        return self._queries.run_unasked(session, sql)
