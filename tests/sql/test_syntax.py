"""Every statement is parsed by sqlfluff's Snowflake dialect, one by one; what it does not know is checked by option."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import pytest
from sqlfluff.core import FluffConfig, Linter
from sqlfluff.core.parser import BaseSegment

from tests.sql.every_script import Statement, every_statement


@dataclass(frozen=True)
class Unknown:
    """A statement that the dialect lacks, and what stands in for the parser."""

    pattern: str
    why: str
    #: Options that the statement may have; those that are true are compulsory.
    options: Mapping[str, bool]


_SERVICE_FUNCTION = (
    r"CREATE OR REPLACE FUNCTION \w+\([^)]*\) RETURNS VARIANT NOT NULL CALLED ON NULL INPUT VOLATILE SERVICE ="
)
#: Its text is checked as YAML, in `test_service.py`.
_SPECIFICATION = r"FROM SPECIFICATION \$\$ spec: .* \$\$"
UNKNOWN = (
    Unknown(
        r"CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION \w+ ",
        "sqlfluff 4.5 has no external access integrations",
        {
            "ALLOWED_NETWORK_RULES": True,
            "ALLOWED_AUTHENTICATION_SECRETS": False,
            "ENABLED": True,
            "COMMENT": True,
        },
    ),
    Unknown(
        r"CREATE SECRET IF NOT EXISTS \w+ TYPE = WORKLOAD_IDENTITY_FEDERATION\b",
        "sqlfluff 4.5 does not know this type of secret",
        {"TYPE": True, "COMMENT": False},
    ),
    Unknown(
        r"ALTER API INTEGRATION \w+ SET ",
        "sqlfluff 4.5 alters no API integrations",
        {"AZURE_AD_APPLICATION_ID": True, "API_ALLOWED_PREFIXES": True},
    ),
    Unknown(
        _SERVICE_FUNCTION,
        "sqlfluff 4.5 has no service functions",
        {"SERVICE": True, "ENDPOINT": True, "COMMENT": True, "CONTEXT_HEADERS": True, "MAX_BATCH_ROWS": False},
    ),
    Unknown(r"DROP NETWORK RULE IF EXISTS \w+$", "sqlfluff 4.5 drops no network rules", {}),
    Unknown(
        r"CREATE COMPUTE POOL IF NOT EXISTS \w+ MIN_NODES =",
        "sqlfluff 4.5 has no compute pools",
        {
            "MIN_NODES": True,
            "MAX_NODES": True,
            "INSTANCE_FAMILY": True,
            "AUTO_RESUME": True,
            "INITIALLY_SUSPENDED": True,
            "AUTO_SUSPEND_SECS": True,
            "COMMENT": True,
        },
    ),
    Unknown(r"ALTER COMPUTE POOL \w+ SET ", "as above", {"MAX_NODES": True}),
    Unknown(r"GRANT (?:USAGE|MONITOR, OPERATE) ON COMPUTE POOL \w+ TO ROLE \w+$", "as above", {}),
    Unknown(r"DROP COMPUTE POOL IF EXISTS \w+$", "as above", {}),
    Unknown(r"CREATE IMAGE REPOSITORY IF NOT EXISTS \w+ ", "sqlfluff 4.5 has no image repositories", {"COMMENT": True}),
    Unknown(r"GRANT READ ON IMAGE REPOSITORY \w+ TO ROLE \w+$", "as above", {}),
    Unknown(r"DROP IMAGE REPOSITORY IF EXISTS \w+$", "as above", {}),
    Unknown(
        rf"CREATE SERVICE IF NOT EXISTS \w+ IN COMPUTE POOL \w+ {_SPECIFICATION} EXTERNAL_ACCESS_INTEGRATIONS =",
        "sqlfluff 4.5 has no services",
        {
            "EXTERNAL_ACCESS_INTEGRATIONS": True,
            "AUTO_RESUME": True,
            "MIN_INSTANCES": True,
            "MAX_INSTANCES": True,
            "QUERY_WAREHOUSE": True,
            "COMMENT": True,
        },
    ),
    Unknown(rf"ALTER SERVICE \w+ {_SPECIFICATION}$", "as above", {}),
    Unknown(
        r"ALTER SERVICE \w+ SET ",
        "as above",
        {"EXTERNAL_ACCESS_INTEGRATIONS": True, "MAX_INSTANCES": True, "QUERY_WAREHOUSE": True},
    ),
    Unknown(r"GRANT USAGE, CREATE SERVICE ON SCHEMA \w+ TO ROLE \w+$", "as above", {}),
    Unknown(r"GRANT SERVICE ROLE \w+!CALLERS TO ROLE \w+$", "as above", {}),
    Unknown(r"DROP SERVICE IF EXISTS \w+$", "as above", {}),
)
#: The parser takes any option of a task for a session parameter.
TASK_OPTIONS = {
    "WAREHOUSE": True,
    "COMMENT": True,
    "SCHEDULE": False,
    "TIMEZONE": False,
    "SUSPEND_TASK_AFTER_NUM_FAILURES": False,
    "TASK_AUTO_RETRY_ATTEMPTS": False,
    "ERROR_INTEGRATION": False,
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS": False,
}


@cache
def _linter() -> Linter:
    return Linter(config=FluffConfig(overrides={"dialect": "snowflake", "large_file_skip_byte_limit": 0}))


def syntax_errors(text: str) -> list[str]:
    parsed = _linter().parse_string(f"{text};\n")
    found = [violation.desc() for violation in parsed.violations]
    if not found and "unparsable" in parsed.tree.type_set():
        found.append("cannot be parsed")
    return found


def parsed_segments(text: str, kind: str) -> list[BaseSegment]:
    """The parts of one kind in a statement, outermost first."""
    return list(_linter().parse_string(f"{text.strip().removesuffix(';')};\n").tree.recursive_crawl(kind))


def unknown_kind(statement: Statement) -> Unknown | None:
    flat = " ".join(statement.text.split())
    return next((kind for kind in UNKNOWN if re.match(kind.pattern, flat)), None)


def option_errors(text: str, options: Mapping[str, bool]) -> list[str]:
    bare = re.sub(r"'(?:[^'\\]|\\.|'')*'", "''", text)
    given = re.findall(r"(\w+)\s*=", bare)
    wrong = [f"{name} is no option of it" for name in given if name not in options]
    wrong += [f"{name} is missing" for name, compulsory in options.items() if compulsory and name not in given]
    wrong += [f"{name} is given twice" for name in set(given) if given.count(name) > 1]
    if bare.count("(") != bare.count(")"):
        wrong.append("a bracket is not closed")
    return wrong


def test_every_statement_is_one_that_the_parser_accepts() -> None:
    found = {
        statement.place: errors
        for statement in every_statement()
        if unknown_kind(statement) is None and (errors := syntax_errors(statement.text))
    }

    assert not found


def test_statements_that_the_parser_does_not_know_have_only_options_that_exist() -> None:
    found = {
        statement.place: errors
        for statement in every_statement()
        if (kind := unknown_kind(statement)) and (errors := option_errors(statement.text, kind.options))
    }

    assert not found


def test_tasks_have_only_options_that_exist() -> None:
    tasks = [statement for statement in every_statement() if re.match(r"CREATE\b.*? TASK ", statement.text)]
    heads = {task.place: re.split(r"\bAS\s", task.text, maxsplit=1)[0] for task in tasks}

    found = {place: errors for place, head in heads.items() if (errors := option_errors(head, TASK_OPTIONS))}

    assert len(heads) >= 8
    assert not found


def test_no_failure_suspends_a_graph_for_good() -> None:
    tasks = [statement for statement in every_statement() if re.match(r"CREATE\b.*? TASK ", statement.text)]
    roots = [task for task in tasks if not re.search(r"^  AFTER ", task.text, re.MULTILINE)]

    assert len(roots) >= 8
    assert not [task.place for task in roots if "SUSPEND_TASK_AFTER_NUM_FAILURES = 0\n" not in task.text]


def test_options_of_service_functions_stand_in_the_documented_order() -> None:
    order = ("SERVICE =", "ENDPOINT =", "COMMENT =", "CONTEXT_HEADERS =", "MAX_BATCH_ROWS =", "AS '")
    functions = [item.text for item in every_statement() if item.script.startswith("078_")]

    for text in functions:
        places = [text.index(option) for option in order if option in text]
        assert places == sorted(places), text


def test_dates_of_a_schedule_do_not_depend_on_a_session() -> None:
    tasks = [item for item in every_statement() if re.match(r"CREATE\b.*? TASK ", item.text)]
    dated = [item for item in tasks if re.search(r"CURRENT_DATE|::DATE|TO_DATE|TRUNC", item.text)]

    assert dated
    assert not [item.place for item in dated if "TIMEZONE = 'UTC'" not in item.text]


def test_each_exception_is_still_needed_and_the_parser_still_refuses_it() -> None:
    for kind in UNKNOWN:
        excused = [statement for statement in every_statement() if unknown_kind(statement) is kind]
        assert excused, f"nothing is excused by {kind.pattern}"
        assert all(syntax_errors(statement.text) for statement in excused), f"{kind.why}: no more"


@pytest.mark.parametrize(
    "wrong",
    [
        "CREATE OR REPLACE WAREHOUSE W AUTO_SUSPENDS = 60",
        "CREATE API INTEGRATION A API_PROVIDER = AZURE_AD ENABLED = TRUE",
        "CREATE TABLE IF NOT EXISTS T (A VARCHAR NOT NULL COMMENT)",
        "SELECT A FROM T QUALIFY",
        "GRANT USAGE ON PROCEDURE TO ROLE R",
    ],
)
def test_the_parser_refuses_what_is_wrong(wrong: str) -> None:
    assert syntax_errors(wrong)


def test_an_invented_option_is_found_where_the_parser_does_not_look() -> None:
    statement = "CREATE SECRET IF NOT EXISTS S TYPE = WORKLOAD_IDENTITY_FEDERATION AUDIENCE = 'x'"

    assert option_errors(statement, UNKNOWN[1].options) == ["AUDIENCE is no option of it"]
