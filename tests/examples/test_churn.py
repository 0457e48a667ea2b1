"""The churn pipelines: the repository's own pipelines.yaml can be run with them, and their steps are run here."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.adapters.files.pipelines_file import load_catalogue
from bridge.domain.inputs import InputError, InputSpec, InputType
from tests.docs.test_readme import blocks
from tests.examples.conftest import CHURN, filled

ROOT = Path(__file__).parents[2]
CATALOGUE = load_catalogue(ROOT / "pipelines.yaml", workspaces=None)
LAPTOP = {each["name"]: each for each in json.loads((ROOT / "bridge/local/components.json").read_text())["components"]}
SPECS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in CHURN.glob("*.yaml")}
PIPELINES = {spec["name"]: spec for spec in SPECS.values() if spec.get("type") == "pipeline"}
#: What Azure ML has for a kind of input.
AML_TYPES = {InputType.DATE: "string", InputType.TIMESTAMP: "string"}
#: What a shell would read, and what would end a quoted text.
HOSTILE = ("it's", "'; touch stolen; '", "a\nb", "$(id)'")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def step_of(spec: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = SPECS[Path(spec["jobs"][name]["component"]).name]
    return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a step's command as a node of Azure ML does: by a shell, where the code lies."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)

    def start(file: str, **given: str) -> "subprocess.CompletedProcess[str]":
        spec = SPECS[file]
        defaults = {name: str(each["default"]) for name, each in spec["inputs"].items() if "default" in each}
        return subprocess.run(
            ["bash", "-c", filled(spec["command"], **{**defaults, **given})],
            cwd=(CHURN / spec["code"]).resolve(),
            env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return start


# What the files say of each other


@pytest.mark.parametrize("name", CATALOGUE.names())
def test_a_pipeline_of_the_repository_has_its_component_here_and_on_the_laptop(name: str) -> None:
    pipeline = CATALOGUE.find(name)
    assert pipeline is not None
    _, component, version = pipeline.component.split(":")
    inputs = PIPELINES[component]["inputs"]

    assert version == PIPELINES[component]["version"] == LAPTOP[component]["version"]
    assert {key: AML_TYPES.get(spec.type, spec.type.value) for key, spec in pipeline.inputs.items()} == {
        key: each["type"] for key, each in inputs.items()
    }
    assert {key: (each["type"], each.get("optional", False)) for key, each in inputs.items()} == {
        key: (each["type"], each.get("optional", False)) for key, each in LAPTOP[component]["inputs"].items()
    }


def test_the_laptop_has_no_other_components() -> None:
    assert set(LAPTOP) == set(PIPELINES)


def inputs_in_commands() -> list[tuple[str, str, InputSpec]]:
    """The texts of callers that a step's command has."""
    found = []
    for name in CATALOGUE.names():
        pipeline = CATALOGUE.find(name)
        assert pipeline is not None
        spec = PIPELINES[pipeline.component.split(":")[1]]
        for job in spec["jobs"].values():
            command = SPECS[Path(job["component"]).name]["command"]
            for inner, bound in job["inputs"].items():
                outer = re.fullmatch(r"\$\{\{parent\.inputs\.(\w+)\}\}", str(bound))
                if outer and f"${{{{inputs.{inner}}}}}" in command:
                    found.append((name, outer[1], pipeline.inputs[outer[1]]))
    return found


@pytest.mark.parametrize(
    ("pipeline", "name"), [(pipeline, name) for pipeline, name, spec in inputs_in_commands() if spec.type == "string"]
)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_that_a_shell_would_read_gets_into_a_command(pipeline: str, name: str, text: str) -> None:
    found = CATALOGUE.find(pipeline)
    assert found is not None

    with pytest.raises(InputError):
        found.inputs[name].accept(text)


@pytest.mark.parametrize("file", [name for name, spec in SPECS.items() if "command" in spec])
def test_whatever_is_pasted_into_a_command_is_quoted_or_a_number(file: str) -> None:
    spec = SPECS[file]
    bare = re.findall(r"(?<!')\$\{\{inputs\.(\w+)\}\}", spec["command"])

    assert {spec["inputs"][name]["type"] for name in bare} <= {"integer", "number"}


