"""What the Snowflake emulator reads from the text of a statement: definitions, no-ops, verbs, tables, URLs."""

import pytest

from bridge.local.snowflake.definitions import InvalidDefinition, parse_creation, parse_drop
from bridge.local.snowflake.no_ops import kind_of
from bridge.local.snowflake.sql_text import outside_strings, table_of, verb_of
from bridge.local.snowflake.url_map import UnmappedUrl, UrlMap, UrlMapping, parse_mapping
from bridge.local.snowflake.wire import Argument

CREATE = """-- the door
CREATE OR REPLACE SECURE EXTERNAL FUNCTION db.ML_BRIDGE.submit_run(
  pipeline VARCHAR(100), amount NUMBER(10,2), "Inputs" OBJECT /* all of them */, at TIMESTAMP_NTZ)
  RETURNS VARIANT NOT NULL  CALLED ON NULL INPUT  VOLATILE
  COMMENT = 'HEADERS = (''no'' = ''no''), MAX_BATCH_ROWS = 1'
  API_INTEGRATION = ML_BRIDGE_API
  HEADERS = ('bridge-api' = '1', 'who' = 'it''s (me)')
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, current_role())
  MAX_BATCH_ROWS = 50  COMPRESSION = GZIP
  AS 'https://x.azure-api.net/aml/v1/snowflake/submit_run';"""


def test_a_definition_is_read_whole() -> None:
    creation = parse_creation(CREATE)

    function = creation.definition
    assert creation.path == ("DB", "ML_BRIDGE", "SUBMIT_RUN")
    assert creation.replaces
    assert function.arguments == (
        Argument(name="PIPELINE", kind="VARCHAR"),
        Argument(name="AMOUNT", kind="NUMBER", scale=2),
        Argument(name="Inputs", kind="OBJECT"),
        Argument(name="AT", kind="TIMESTAMP_NTZ"),
    )
    assert (function.returns, function.returns_null, function.is_strict) == ("VARIANT", False, False)
    assert function.headers == {"bridge-api": "1", "who": "it's (me)"}
    assert function.context_headers == ("CURRENT_ACCOUNT", "CURRENT_ROLE")
    assert (function.max_batch_rows, function.compression) == (50, "GZIP")
    assert function.url == "https://x.azure-api.net/aml/v1/snowflake/submit_run"


def test_what_is_not_said_has_snowflakes_defaults() -> None:
    function = parse_creation(
        "create external function f() returns int api_integration = a as 'https://x.azure-api.net/f'"
    ).definition

    assert function.signature == "()"
    assert (function.returns, function.returns_in_full) == ("NUMBER", "NUMBER(38,0)")
    assert (function.compression, function.max_batch_rows, function.returns_null) == ("NONE", None, True)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE EXTERNAL FUNCTION f() RETURNS VARIANT AS 'https://x.azure-api.net/f'",
        "CREATE EXTERNAL FUNCTION f() RETURNS VARIANT API_INTEGRATION = a",
        "CREATE EXTERNAL FUNCTION f(a GEOGRAPHY) RETURNS VARIANT API_INTEGRATION = a AS 'https://x.azure-api.net/f'",
        "CREATE EXTERNAL FUNCTION f() RETURNS VARIANT API_INTEGRATION = a HEADERS = ('a_b' = '1') AS 'https://x/f'",
        "CREATE EXTERNAL FUNCTION f() RETURNS VARIANT API_INTEGRATION = a CONTEXT_HEADERS = (NOW) AS 'https://x/f'",
    ],
)
def test_a_definition_that_snowflake_refuses_is_refused(sql: str) -> None:
    with pytest.raises(InvalidDefinition):
        parse_creation(sql)


