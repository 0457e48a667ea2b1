"""What the scripts make is removed by the teardown, and everything that people call is granted."""

import re
from collections.abc import Iterable

from bridge.deploy.rendering import ROOT, SQL
from tests.sql.every_script import Statement, deployed, every_statement

_KIND = (
    r"API INTEGRATION|NOTIFICATION INTEGRATION|STORAGE INTEGRATION|EXTERNAL ACCESS INTEGRATION|NETWORK RULE"
    r"|RESOURCE MONITOR|EXTERNAL FUNCTION|FUNCTION|PROCEDURE|SCHEMA|DATABASE|WAREHOUSE|ROLE|USER|SECRET|STAGE|STREAM"
    r"|TASK|ALERT|TABLE|VIEW|COMPUTE POOL|IMAGE REPOSITORY|SERVICE"
)
_CREATE = re.compile(
    rf"CREATE (?:OR REPLACE )?(?:SECURE )?(?P<kind>{_KIND}) (?:IF NOT EXISTS )?(?P<name>\w+)(?P<arguments>\([^)]*\))?"
)
_DROP = re.compile(rf"DROP (?P<kind>INTEGRATION|{_KIND}) IF EXISTS (?P<name>\w+)(?P<arguments>\([^)]*\))?$")
_CALLED = {"FUNCTION", "PROCEDURE"}
#: What stays, and why.
_KEPT = {
    ("DATABASE", "ML"): "may hold more than the bridge",
    ("SCHEMA", "ML_BRIDGE"): "may hold more than the bridge",
    ("ROLE", "ML_BRIDGE_OWNER"): "may own more than the bridge",
}
#: Called by tasks, their owner and procedures with an owner's rights only.
_INTERNAL = {
    "PURGE_LEDGER(NUMBER)",
    "LOAD_OUTPUTS()",
    "SEND_MESSAGE_JSON(VARCHAR, VARCHAR, VARCHAR)",
    "PUBLISH_EVENT_JSON(VARCHAR, VARCHAR, VARCHAR, VARCHAR)",
}

Thing = tuple[str, str]


def _types(arguments: str | None) -> str:
    """`(a VARCHAR, b NUMBER DEFAULT NULL)` as grants and drops name it: `(VARCHAR, NUMBER)`."""
    inner = (arguments or "")[1:-1].strip()
    return "(" + ", ".join(part.split()[1] for part in inner.split(",")) + ")" if inner else "()"


def created(statements: Iterable[Statement]) -> set[Thing]:
    found = set()
    for statement in statements:
        match = _CREATE.match(" ".join(statement.bare.split()))
        if match:
            kind = match["kind"].removeprefix("EXTERNAL ") if "FUNCTION" in match["kind"] else match["kind"]
            kind = "INTEGRATION" if "INTEGRATION" in kind else kind
            name = match["name"] + (_types(match["arguments"]) if kind in _CALLED else "")
            found.add((kind, name))
    return found


def dropped(statements: Iterable[Statement]) -> list[Thing]:
    matches = [_DROP.match(" ".join(statement.bare.split())) for statement in statements]
    return [(match["kind"], match["name"] + (match["arguments"] or "")) for match in matches if match]


def _teardown() -> list[Statement]:
    return [statement for statement in every_statement() if statement.script.startswith("teardown")]


def test_every_create_is_understood() -> None:
    creates = [item for item in deployed() if item.text.startswith("CREATE ")]

    assert not [item.place for item in creates if not created([item])]


def test_the_teardown_drops_what_is_made_and_nothing_else() -> None:
    assert set(dropped(_teardown())) == created(deployed()) - set(_KEPT)
    assert set(_KEPT) <= created(deployed())


def test_the_teardown_without_the_ledger_keeps_tables_views_and_who_reads_them() -> None:
    kinds = {kind for kind, _ in dropped(item for item in _teardown() if item.script == "teardown.sql")}

    assert not kinds & {"TABLE", "VIEW", "ROLE", "USER", "WAREHOUSE", "RESOURCE MONITOR"}


