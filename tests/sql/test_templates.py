"""What is sent holds no rest of a template, nothing that a client would replace, and nothing that Snowflake refuses."""

import re
from itertools import pairwise

import pytest

from bridge.deploy.rendering import PROCEDURES, SQL, CannotRender, Renderer
from bridge.deploy.values import Values
from tests.sql.every_script import (
    KEY_DOORS,
    KEYLESS_DOORS,
    SECRETS,
    deployed,
    every_statement,
    names,
    rendered,
    values_with,
)

#: What a template may name: values, and texts of files.
_VARIABLE = re.compile(r"<%\s*(\w+)\s*%>")
#: Values that no script has: they choose scripts or make other values.
_NOT_IN_SCRIPTS = {
    "account_script": "chooses 010_account.sql",
    "aml_region": "shows as service_hosts",
    "doors": "choose scripts",
    "ledger_days": "shows as purge_days and purge_state",
}


def test_no_rest_of_a_template_is_sent() -> None:
    rests = ("<%", "%>", "{{", "{%")
    found = {(name, rest) for name, text in rendered().items() for rest in rests if rest in text}

    assert not found


def test_no_ampersand_is_sent_that_an_older_client_would_take_for_a_variable() -> None:
    found = {name: re.findall(r".*&[\w{&].*", text) for name, text in rendered().items()}

    assert not any(found.values()), found


def test_no_line_starts_like_a_command_of_the_client() -> None:
    assert not [name for name, text in rendered().items() if re.search(r"^!", text, re.MULTILINE)]


def test_json_is_parsed_in_select_and_never_in_values() -> None:
    found = [item.place for item in every_statement() if re.search(r"\bVALUES\s*\([^;]*PARSE_JSON", item.bare)]

    assert not found


def test_each_value_is_used_and_each_variable_has_a_value() -> None:
    used = {name for script in names() for name in _VARIABLE.findall((SQL / script).read_text(encoding="utf-8"))}
    for file in ("apim/policy.xml", "parts/service_specification.yaml"):
        used |= set(_VARIABLE.findall((SQL / file).read_text(encoding="utf-8")))
    values = {field.alias or name for name, field in Values.model_fields.items()}

    assert values - used == set(_NOT_IN_SCRIPTS)


def test_a_variable_without_a_value_stops_the_rendering() -> None:
    values = values_with(KEY_DOORS[1], client_id=None)

    with pytest.raises(CannotRender, match=r"041_procedures_keyless\.sql: 'client_id' is undefined"):
        Renderer(values).render("041_procedures_keyless.sql")


def test_a_key_that_is_not_set_is_never_sent_as_asterisks() -> None:
    with pytest.raises(CannotRender, match="'send_key' is undefined"):
        Renderer(values_with(*KEY_DOORS), {"function_key": SECRETS["function_key"]}).render("036_secret_send_key.sql")


def test_the_numbers_of_scripts_give_their_order() -> None:
    order = [name for name in rendered() if not name.startswith(("examples/", "teardown"))]
    numbered = [name for name in order if not name.startswith("migrations/")]

    assert all(one < other for one, other in pairwise(numbered))
    assert order.index("020_schema.sql") < order.index("migrations/V001__ledger.sql") < order.index("030_views.sql")


def test_every_file_for_templates_is_in_some_script() -> None:
    templates = "".join((SQL / name).read_text(encoding="utf-8") for name in names())
    files = {f"{file.stem}_py" for file in PROCEDURES.glob("*.py") if file.stem != "__init__"}
    files |= {f"{file.stem}_sql" for file in (SQL / "parts").glob("*.sql")}

    assert files <= set(_VARIABLE.findall(templates))


def test_the_access_integration_allows_exactly_what_the_doors_need() -> None:
    keyless = Renderer(values_with(*KEYLESS_DOORS)).render("040_access.sql").text

    assert "'my-bridge.azurewebsites.net:443'" in rendered()["040_access.sql"]
    assert "login.microsoftonline.com" not in rendered()["040_access.sql"]
    assert "SECRETS = (ML_BRIDGE_KEY, ML_BRIDGE_SEND_KEY, ML_BRIDGE_TOPIC_KEY)" in rendered()["040_access.sql"]
    assert "'login.microsoftonline.com:443'" in keyless
    assert "SECRETS = (ML_BRIDGE_IDENTITY)" in keyless


def test_every_object_says_what_it_is() -> None:
    commentless = re.compile(r"CREATE\b.*\bRESOURCE MONITOR\b")  # has no such option
    created = [item for item in deployed() if item.text.startswith("CREATE ") and not commentless.match(item.text)]

    assert not [item.place for item in created if not re.search(r"\bCOMMENT\s*=\s*''", item.bare)]


def test_every_statement_may_run_twice() -> None:
    once = re.compile(
        r"CREATE\s+(?!OR REPLACE\b)(?!.*?\bIF NOT EXISTS\b)|DROP\s+(?!.*?\bIF EXISTS\b)|INSERT"
        r"|ALTER\b.*\bADD\s+(?!COLUMN IF NOT)"
    )

    assert not [item.place for item in deployed() if once.match(" ".join(item.bare.split()))]


def test_bodies_of_tasks_are_one_statement() -> None:
    tasks = [item for item in every_statement() if re.match(r"CREATE OR REPLACE TASK", item.text)]

    for task in tasks:
        body = re.split(r"\bAS\s", task.text, maxsplit=1)[1].strip()
        assert re.match(r"(CALL|INSERT INTO)\s", body), f"{task.place}: {body}"
