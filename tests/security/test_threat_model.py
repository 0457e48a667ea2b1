"""What SECURITY.md claims can be looked up, and the roles that it asks for are narrow."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROLE = json.loads((ROOT / "examples" / "azure" / "azureml_role.json").read_text(encoding="utf-8"))
WORKSPACE = "Microsoft.MachineLearningServices/workspaces/"


def test_every_test_that_it_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/*.]+)`", TEXT))

    assert len(named) > 15
    assert not [name for name in named if not list(ROOT.glob(name))]
    assert not [name for name in re.findall(r"`(test_\w+\.py)`", TEXT) if not list(ROOT.glob(f"tests/*/{name}"))]


def test_every_threat_has_a_test_and_says_what_is_left() -> None:
    table = TEXT.partition("| threat |")[2].partition("\n\n")[0]
    rows = [row.strip("|").split(" | ") for row in table.splitlines()[2:]]

    assert len(rows) > 15
    assert not [row for row in rows if len(row) != 4 or "tests/" not in row[2] or not row[3].strip()]


def test_the_role_for_azure_ml_has_no_wildcard_no_secret_and_no_delete() -> None:
    actions = ROLE["Actions"]

    assert not [action for action in actions if not action.startswith(WORKSPACE)]
    assert not [
        action for action in actions if re.search(r"\*|secret|key|delete|computes/write", action, re.IGNORECASE)
    ]
    assert {f"{WORKSPACE}jobs/{right}" for right in ("read", "write", "cancel/action")} <= set(actions)
    assert ROLE["DataActions"] == []
