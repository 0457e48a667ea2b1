"""Making procedures in Python, as the tests of them do."""

from textwrap import dedent
from typing import Any

from tests.emulators.snowflake_service import rows


def create(connection: Any, signature: str, body: str, *, returns: str = "VARIANT", options: str = "") -> None:
    """A procedure whose handler is `run` of this body."""
    rows(
        connection,
        f"CREATE OR REPLACE PROCEDURE {signature} RETURNS {returns} LANGUAGE PYTHON RUNTIME_VERSION = '3.12' "
        f"PACKAGES = ('snowflake-snowpark-python', 'requests') HANDLER = 'run' {options} AS $$\n{dedent(body)}\n$$",
    )
