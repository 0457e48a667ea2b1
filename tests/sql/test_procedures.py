"""Procedures carry the files of `bridge/procedures` unchanged, and around them nothing but configuration.

Those with an OBJECT or a VARIANT among their arguments are in SQL, and call one of those with JSON text.
"""

import ast
import re
from dataclasses import dataclass

import pytest

from bridge.deploy.rendering import PROCEDURES
from tests.sql.every_script import deployed, every_statement

_HEAD = re.compile(r"CREATE OR REPLACE PROCEDURE (?P<name>\w+)\((?P<arguments>[^)]*)\)")
_IN_SQL = re.compile(
    r"\n  RETURNS VARIANT\n  LANGUAGE SQL\n  COMMENT = '[^\n]*'\n  EXECUTE AS (?P<rights>OWNER|CALLER)\nAS \$\$\n"
    r"DECLARE\n  answer VARIANT;\nBEGIN\n"
    r"  CALL (?P<place>\w+\.\w+\.)?(?P<inner>\w+)\((?P<given>.*)\) INTO :answer;\n"
    r"  RETURN answer;\nEND;\n\$\$$"
)
#: Besides the standard library: requests, with what it is made of, and Snowpark.
_PACKAGES = {"requests": "requests", "urllib3": "requests", "snowflake": "snowflake-snowpark-python"}


@dataclass(frozen=True)
class Procedure:
    """One CREATE PROCEDURE statement, taken apart."""

    place: str
    name: str
    arguments: tuple[str, ...]
    handler: str
    packages: frozenset[str]
    body: str


def _procedures(examples: bool = False) -> list[Procedure]:
    found = []
    for item in every_statement() if examples else deployed():
        head = _HEAD.match(item.text)
        if head and "LANGUAGE SQL" not in item.text:
            clauses, _, rest = item.text.partition("$$")
            names = tuple(part.split()[0] for part in head["arguments"].split(",") if part.strip())
            handler = re.search(r"HANDLER = '(\w+)'", clauses)
            packages = re.search(r"PACKAGES = \(([^)]*)\)", clauses)
            assert handler, item.place
            assert packages, item.place
            body = rest.removesuffix("$$").strip("\n")
            used = frozenset(re.findall(r"'([^']*)'", packages[1]))
            found.append(Procedure(item.place, head["name"], names, handler[1], used, body))
    return found


def _files() -> dict[str, str]:
    files = [file for file in PROCEDURES.glob("*.py") if file.stem != "__init__"]
    return {file.name: file.read_text(encoding="utf-8").rstrip("\n") for file in files}


def configuration_errors(code: str) -> list[str]:
    """What, in the lines around a file, is more than naming a door and calling one function with the arguments."""
    tree = ast.parse(code)
    if not tree.body:
        return []
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef) or tree.body[0].name != "run":
        return ["it is more than one function `run`"]
    *settings, last = tree.body[0].body
    errors = (
        [] if isinstance(last, ast.Return) and isinstance(last.value, ast.Call) else ["it does not end with one call"]
    )
    if len(settings) > 1 or not all(isinstance(setting, ast.Assign) for setting in settings):
        errors.append("it does more than name a door")
    allowed = (
        ast.Call,
        ast.Name,
        ast.Constant,
        ast.keyword,
        ast.expr_context,
        ast.Assign,
        ast.Return,
        ast.arguments,
        ast.arg,
    )
    strange = [node for part in tree.body[0].body for node in ast.walk(part) if not isinstance(node, allowed)]
    return errors + [f"it has a {type(node).__name__}" for node in strange]


def test_each_procedure_has_one_file_unchanged_and_else_only_configuration() -> None:
    used = set()
    for procedure in _procedures():
        carried = [name for name, text in _files().items() if text in procedure.body]
        assert len(carried) == 1, f"{procedure.place} carries {carried}"
        before, after = procedure.body.split(_files()[carried[0]])
        assert not before.strip(), procedure.place
        assert not configuration_errors(after), procedure.place
        used.add(carried[0])

    assert used == set(_files())


