"""The generated pages are current, and what the codes' table says is what the app does."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from bridge.domain.inputs import ValueCode
from bridge.handlers.openapi.operations import OPERATIONS
from bridge.handlers.runs import REJECTION_STATUS
from reference import __main__ as command
from reference.codes import CODES
from tests.docs.test_readme import Block, blocks

ROOT = Path(__file__).parents[2]
HTTP_API = ROOT / "docs" / "http-api.md"
#: What runs, rules and dead letters have; docs/operations.md tells them.
OF_RUNS_AND_RULES = {
    "BAD_EVENT", "CONFLICT", "DEAD_LETTERED", "FOREIGN_COMPONENT", "FOREIGN_WORKSPACE", "UNKNOWN_TOPIC",
}  # fmt: skip


@pytest.mark.parametrize("name", command.PAGES)
def test_a_page_is_as_the_code_would_write_it(name: str) -> None:
    current = (ROOT / "docs" / name).read_text(encoding="utf-8")

    assert current == command.PAGES[name](), f"docs/{name} is not current: run python -m reference"


def test_a_page_that_is_not_current_is_told_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "DOCS", tmp_path)

    assert command.main(["--check"]) == 1
    assert "docs/settings.md is not current: run python -m reference" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

    assert command.main([]) == 0
    assert command.main(["--check"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(command.PAGES)


@pytest.mark.parametrize("block", blocks(HTTP_API, "sh"), ids=str)
def test_a_command_calls_a_route_with_a_body_that_it_takes(block: Block) -> None:
    """That the example of each body is taken is tested where `openapi.json` is."""
    words = shlex.split(block.text.replace("\\\n", " "))
    method = words[words.index("-X") + 1].lower() if "-X" in words else "get"
    (url,) = [word for word in words if word.startswith("$BRIDGE_URL")]
    path = url.removeprefix("$BRIDGE_URL/api/v1").replace("$RUN_ID", "{run_id}")
    path = path.replace("$DEAD_LETTER_ID", "{dead_letter_id}")

    (operation,) = [each for each in OPERATIONS if (each.method, each.path) == (method, path)]
    assert (json.loads(words[words.index("-d") + 1]) if "-d" in words else None) == operation.body_example
    assert ("-H" in words) != operation.is_open


@pytest.mark.parametrize("block", blocks(HTTP_API, "json"), ids=str)
def test_what_is_shown_as_json_is_json(block: Block) -> None:
    json.loads(block.text)


def codes_of_the_app() -> set[str]:
    """Whatever a violation or a refusal is given as its code, and the words that choose among several."""
    found = set(get_args(ValueCode)) | {"NULL_INPUT", "MISSING_INPUT"}  # decided between in one line
    for part in ("domain", "services", "handlers", "payloads"):
        for path in (ROOT / "bridge" / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                    found.add(str(node.value.value))
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {"_bad", "_violation", "_refusal"}:
                    words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                    found |= {word for word in words if isinstance(word, str) and re.fullmatch(r"[A-Z_]+", word)}
    return found


def test_every_code_of_a_refused_request_is_told() -> None:
    told = {code.name for code in CODES}

    assert len(told) == len(CODES)
    assert codes_of_the_app() - OF_RUNS_AND_RULES <= told
    assert set(REJECTION_STATUS) <= told


def test_every_code_that_is_told_exists() -> None:
    parts = ("domain", "services", "handlers", "adapters")
    source = "".join(path.read_text("utf-8") for part in parts for path in (ROOT / "bridge" / part).glob("*.py"))

    assert {code.name for code in CODES if f'"{code.name}"' not in source} == set()
