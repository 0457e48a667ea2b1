"""EXPORT_AND_SUBMIT and LOAD_OUTPUTS as procedures of the emulated Snowflake, with files on its stages."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain import identity
from bridge.local.endpoints import BRIDGE_NAME
from bridge.procedures import hand_over
from bridge.procedures.hand_over import quoted
from tests.procedures.ledger import Ledger, ledger_running

DATASTORE = "azureml://datastores/exchange/paths/ml-bridge"
LONG = 123456789012345678901234567890
KEYED = "EXPORT_AND_SUBMIT(?, ?, {'rows': 2}, ?)"
texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger_running() as ledger:
        ledger.run("CREATE STAGE EXCHANGE URL = 'azure://a.blob.core.windows.net/exchange/ml-bridge/'")
        ledger.run("CREATE TABLE CUSTOMERS (ID NUMBER(38, 0), NAME VARCHAR)")
        ledger.run('CREATE TABLE "odd ""name" (ID NUMBER(38, 0))')
        ledger.run("CREATE TABLE PREDICTIONS (ID NUMBER(38, 0), SCORE FLOAT)")
        ledger.procedures_of("090_hand_over.sql")
        yield ledger


@pytest.fixture
def ledger(running: Ledger) -> Ledger:
    running.service.tell("/reset")
    running.run("INSERT INTO CUSTOMERS VALUES (1, 'Ada'), (2, 'Gödel'), (3, NULL)")
    running.run('INSERT INTO "odd ""name" VALUES (7)')
    return running


@settings(deadline=None)
@given(texts, texts, texts)
def test_the_run_id_is_the_one_that_the_app_computes(bridge_name: str, pipeline: str, key: str) -> None:
    assert hand_over.run_id(bridge_name, pipeline, key) == identity.run_id(bridge_name, pipeline, key)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t", '"T"'),
        ("Db.s_1.T$2", '"DB"."S_1"."T$2"'),
        ('"a.b".c', '"a.b"."C"'),
        ('"odd ""name"', '"odd ""name"'),
    ],
)
def test_names_are_put_in_quotes_part_by_part(name: str, expected: str) -> None:
    assert quoted(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", "a b", "a;DROP TABLE b", 'a"b', '"a', '""', "a.b.c.d", "@stage", "TABLE(f())", "a--", "1a", "a\n"],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        quoted(name)


def files(ledger: Ledger) -> set[str]:
    (stage,) = ledger.service.ask("/stages")
    return {file["path"] for file in stage["files"]}


def rows_in(ledger: Ledger, folder: str) -> list[tuple[Any, ...]]:
    """The rows of the files in a folder of the stage, loaded by Snowflake itself."""
    ledger.run("CREATE OR REPLACE TABLE SEEN (ID NUMBER(38, 0), NAME VARCHAR)")
    ledger.run(
        f"COPY INTO SEEN FROM @EXCHANGE/{folder} FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    )
    return ledger.run("SELECT * FROM SEEN ORDER BY ID")


def test_a_table_is_unloaded_and_its_path_becomes_an_input(ledger: Ledger) -> None:
    answer = ledger.call(KEYED, "customers", "train", "k1")

    run = identity.run_id(BRIDGE_NAME, "train", "k1")
    path = f"{DATASTORE}/in/{run}/"
    assert (answer["status"], answer["run_id"], answer["rows_exported"], answer["path"]) == ("ACCEPTED", run, 3, path)
    assert ledger.calls() == [("train", {"rows": 2, "data": path}, "k1")]
    assert rows_in(ledger, f"in/{run}/") == [(1, "Ada"), (2, "Gödel"), (3, None)]
    assert ledger.run("SELECT RUN_ID, PIPELINE, LOADED_AT FROM HAND_OVERS") == [(run, "train", None)]


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("laptop.ml_bridge.customers", 3),
        (" CUSTOMERS ", 3),
        ('"odd ""name"', 1),
        ("SELECT ID FROM CUSTOMERS WHERE ID > 1", 2),
        ("  with c as (select * from customers) select * from c;", 3),
    ],
)
def test_a_name_or_a_query_can_be_unloaded(ledger: Ledger, source: str, count: int) -> None:
    assert ledger.call(KEYED, source, "train", "k1")["rows_exported"] == count


def test_other_inputs_keep_every_digit(ledger: Ledger) -> None:
    ledger.call(f"EXPORT_AND_SUBMIT('customers', 'train', {{'rate': 0.5, 'tiny': 0.1, 'long': {LONG}}}, 'k1')")

    ((_, inputs, _),) = ledger.calls()
    assert {name: inputs[name] for name in ("rate", "tiny", "long")} == {
        "rate": Decimal("0.5"),
        "tiny": Decimal("0.1"),
        "long": LONG,
    }


@pytest.mark.parametrize("given", [None, "{}", " { } ", '{"a": "}, {"}', '{"ä": [0.10], "z": null}'])
def test_the_path_is_added_to_the_text_of_the_inputs(given: str | None) -> None:
    text = hand_over._with_path(given, "data", 'a "path"')

    assert json.loads(text) == {**json.loads(given or "{}"), "data": 'a "path"'}


def test_without_a_key_each_call_is_a_run_of_its_own(ledger: Ledger) -> None:
    answers = [ledger.call("EXPORT_AND_SUBMIT('customers', 'train', NULL)") for _ in range(2)]

    assert len({answer["run_id"] for answer in answers}) == 2
    assert [inputs for _, inputs, _ in ledger.calls()] == [{"data": answer["path"]} for answer in answers]


def test_a_key_that_was_used_leaves_the_files_as_they_are(ledger: Ledger) -> None:
    first = ledger.call(KEYED, "customers", "train", "k1")
    ledger.run("DELETE FROM CUSTOMERS WHERE ID > 1")

    second = ledger.call(KEYED, "customers", "train", "k1")

    assert "rows_exported" not in second
    assert (second["run_id"], second["path"]) == (first["run_id"], first["path"])
    assert len(rows_in(ledger, f"in/{first['run_id']}/")) == 3
    assert ledger.count("HAND_OVERS") == 1


def test_a_failed_start_is_made_good_by_the_same_call(ledger: Ledger) -> None:
    for _ in range(2):
        assert "the app is away" in ledger.refused(KEYED, "customers", "away", "k1")

    run = identity.run_id(BRIDGE_NAME, "away", "k1")
    assert len(rows_in(ledger, f"in/{run}/")) == 3
    assert len(ledger.calls()) == 2


def test_a_rejection_takes_the_files_away(ledger: Ledger) -> None:
    answer = ledger.call(KEYED, "customers", "bad", "k1")

    assert (answer["status"], answer["rows_exported"]) == ("REJECTED", 3)
    assert answer["error"]["code"] == "UNKNOWN_INPUT"
    assert files(ledger) == set()
    assert ledger.count("HAND_OVERS") == 0


def test_a_later_rejection_under_a_used_key_leaves_the_files(ledger: Ledger) -> None:
    run = identity.run_id(BRIDGE_NAME, "bad", "k1")
    ledger.run("INSERT INTO HAND_OVERS (RUN_ID, PIPELINE) VALUES (?, 'bad')", run)
    ledger.run(f"COPY INTO @EXCHANGE/in/{run}/ FROM CUSTOMERS FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE")

    assert ledger.call(KEYED, "customers", "bad", "k1")["status"] == "REJECTED"
    assert len(rows_in(ledger, f"in/{run}/")) == 3


def test_what_a_broken_unload_left_is_not_handed_over(ledger: Ledger) -> None:
    run = identity.run_id(BRIDGE_NAME, "train", "k1")
    ledger.run(f"COPY INTO @EXCHANGE/in/{run}/old FROM CUSTOMERS FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE")

    ledger.call(KEYED, "SELECT 9 AS ID, 'Eve' AS NAME", "train", "k1")

    assert rows_in(ledger, f"in/{run}/") == [(9, "Eve")]


def test_a_caller_in_another_schema_unloads_from_there(ledger: Ledger) -> None:
    ledger.run("CREATE SCHEMA IF NOT EXISTS SALES")
    ledger.run("CREATE OR REPLACE TABLE SALES.CUSTOMERS AS SELECT 8 AS ID, 'Eve' AS NAME")
    ledger.run("USE SCHEMA SALES")
    try:
        answer = ledger.call("LAPTOP.ML_BRIDGE.EXPORT_AND_SUBMIT('customers', 'train', NULL)")
    finally:
        ledger.run("USE SCHEMA ML_BRIDGE")

    assert (answer["status"], answer["rows_exported"]) == ("ACCEPTED", 1)
    assert rows_in(ledger, f"in/{answer['run_id']}/") == [(8, "Eve")]
    assert ledger.run("SELECT RUN_ID FROM HAND_OVERS") == [(answer["run_id"],)]


def test_an_empty_source_is_rejected(ledger: Ledger) -> None:
    answer = ledger.call(KEYED, "SELECT * FROM CUSTOMERS WHERE ID > 9", "train", "k1")

    assert (answer["status"], answer["error"]["code"]) == ("REJECTED", "NO_ROWS")
    assert (ledger.calls(), ledger.count("HAND_OVERS")) == ([], 0)


def test_an_app_of_another_name_is_noticed(ledger: Ledger) -> None:
    ledger.create(
        "EXPORT_ELSEWHERE()",
        "def run(session):",
        "    config = {'bridge_name': 'other', 'datastore_path': 'azureml://d'}",
        "    return export_and_submit(session, 'CUSTOMERS', 'train', None, 'k1', **config)",
        file="hand_over.py",
    )

    assert "BRIDGE_NAME 'other'" in ledger.refused("EXPORT_ELSEWHERE()")


@pytest.mark.parametrize(
    ("inputs", "complaint"), [("[]", "no JSON object"), ("5", "no JSON object"), ("{", "no JSON:")]
)
def test_inputs_that_are_no_object_are_refused_before_anything_is_done(inputs: str, complaint: str) -> None:
    unused: Any = None

    with pytest.raises(ValueError, match=complaint):
        hand_over.export_and_submit(unused, "customers", "train", inputs, bridge_name="b", datastore_path="d")


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("EXPORT_AND_SUBMIT('customers; DROP TABLE CUSTOMERS', 'train', {})", "not the name"),
        ("EXPORT_AND_SUBMIT('customers', 'train', {'data': 'mine'})", "leave it out"),
        ("EXPORT_AND_SUBMIT('customers', NULL, {})", "which pipeline"),
        ("EXPORT_AND_SUBMIT(NULL, 'train', {})", "what to unload"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(ledger: Ledger, call: str, complaint: str) -> None:
    assert complaint in ledger.refused(call)
    assert (ledger.calls(), files(ledger)) == ([], set())


def handed(ledger: Ledger, key: str, status: str | None, rank: int = 60, **columns: object) -> str:
    """A hand-over whose run has come to this status."""
    run = identity.run_id(BRIDGE_NAME, "train", key)
    ledger.run("INSERT INTO HAND_OVERS (RUN_ID, PIPELINE) VALUES (?, 'train')", run)
    if status is not None:
        ledger.fact(run, status, rank, **columns)
    return run


def results(ledger: Ledger, run: str, *ids: int, file: str = "part") -> None:
    """What a job writes; its columns come in another order than the table's."""
    rows = " UNION ALL ".join(f'SELECT ({each} / 10)::FLOAT AS "score", {each} AS "id"' for each in ids)
    ledger.run(f"COPY INTO @EXCHANGE/out/{run}/{file} FROM ({rows}) FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE")