def test_the_handler_takes_the_session_and_the_arguments_in_their_order() -> None:
    for procedure in _procedures(examples=True):
        functions = [node for node in ast.parse(procedure.body).body if isinstance(node, ast.FunctionDef)]
        (handler,) = [function for function in functions if function.name == procedure.handler]
        given = [argument.arg for argument in handler.args.args]
        compulsory = given[: len(given) - len(handler.args.defaults)]
        assert given[0] == "session", procedure.place
        if handler.name == "run":
            assert tuple(given[1:]) == procedure.arguments, procedure.place
        assert given[1 : len(procedure.arguments) + 1] == list(procedure.arguments), procedure.place
        assert len(compulsory) <= len(procedure.arguments) + 1, procedure.place


def test_a_procedure_names_the_packages_that_it_imports() -> None:
    for procedure in _procedures(examples=True):
        roots = set()
        for node in ast.walk(ast.parse(procedure.body)):
            if isinstance(node, ast.Import):
                roots |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add((node.module or "").split(".")[0])
        needed = {_PACKAGES[root] for root in roots if root in _PACKAGES} | {"snowflake-snowpark-python"}
        assert "bridge" not in roots, procedure.place
        assert procedure.packages == needed, procedure.place


def test_objects_and_variants_are_handed_on_as_json_text() -> None:
    """Python would get numbers with a fraction in them as text."""
    signatures = {match["name"]: match["arguments"] for item in deployed() if (match := _HEAD.match(item.text))}
    wrappers = [item for item in deployed() if _HEAD.match(item.text) and "LANGUAGE SQL" in item.text]

    assert {name for name, arguments in signatures.items() if re.search(r"OBJECT|VARIANT", arguments)} == {
        item.text.split("(")[0].split()[-1] for item in wrappers
    }
    for item in wrappers:
        head = _HEAD.match(item.text)
        body = _IN_SQL.fullmatch(item.text[head.end() :]) if head else None
        assert head, item.place
        assert body, item.place
        assert body["inner"] == f"{head['name']}_JSON", item.place
        # With the caller's rights, names are looked for in the caller's schema.
        assert (body["place"] is not None) == (body["rights"] == "CALLER"), item.place
        arguments = [part.split() for part in head["arguments"].split(",")]
        handed = [f"TO_JSON(:{name})" if kind in {"OBJECT", "VARIANT"} else f":{name}" for name, kind, *_ in arguments]
        assert body["given"] == ", ".join(handed), item.place
        taken = [
            " ".join([f"{name}_json", "VARCHAR", *more] if kind in {"OBJECT", "VARIANT"} else [name, kind, *more])
            for name, kind, *more in arguments
        ]
        assert " ".join(signatures[body["inner"]].split()) == ", ".join(taken), item.place


def test_procedures_that_are_called_with_the_callers_rights_name_where_they_are() -> None:
    as_caller = [item for item in deployed() if "EXECUTE AS CALLER" in item.text and "LANGUAGE PYTHON" in item.text]

    assert len(as_caller) == 2
    assert all('"ML.ML_BRIDGE"' in item.text.rpartition("def run(")[2] for item in as_caller)


def test_files_of_procedures_hold_nothing_that_would_end_their_literal_or_start_a_template() -> None:
    assert not [name for name, text in _files().items() if "$$" in text or "<%" in text]


def test_only_procedures_that_go_out_have_external_access_and_exactly_one_secret() -> None:
    texts = {item.text.partition("$$")[0] for item in deployed() if _HEAD.match(item.text)}
    going_out = {text for text in texts if "'requests'" in text}

    assert going_out == {text for text in texts if "EXTERNAL_ACCESS_INTEGRATIONS = (ML_BRIDGE_ACCESS)" in text}
    assert all(len(re.findall(r"'(\w+)' = ML_BRIDGE_\w+", text)) == 1 for text in going_out)


def test_each_door_names_the_secret_that_its_procedure_has() -> None:
    for item in deployed():
        secret = re.search(r"SECRETS = \('(\w+)' =", item.text)
        if secret and _HEAD.match(item.text):
            configuration = item.text.rpartition("def run(")[2]
            assert f'"{secret[1]}"' in configuration, item.place


@pytest.mark.parametrize(
    "code",
    [
        "import os\ndef run(session): return f()",
        "def run(session):\n    x = 1 + 1\n    return f(x)",
        "def run(session):\n    if session: return f()",
        "def run(session):\n    a = f()\n    b = g()\n    return h(a, b)",
        "def run(session): return 5",
    ],
)
def test_more_than_configuration_is_recognised(code: str) -> None:
    assert configuration_errors(code)
