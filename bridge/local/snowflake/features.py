"""What a part of the laptop's Snowflake that answers statements by itself looks like."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from bridge.local.snowflake.answers import JsonObject
from bridge.local.snowflake.sessions import Session


@dataclass(frozen=True, kw_only=True)
class StatementRequest:
    """One statement as a client sends it."""

    query_id: str
    sql: str
    bindings: dict[str, dict[str, Any]] = field(default_factory=dict)
    describe_only: bool = False


class Feature(Protocol):
    """Statements that DuckDB cannot have and that are carried out here all the same."""

    def answer(self, session: Session, request: StatementRequest) -> JsonObject | None:
        """The answer of a statement that is this feature's, None for any other.

        Raises:
            StatementFailed: the statement is refused.
        """


class Rewriter(Protocol):
    """Changes a statement's syntax tree before anything else does, for what DuckDB would not know in it."""

    def rewritten(self, session: Session, statement: Any) -> Any:
        """The tree, changed in place or another; whoever changes it marks the session's query as not repeatable.

        Raises:
            StatementFailed: the statement is refused.
        """