def predictions(ledger: Ledger) -> list[tuple[Any, ...]]:
    return ledger.run("SELECT ID, SCORE FROM PREDICTIONS ORDER BY ID")


def test_the_results_of_completed_runs_are_loaded_once(ledger: Ledger) -> None:
    first, second = (handed(ledger, key, "COMPLETED") for key in ("k1", "k2"))
    results(ledger, first, 1, 2)
    results(ledger, second, 3)

    assert ledger.call("LOAD_OUTPUTS()") == {"runs_loaded": 2, "rows_loaded": 3, "runs_without_results": 0}
    assert predictions(ledger) == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert set(ledger.run("SELECT RUN_ID, ROWS_LOADED, LOADED_AT IS NULL FROM HAND_OVERS")) == {
        (first, 2, False),
        (second, 1, False),
    }
    assert ledger.call("LOAD_OUTPUTS()") == {"runs_loaded": 0, "rows_loaded": 0, "runs_without_results": 0}
    assert len(predictions(ledger)) == 3


def test_files_that_were_loaded_before_a_crash_are_not_loaded_again(ledger: Ledger) -> None:
    run = handed(ledger, "k1", "COMPLETED")
    results(ledger, run, 1)
    ledger.call("LOAD_OUTPUTS()")
    ledger.run("UPDATE HAND_OVERS SET LOADED_AT = NULL, ROWS_LOADED = NULL")

    assert ledger.call("LOAD_OUTPUTS()")["runs_loaded"] == 1
    assert predictions(ledger) == [(1, 0.1)]


