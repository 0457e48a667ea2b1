"""Names that Snowflake does not have stand nowhere but in the table that tells what to use instead."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.deploy.rendering import ROOT

INVENTED = (
    r"SYSTEM\$HTTP\b",
    r"CREATE\s+ACCOUNT\s+PARAMETER",
    r"GET_ACCOUNT_PARAMETER",
    r"SYSTEM\$WHEN_EXTERNAL_FUNCTION",
    r"API_PROVIDER\s*=\s*'?AZURE_(?:AD|EVENT_GRID)\b",
    r"BASE64_HMAC",
)
#: Every system function that is used anywhere, so that a misspelt one is found: parsers take any.
SYSTEM_FUNCTIONS = {
    "SYSTEM$GET_PREDECESSOR_RETURN_VALUE",
    "SYSTEM$GET_SERVICE_LOGS",
    "SYSTEM$ISSUE_WORKLOAD_IDENTITY_FEDERATION_TOKEN",
    "SYSTEM$SEND_SNOWFLAKE_NOTIFICATION",
    "SYSTEM$SET_RETURN_VALUE",
    "SYSTEM$STREAM_HAS_DATA",
    "SYSTEM$TASK_RUNTIME_INFO",
    "SYSTEM$WAIT",
}
#: In it, rows of tables may name what does not exist.
REPLACEMENTS = ROOT / "docs" / "snowflake.md"


def texts() -> Iterator[Path]:
    yield ROOT / "README.md"
    for directory, pattern in (("sql", "*"), ("docs", "*"), ("bridge/procedures", "*.py")):
        yield from (
            file for file in sorted((ROOT / directory).rglob(pattern)) if file.is_file() and file.suffix != ".png"
        )


def invented_names(line: str) -> list[str]:
    return [pattern for pattern in INVENTED if re.search(pattern, line, re.IGNORECASE)]


def unknown_functions(line: str) -> set[str]:
    return {name.upper() for name in re.findall(r"\bSYSTEM\$\w+", line, re.IGNORECASE)} - SYSTEM_FUNCTIONS


def test_nothing_uses_what_does_not_exist() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in texts()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (invented_names(line) or unknown_functions(line)) and not (file == REPLACEMENTS and line.startswith("|"))
    ]

    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "SELECT SYSTEM$HTTP('https://x')",
        "create account parameter x",
        "API_PROVIDER = azure_ad",
        "API_PROVIDER = AZURE_EVENT_GRID",
        "SELECT BASE64_HMAC(x, y)",
    ],
)
def test_invented_names_are_recognised(line: str) -> None:
    assert invented_names(line)


def test_the_real_provider_is_not_taken_for_an_invented_one() -> None:
    assert not invented_names("API_PROVIDER = azure_api_management")
    assert not invented_names("NOTIFICATION_PROVIDER = AZURE_EVENT_GRID")


def test_a_misspelt_system_function_is_recognised() -> None:
    assert unknown_functions("WHEN SYSTEM$STREAM_HAS_DATE('S')") == {"SYSTEM$STREAM_HAS_DATE"}