def test_the_teardown_goes_in_reverse_order() -> None:
    order = dropped(_teardown())
    first_made = [thing for item in deployed() for thing in created([item])]
    # Keyed and keyless doors and both kinds of functions make the same things.
    made = list(dict.fromkeys(first_made))

    def place(kind: str, name: str) -> int:
        return made.index((kind, name))

    for task, stream in (("TAKE_RUN_REQUESTS", "RUN_REQUESTS_ADDED"), ("SEE_ENDED_RUNS", "RUNS_TO_LOAD")):
        assert order.index(("TASK", task)) < order.index(("STREAM", stream))
    assert order.index(("FUNCTION", "PING()")) < order.index(("SERVICE", "ML_BRIDGE_SERVICE"))
    for early, late in (
        (("PROCEDURE", "START_RUN(VARCHAR, OBJECT, VARCHAR)"), ("INTEGRATION", "ML_BRIDGE_ACCESS")),
        (("FUNCTION", "SUBMIT_RUN(VARCHAR, OBJECT, VARCHAR)"), ("INTEGRATION", "ML_BRIDGE_API")),
        (("SERVICE", "ML_BRIDGE_SERVICE"), ("INTEGRATION", "ML_BRIDGE_SERVICE_ACCESS")),
        (("SERVICE", "ML_BRIDGE_SERVICE"), ("IMAGE REPOSITORY", "ML_BRIDGE_IMAGES")),
        (("SERVICE", "ML_BRIDGE_SERVICE"), ("COMPUTE POOL", "ML_BRIDGE_POOL")),
        (("STAGE", "EXCHANGE"), ("INTEGRATION", "ML_BRIDGE_STORAGE")),
        (("INTEGRATION", "ML_BRIDGE_ACCESS"), ("SECRET", "ML_BRIDGE_KEY")),
        (("VIEW", "RUNS"), ("TABLE", "RUN_EVENTS")),
        (("VIEW", "RULE_DECISIONS"), ("TABLE", "RULE_ACTIONS")),
        (("VIEW", "TIMELINE"), ("TABLE", "AML_EVENTS")),
    ):
        assert order.index(early) < order.index(late)
        assert place(*early) > place(*late)


def test_everything_that_is_called_is_granted_or_named_as_internal() -> None:
    called = {name for kind, name in created(deployed()) if kind in _CALLED}
    grants = re.compile(
        r"GRANT USAGE ON (?:FUNCTION|PROCEDURE) (?P<name>\w+\([^)]*\)) TO ROLE ML_BRIDGE_(?:SUBMIT|READ|EXPORT)$"
    )
    granted = {match["name"] for item in deployed() if (match := grants.match(item.bare))}

    assert granted == called - _INTERNAL
    assert called >= _INTERNAL


def test_a_grant_follows_its_object_in_the_same_script() -> None:
    """CREATE OR REPLACE drops grants, so that a script that is run alone must renew them."""
    for script in {item.script for item in deployed()}:
        own = [item for item in deployed() if item.script == script]
        calls = {name for kind, name in created(own) if kind in _CALLED and name not in _INTERNAL}
        text = "\n".join(item.bare for item in own)

        assert not [name for name in calls if f"{name} TO ROLE ML_BRIDGE_" not in text], script


def _granted_to(role: str) -> set[str]:
    grant = re.compile(rf"GRANT (?P<what>.*?) TO ROLE ML_BRIDGE_{role}$")
    return {match["what"] for item in deployed() if (match := grant.match(item.bare))}


def test_the_app_may_add_and_read_and_nothing_else() -> None:
    tables = ("RUN_EVENTS", "AML_EVENTS", "DEAD_LETTERS", "RULE_ACTIONS")

    assert _granted_to("WRITER") == {
        "USAGE ON WAREHOUSE ML_BRIDGE_WH",
        "USAGE ON DATABASE ML",
        "USAGE ON SCHEMA ML_BRIDGE",
        "SELECT ON VIEW RUNS",
        "SELECT ON VIEW RUNS_ALL",
        *(f"SELECT, INSERT ON TABLE {table}" for table in tables),
    }


def test_the_app_is_granted_what_its_statements_use_and_no_more() -> None:
    statements = re.sub(r"--.*", "", (ROOT / "bridge" / "adapters" / "snowflake.sql").read_text(encoding="utf-8"))
    inserted = set(re.findall(r"\bINSERT INTO (\w+)", statements))
    selected = set(re.findall(r"\b(?:FROM|JOIN) ([A-Z_]+)\b(?!\()", statements)) - {
        "TABLE",
        "FOUND",
    }  # the latter a name in a statement
    granted = _granted_to("WRITER")

    assert {what.rsplit(" ", 1)[1] for what in granted if what.startswith("SELECT, INSERT ON")} == inserted
    assert {what.rsplit(" ", 1)[1] for what in granted if what.startswith("SELECT")} == inserted | selected
    assert set(re.findall(r"^\s*([A-Z]+)\b", statements, re.MULTILINE)) & {"UPDATE", "DELETE", "MERGE", "CALL"} == set()