@pytest.mark.parametrize("status", [None, "ACCEPTED", "RUNNING"])
def test_a_run_that_has_not_ended_is_left_for_later(ledger: Ledger, status: str | None) -> None:
    run = handed(ledger, "k1", status, rank={"ACCEPTED": 2, "RUNNING": 30}.get(status or "", 0))
    results(ledger, run, 1)

    assert ledger.call("LOAD_OUTPUTS()") == {"runs_loaded": 0, "rows_loaded": 0, "runs_without_results": 0}
    assert ledger.run("SELECT LOADED_AT FROM HAND_OVERS") == [(None,)]


@pytest.mark.parametrize(("status", "rank"), [("FAILED", 60), ("CANCELED", 60), ("REJECTED", 1)])
def test_a_run_without_results_is_marked(ledger: Ledger, status: str, rank: int) -> None:
    results(ledger, handed(ledger, "k1", status, rank), 1)

    assert ledger.call("LOAD_OUTPUTS()")["runs_without_results"] == 1
    assert ledger.call("LOAD_OUTPUTS()")["runs_without_results"] == 0
    assert ledger.run("SELECT ROWS_LOADED, LOADED_AT IS NULL FROM HAND_OVERS") == [(None, False)]
    assert predictions(ledger) == []


def test_a_run_that_was_given_up_and_then_replayed_is_loaded(ledger: Ledger) -> None:
    run = handed(ledger, "k1", "FAILED", 4)
    ledger.call("LOAD_OUTPUTS()")
    results(ledger, run, 1)
    ledger.fact(run, "COMPLETED", 60)

    assert ledger.call("LOAD_OUTPUTS()")["rows_loaded"] == 1


