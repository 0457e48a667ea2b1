"""The parts of the laptop's Snowflake put together."""

from typing import Any

from fakesnow.instance import GLOBAL_DATABASE_NAME, FakeSnow

from bridge.local.faults import FaultPlan
from bridge.local.snowflake.external_functions import ExternalFunctions
from bridge.local.snowflake.features import Feature
from bridge.local.snowflake.grants import Grants
from bridge.local.snowflake.no_ops import NoOpLog
from bridge.local.snowflake.orchestration import Orchestration
from bridge.local.snowflake.procedures.feature import Procedures
from bridge.local.snowflake.queries import Queries
from bridge.local.snowflake.sessions import Sessions
from bridge.local.snowflake.stages.feature import StageFeature
from bridge.local.snowflake.statement_log import StatementLog
from bridge.local.snowflake.statements import StatementRunner
from bridge.local.snowflake.url_map import UrlMap

_TABLES = """
    SELECT database_name, schema_name, table_name FROM duckdb_tables()
    WHERE NOT internal AND NOT temporary AND database_name <> ? AND NOT starts_with(lower(schema_name), '_fs_')
"""


class SnowflakeEmulator:
    """One Snowflake account on the laptop: databases, sessions, functions, and what happened."""

    def __init__(self, *, port: int, external_function_timeout: float, answer_within: float) -> None:
        self.faults = FaultPlan()
        self.url_map = UrlMap()
        self.no_ops = NoOpLog()
        self.statements = StatementLog()
        self._databases = FakeSnow()
        self.sessions = Sessions(self._databases)
        self.functions = ExternalFunctions(
            self._databases.duck_conn.cursor(), self.sessions.query_of, self.url_map, external_function_timeout
        )
        self.runner = StatementRunner(self.functions, self.no_ops)
        self.queries = Queries(self.runner, self.faults, self.statements, answer_within)
        self.procedures = Procedures(
            runner=self.runner,
            sessions=self.sessions,
            url_map=self.url_map,
            no_ops=self.no_ops,
            new_connection=self._databases.duck_conn.cursor,
            port=port,
        )
        self.stages = StageFeature(self._databases.duck_conn.cursor(), self.runner.table_of)
        #: Asked in this order: more abilities are appended to this list.
        self.grants = Grants(self.runner.inlined)
        features: list[Feature] = [self.grants, self.procedures, self.stages]
        self.runner.features.extend(features)
        self.orchestration = Orchestration(
            self.runner, self.sessions, self.queries, self.url_map, self._databases.duck_conn.cursor()
        )

    def advance(self, seconds: float) -> None:
        """Do nothing: nothing in here waits for a due time."""

    def reset(self) -> None:
        """Empty every table and forget what happened; tables, functions, the URL map and sessions stay."""
        self.statements.clear()
        self.no_ops.clear()
        self.orchestration.clear()
        self.stages.reset()
        connection: Any = self._databases.duck_conn.cursor()
        for names in connection.execute(_TABLES, [GLOBAL_DATABASE_NAME]).fetchall():
            table = ".".join('"' + name.replace('"', '""') + '"' for name in names)
            connection.execute(f"DELETE FROM {table}")
        connection.close()

    def close(self) -> None:
        """Remove what lies on the disk."""
        self.stages.close()
