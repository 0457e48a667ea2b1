"""A release: the package that is deployed, and what the changelog says of the version."""

import zipfile
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

from bridge import __version__
from release import __main__ as command
from release.notes import NotReady, check, section

CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.3] — 2026-11-30

### Added
- Something.

## [1.2.2] — 2026-10-01
- Older.
"""


def test_the_package_has_the_app_and_nothing_else(tmp_path: Path) -> None:
    assert command.main(["zip", str(tmp_path / "dist" / "app.zip")]) == 0

    with zipfile.ZipFile(tmp_path / "dist" / "app.zip") as archive:
        names = set(archive.namelist())
    assert {"function_app.py", "host.json", "requirements.txt", "pipelines.yaml", "rules.yaml"} <= names
    assert {"bridge/assembly.py", "bridge/adapters/snowflake.sql"} <= names
    top = {
        "audit",
        "benchmarks",
        "docs",
        "examples",
        "infra",
        "reference",
        "release",
        "sql",
        "tests",
        ".github",
        ".venv",
    }
    assert {name for name in names if name.split("/")[0] in top} == set()
    assert {name for name in names if name.startswith(("bridge/local/", "bridge/cli/", "local.settings"))} == set()


def test_what_git_does_not_keep_is_not_deployed() -> None:
    """What `azd up` writes beside the app, values with secrets, caches: both files have to name it."""
    root = Path(__file__).parents[2]
    deployed = GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    kept_out = [line.replace("*", "x") for line in (root / ".gitignore").read_text(encoding="utf-8").splitlines()]

    assert [name for name in kept_out if not deployed.match_file(f"{name}x" if name.endswith("/") else name)] == []


def test_the_same_files_are_the_same_package(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        command.main(["zip", str(tmp_path / name)])

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_notes_are_the_versions_section() -> None:
    assert section("v1.2.3", CHANGELOG) == "### Added\n- Something.\n"
    assert section("v1.2.2", CHANGELOG) == "- Older.\n"


@pytest.mark.parametrize(
    ("tag", "version", "told"),
    [
        ("1.2.3", "1.2.3", "give v and three numbers"),
        ("v1.2", "1.2.3", "give v and three numbers"),
        ("v1.2.3\n", "1.2.3", "give v and three numbers"),
        ("v1.2.4", "1.2.3", "the tag is v1.2.4, but bridge/__init__.py and pyproject.toml say 1.2.3"),
        ("v1.2.4", "1.2.4", "give the version its date"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(tag: str, version: str, told: str) -> None:
    with pytest.raises(NotReady, match=told):
        check(tag, version, CHANGELOG)


def test_a_tag_that_fits_is_taken() -> None:
    check("v1.2.3", "1.2.3", CHANGELOG)


def test_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["notes", "v999.0.0"]) == 1

    assert "CHANGELOG.md has no heading" in capsys.readouterr().err


def test_the_project_and_the_app_have_one_version() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")

    assert f'version = "{__version__}"' in project