def test_a_completed_run_that_wrote_nothing_has_no_rows(ledger: Ledger) -> None:
    handed(ledger, "k1", "COMPLETED")

    assert ledger.call("LOAD_OUTPUTS()") == {"runs_loaded": 1, "rows_loaded": 0, "runs_without_results": 0}
    assert ledger.run("SELECT ROWS_LOADED FROM HAND_OVERS") == [(0,)]


def bad_results(ledger: Ledger, key: str) -> str:
    """A run that has completed and written what does not fit."""
    run = handed(ledger, key, "COMPLETED")
    ledger.run(
        f"COPY INTO @EXCHANGE/out/{run}/ FROM (SELECT 'no number' AS ID, 1 AS SCORE) "
        "FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE"
    )
    return run


def test_results_that_do_not_fit_wait_while_others_are_loaded(ledger: Ledger) -> None:
    bad, good = bad_results(ledger, "k1"), handed(ledger, "k2", "COMPLETED")
    results(ledger, good, 2)

    text = ledger.refused("LOAD_OUTPUTS()")

    assert "the results of 1 runs could not be loaded" in text
    assert bad in text
    assert predictions(ledger) == [(2, 0.2)]
    assert dict(ledger.run("SELECT RUN_ID, TRIES FROM HAND_OVERS")) == {bad: 1, good: 0}


def test_results_that_never_fit_are_given_up_and_can_be_tried_again(ledger: Ledger) -> None:
    bad = bad_results(ledger, "k1")
    for _ in range(hand_over.TRIES):
        assert bad in ledger.refused("LOAD_OUTPUTS()")

    assert ledger.call("LOAD_OUTPUTS()")["runs_loaded"] == 0
    assert ledger.run("SELECT TRIES, LOADED_AT FROM HAND_OVERS") == [(hand_over.TRIES, None)]

    ledger.run("UPDATE HAND_OVERS SET TRIES = 0")
    assert bad in ledger.refused("LOAD_OUTPUTS()")


def test_a_run_id_that_is_none_never_becomes_sql(ledger: Ledger) -> None:
    ledger.run("INSERT INTO HAND_OVERS (RUN_ID, PIPELINE) VALUES ('x/ FILES = ()', 'train')")
    ledger.fact("x/ FILES = ()", "COMPLETED", 60)

    assert "not a run id" in ledger.refused("LOAD_OUTPUTS()")