def test_a_dropped_function_is_known_by_its_path() -> None:
    assert parse_drop("DROP FUNCTION IF EXISTS S.f(VARCHAR, OBJECT)") == ("S", "F")
    assert parse_drop("DROP TABLE F") is None


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("GRANT USAGE ON DATABASE D TO ROLE R", "GRANT"),
        ("/* x */ revoke role r from user u", "GRANT"),
        ("CREATE OR REPLACE TASK T WAREHOUSE = WH AS SELECT 1", "CREATE TASK"),
        ("ALTER TASK T RESUME", "ALTER TASK"),
        ("CREATE  API  INTEGRATION IF NOT EXISTS A ENABLED = TRUE", "CREATE API INTEGRATION"),
        ("CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION E ENABLED = TRUE", "CREATE EXTERNAL ACCESS INTEGRATION"),
        ("CREATE OR REPLACE SECURE FUNCTION f() RETURNS INT AS '1'", "CREATE FUNCTION"),
        ("-- door 2\nCREATE PROCEDURE P() RETURNS VARIANT AS $$ CREATE TABLE x $$", "CREATE PROCEDURE"),
        ("ALTER SESSION SET QUERY_TAG = 'x'", "ALTER SESSION"),
        ("CREATE STREAM S ON TABLE T APPEND_ONLY = TRUE", "CREATE STREAM"),
        ("CREATE OR REPLACE NETWORK RULE N MODE = EGRESS", "CREATE NETWORK RULE"),
        ("EXECUTE TASK T", "EXECUTE"),
        ("COMMENT ON FUNCTION f(VARCHAR) IS 'x'", "COMMENT"),
        ("USE SECONDARY ROLES ALL", "USE SECONDARY ROLES"),
        ("DESCRIBE API INTEGRATION A", "DESCRIBE"),
        ("ALTER TABLE T SET DATA_RETENTION_TIME_IN_DAYS = 1", "ALTER PARAMETER"),
        ("ALTER TABLE T ADD COLUMN A INT", None),
        ("CREATE TABLE TASK (A INT)", None),
        ("CREATE VIEW V AS SELECT 'GRANT'", None),
        ("ALTER SESSION SET AUTOCOMMIT = FALSE", None),
        ("SELECT 1 -- CREATE TASK", None),
        ("INSERT INTO GRANTS SELECT 1", None),
    ],
)
def test_a_no_op_is_told_from_a_statement_to_execute(sql: str, kind: str | None) -> None:
    assert kind_of(sql) == kind


@pytest.mark.parametrize(
    ("sql", "verb", "table"),
    [
        ("INSERT INTO ml.RUN_EVENTS (A) SELECT x FROM TABLE(FLATTEN(input => ?)) f", "INSERT", "RUN_EVENTS"),
        ("select * from Runs where pipeline = 'from here'", "SELECT", "RUNS"),
        ("WITH a AS (SELECT 1) SELECT * FROM T", "SELECT", "T"),
        ("SELECT submit_run('p', 'insert into t')", "SELECT", ""),
        ("SELECT column1 FROM VALUES (1)", "SELECT", ""),
        ("SELECT f.value FROM TABLE(FLATTEN(input => ?)) f", "SELECT", ""),
        ('-- x\nCREATE TABLE IF NOT EXISTS "Run" (A INT)', "CREATE", "Run"),
        ("DELETE FROM T", "DELETE", "T"),
        ("", "", ""),
    ],
)
def test_a_statement_is_counted_by_its_verb_and_table(sql: str, verb: str, table: str) -> None:
    assert (verb_of(sql), table_of(sql)) == (verb, table)


def test_text_within_quotes_and_comments_is_left_alone() -> None:
    text = "a 'a' \"a\" a $$ a $$ 'it''s a' a -- a user's a\na /* a' */ a"

    changed = outside_strings(text, lambda part: part.replace("a", "b"))

    assert changed == "b 'a' \"a\" b $$ a $$ 'it''s a' b -- a user's a\nb /* a' */ b"


def test_the_longest_prefix_that_covers_an_address_wins() -> None:
    urls = UrlMap()
    urls.put(parse_mapping("https://x.azure-api.net/aml=>http://127.0.0.1:7071/api", {"x-functions-key": "k"}))
    urls.put(UrlMapping(source="https://x.azure-api.net/aml/v2/", target="http://127.0.0.1:9/two"))

    assert urls.resolve("https://x.azure-api.net/aml/v1/f?a=1") == (
        "http://127.0.0.1:7071/api/v1/f?a=1",
        {"x-functions-key": "k"},
    )
    assert urls.resolve("https://x.azure-api.net/aml/v2/f")[0] == "http://127.0.0.1:9/two/f"
    assert urls.resolve("http://127.0.0.1:8/f") == ("http://127.0.0.1:8/f", {})


@pytest.mark.parametrize("url", ["https://y.azure-api.net/aml/f", "https://x.azure-api.net/amlet/f"])
def test_an_address_that_no_entry_covers_is_never_called(url: str) -> None:
    urls = UrlMap()
    urls.put(parse_mapping("https://x.azure-api.net/aml=>http://127.0.0.1:7071", {}))

    with pytest.raises(UnmappedUrl):
        urls.resolve(url)