# What the steps do


def test_a_model_is_trained_looked_at_and_used(run: Run, tmp_path: Path) -> None:
    trained = run("train.yaml", as_of="2026-11-01", model=str(tmp_path / "model"))
    assert trained.returncode == 0, trained.stderr
    model = json.loads((tmp_path / "model" / "model.json").read_text())
    dry = run("register.yaml", model=str(tmp_path / "model"), dry="True")

    assert model["rows"] == 1000
    assert model["metrics"]["auc"] > 0.8
    by_name = dict(zip(model["features"], model["weights"], strict=True))
    assert by_name["tickets"] > 0 > by_name["orders"]  # who complains leaves, who orders stays
    assert (dry.returncode, "dry: churn would be registered" in dry.stderr) == (0, True)


def test_the_same_day_gives_the_same_model_and_another_day_another(run: Run, tmp_path: Path) -> None:
    days = ("2026-11-01", "2026-11-01", "2026-11-02")
    for number, day in enumerate(days):
        run("train.yaml", as_of=day, rows="200", segment="new", model=str(tmp_path / str(number)))
    first, again, other = [(tmp_path / str(number) / "model.json").read_text() for number in range(3)]

    assert first == again != other
    assert json.loads(first)["segment"] == "new"


def test_own_customers_are_scored(tmp_path: Path) -> None:
    step = [sys.executable, str(CHURN / "churn.py")]
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers" / "part.csv").write_text(
        "CUSTOMER_ID,TENURE_MONTHS,ORDERS,TICKETS,DISCOUNT\nstays,60,10,0,0.1\nleaves,2,0,6,0.1\n"
    )
    subprocess.run(
        [*step, "train", "--as-of", "2026-11-01", "--rows", "400", "--output", "model"], cwd=tmp_path, check=True
    )

    words = ["score", "--model", "model", "--customers", "customers", "--output", "scores"]
    subprocess.run([*step, *words], cwd=tmp_path, check=True)

    with (tmp_path / "scores" / "scores.csv").open(newline="") as file:
        scores = {row["CUSTOMER_ID"]: float(row["CHURN"]) for row in csv.DictReader(file)}
    assert scores["leaves"] > 0.9
    assert scores["stays"] < 0.1


@pytest.mark.parametrize(
    ("file", "given", "told"),
    [
        ("train.yaml", {"as_of": "2026-11-01", "rows": "3", "model": "/tmp"}, "too few"),  # noqa: S108 - never written
        ("register.yaml", {"model": "."}, "no model.json"),
        ("score.yaml", {"model": "nothing", "scores": "."}, "give name:version, such as churn:4"),
        ("fail.yaml", {"reason": "column AS_OF is missing"}, "column AS_OF is missing"),
    ],
)
def test_what_cannot_be_used_is_told(run: Run, file: str, given: dict[str, str], told: str) -> None:
    done = run(file, **given)

    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("row", "told"),
    [("a,1,2,x,0.1", "could not convert"), ("a,1,2,,0.1", "part.csv, row 1: no tickets")],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, row: str, told: str) -> None:
    (tmp_path / "part.csv").write_text(f"customer_id,tenure_months,orders,tickets,discount\n{row}\n")
    words = ["train", "--customers", ".", "--output", "model"]
    done = subprocess.run(
        [sys.executable, str(CHURN / "churn.py"), *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_the_readmes_commands_without_azure_work(tmp_path: Path) -> None:
    (script,) = (block.text for block in blocks(CHURN / "README.md", "sh") if "python churn.py" in block.text)
    shutil.copy(CHURN / "churn.py", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)

    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scores" / "scores.csv").read_text().startswith("CUSTOMER_ID,CHURN\n20260101-0,")


def test_the_readme_registers_every_pipeline() -> None:
    text = (CHURN / "README.md").read_text(encoding="utf-8")

    named = set(re.findall(r"az ml component create (?:-f|--file) (\S+)", text))
    assert named == {name for name, spec in SPECS.items() if spec.get("type") == "pipeline"}