def test_the_service_has_the_ledger_and_what_it_runs_on_and_nothing_else() -> None:
    assert _granted_to("SERVICE") == {
        "ROLE ML_BRIDGE_WRITER",
        "USAGE ON COMPUTE POOL ML_BRIDGE_POOL",
        "READ ON IMAGE REPOSITORY ML_BRIDGE_IMAGES",
        "USAGE ON INTEGRATION ML_BRIDGE_SERVICE_ACCESS",
        "USAGE ON DATABASE ML",
        "USAGE, CREATE SERVICE ON SCHEMA ML_BRIDGE",
        "READ ON SECRET ML_BRIDGE_CLIENT_SECRET",
    }
    service_roles = [item.bare for item in deployed() if item.bare.startswith("GRANT SERVICE ROLE ")]
    assert service_roles == ["GRANT SERVICE ROLE ML_BRIDGE_SERVICE!CALLERS TO ROLE ML_BRIDGE_OWNER"]


def test_readers_may_read_views_and_ask_after_runs() -> None:
    assert _granted_to("READ") == {
        "USAGE ON DATABASE ML",
        "USAGE ON SCHEMA ML_BRIDGE",
        "SELECT ON ALL VIEWS IN SCHEMA ML_BRIDGE",
        "USAGE ON FUNCTION RUN_STATUS(VARCHAR)",
        "USAGE ON PROCEDURE WAIT_FOR_RUN(VARCHAR, NUMBER, VARCHAR)",
    }


def test_submitters_may_use_doors_and_no_secret_warehouse_or_integration_but_that_of_notifications() -> None:
    other = {what for what in _granted_to("SUBMIT") if not re.match(r"USAGE ON (FUNCTION|PROCEDURE) ", what)}

    assert other == {
        "USAGE ON DATABASE ML",
        "USAGE ON SCHEMA ML_BRIDGE",
        "INSERT ON TABLE RUN_REQUESTS",
        "USAGE ON INTEGRATION ML_BRIDGE_EVENTS",
    }


def test_only_exporters_reach_the_files_and_their_book() -> None:
    wanted = {
        "ROLE ML_BRIDGE_SUBMIT",
        "USAGE ON STAGE EXCHANGE",
        "USAGE ON INTEGRATION ML_BRIDGE_STORAGE",
        "SELECT, INSERT, DELETE ON TABLE HAND_OVERS",
        "USAGE ON PROCEDURE EXPORT_AND_SUBMIT(VARCHAR, VARCHAR, OBJECT, VARCHAR)",
        "USAGE ON PROCEDURE EXPORT_AND_SUBMIT_JSON(VARCHAR, VARCHAR, VARCHAR, VARCHAR)",
    }

    assert _granted_to("EXPORT") == wanted
    for role in ("SUBMIT", "READ", "WRITER"):
        assert not [what for what in _granted_to(role) if re.search("EXCHANGE|STORAGE|HAND_OVERS|EXPORT", what)], role


def test_the_teardown_needs_no_warehouse_so_that_it_can_be_repeated() -> None:
    assert not [item.place for item in _teardown() if item.text.startswith("USE WAREHOUSE")]


def test_the_teardown_names_what_examples_make() -> None:
    made = created(item for item in every_statement() if item.script.startswith("examples/"))
    remark = (SQL / "teardown.sql").read_text(encoding="utf-8").partition("USE ROLE")[0]

    assert len(made) >= 12
    assert not [name for _, name in made if not re.search(rf"\b{re.escape(name)}(?!\w)", remark)]


def test_what_exists_already_follows_its_values() -> None:
    """Of an object that is made IF NOT EXISTS, a later statement sets what the values say."""
    sets = " ".join(" ".join(item.text.split()) for item in deployed() if item.text.startswith("ALTER "))

    for wanted in (
        "API INTEGRATION ML_BRIDGE_API SET AZURE_AD_APPLICATION_ID = ",
        "STORAGE INTEGRATION ML_BRIDGE_STORAGE SET STORAGE_ALLOWED_LOCATIONS = ",
        "RESOURCE MONITOR ML_BRIDGE_MONITOR SET CREDIT_QUOTA = ",
        "USER ML_BRIDGE_APP SET WORKLOAD_IDENTITY = ",
    ):
        assert wanted in sets


def test_nobody_is_granted_everything_or_to_hand_on() -> None:
    assert not [
        item.place
        for item in deployed()
        if re.search(r"GRANT ALL|WITH GRANT OPTION|OWNERSHIP|TO ROLE PUBLIC", item.bare)
    ]


def test_procedures_run_as_their_owner_but_for_those_that_need_the_callers_tables_or_task() -> None:
    heads = [item.bare for item in deployed() if item.text.startswith("CREATE OR REPLACE PROCEDURE ")]
    as_caller = [head for head in heads if "EXECUTE AS OWNER" not in head]

    assert len(heads) >= 18
    assert {head.partition("(")[0].split()[-1] for head in as_caller} == {
        "START_RUN_IN_TASK",
        "START_RUN_IN_TASK_JSON",
        "EXPORT_AND_SUBMIT",
        "EXPORT_AND_SUBMIT_JSON",
    }
    assert all("EXECUTE AS CALLER" in head for head in as_caller)
