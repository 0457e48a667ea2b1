"""The workflows of GitHub: valid, with few rights, actions pinned, and about the same versions as the project."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
TOOLS = Path(sys.executable).parent
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-forms": sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml")),
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
}
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=False)


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def test_zizmor_finds_nothing() -> None:
    done = run(TOOLS / "zizmor", "--offline", "--no-progress", "--color", "never", GITHUB)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_file_has_the_form_that_github_wants(schema: str) -> None:
    done = run(TOOLS / "check-jsonschema", "--builtin-schema", schema, *SCHEMAS[schema])

    assert SCHEMAS[schema]
    assert done.returncode == 0, done.stdout + done.stderr


@each_workflow
def test_an_action_is_pinned_and_says_which_version_that_is(path: Path) -> None:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]

    assert lines
    assert [line for line in lines if not re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_an_action_is_the_same_everywhere() -> None:
    used = {str(step["uses"]) for path in WORKFLOWS for step in steps(path) if "uses" in step}

    names = [action.partition("@")[0] for action in used]
    assert len(names) == len(set(names)), sorted(used)


@each_workflow
def test_a_job_has_the_rights_that_it_names_and_no_others(path: Path) -> None:
    workflow = read(path)

    assert workflow["permissions"] == {}
    assert [name for name, job in workflow["jobs"].items() if not job["permissions"]] == []
    assert "secrets." not in path.read_text(encoding="utf-8"), "nothing here needs a secret of its own"


def test_only_the_release_may_write() -> None:
    writing = {
        path.stem for path in WORKFLOWS for job in read(path)["jobs"].values() if "write" in job["permissions"].values()
    }

    assert writing == {"release"}


def test_the_tests_run_on_every_python_that_the_project_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    matrix = read(GITHUB / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]

    found = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"])
    assert found
    assert matrix["python"] == [f"3.{minor}" for minor in range(int(found[1]), int(found[2]))]
    assert matrix["include"] == [{"os": "macos-latest", "python": matrix["python"][-1]}]


def test_the_image_of_a_release_is_that_of_the_repository() -> None:
    (build,) = [
        step["with"] for step in steps(GITHUB / "workflows" / "release.yml") if "platforms" in step.get("with", {})
    ]

    assert (ROOT / build["context"] / "Dockerfile").is_file()


@each_workflow
def test_what_a_step_runs_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = "\n".join(step.get("run", "") for step in steps(path))

    for name in re.findall(r"^(\.\S+/\S+)$", commands, re.MULTILINE):
        assert (ROOT / name).is_file()
    for target in re.findall(r"^make (\S+)", commands, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
