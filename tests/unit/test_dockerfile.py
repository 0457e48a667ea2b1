"""The image as far as it can be known without building it: what it would hold, and that the app starts from that."""

import json
import os
import re
import shlex
import shutil
from functools import cache
from pathlib import Path

import pytest

from bridge.container.application import Role
from tests.container_process import running_container
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
#: Where the image is made to look like a service that reaches nobody.
NOBODY = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;"


def instructions() -> list[tuple[str, str]]:
    """As (instruction, arguments), comments and line ends removed."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in instructions() if name == instruction]


def is_ignored(name: str) -> bool:
    """By .dockerignore, as Docker reads it: a rule is for a path and all below it, and the last one counts."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    ignored = False
    for line in lines:
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(rf"{pattern}(?:/.*)?", name):
            ignored = not line.startswith("!")
    return ignored


@cache
def context() -> frozenset[str]:
    """Files that a build would be sent; what is beside the tree's own is not looked through."""
    found = set()
    for directory, names, files in os.walk(ROOT):
        names[:] = [name for name in names if not name.startswith((".venv", ".git"))]
        found |= {str((Path(directory) / name).relative_to(ROOT)) for name in files}
    return frozenset(name for name in found if not is_ignored(name))


def copied() -> dict[str, str]:
    """Target below /app, by file of the context."""
    found: dict[str, str] = {}
    for rest in arguments("COPY"):
        *sources, target = shlex.split(rest)
        if sources[0].startswith("--from="):
            continue
        for source in sources:
            matched = {name for name in context() if name == source or name.startswith(f"{source}/")}
            assert matched, f"COPY {source}: the context has no such file"
            found |= {name: target.rstrip("/") + name.removeprefix(source) for name in matched if name != source}
            found |= {name: name for name in matched if name == source}
    return found


def test_the_image_holds_the_app_and_nothing_else() -> None:
    files = set(copied())

    assert {"function_app.py", "host.json", "pipelines.yaml", "rules.yaml", "bridge/adapters/snowflake.sql"} <= files
    assert files == context()
    outside = (
        "tests",
        "docs",
        "sql",
        "bridge/local",
        "bridge/cli",
        "bridge/deploy",
        "bridge/procedures",
        ".git",
        ".venv",
    )
    assert not [name for name in files if name.startswith(outside) or "settings.json" in name or "__pycache__" in name]
    assert {name for name in files if not name.startswith("bridge/")} == {
        *("function_app.py", "host.json", "pipelines.yaml", "rules.yaml", "requirements-container.txt")
    }


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".git/config",
        ".venv/bin/python",
        "local.settings.json",
        "values.yaml",
        "bridge/local/keys/a",
        "tests/x.py",
    ],
)
def test_nothing_that_may_be_secret_is_even_sent(name: str) -> None:
    assert is_ignored(name)


def test_what_runs_is_not_root_and_ends_as_it_is_told_to() -> None:
    assert arguments("USER") == ["10001:10001"]
    assert arguments("STOPSIGNAL") == ["SIGTERM"]
    images = [rest.split() for rest in arguments("FROM")]
    assert [image[0] for image in images] == ["python:3.13-slim"] * 2
    last_stage = instructions()[[name for name, _ in instructions()].index("LABEL") :]
    assert not [rest for _, rest in last_stage if re.search(r"pip |apt|curl|ARG|SECRET|KEY", rest)]


def test_the_commands_are_those_that_there_are() -> None:
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    (check,) = arguments("HEALTHCHECK")

    assert json.loads(entry) == ["python", "-m", "bridge.container"]
    role, *options = json.loads(command)
    assert Role(role) is Role.ALL
    assert options[2:] == ["--port", *arguments("EXPOSE")]
    assert json.loads(check.partition("CMD ")[2]) == ["python", "-m", "bridge.container.probes", *arguments("EXPOSE")]


@pytest.mark.timeout(180)
def test_the_app_starts_from_what_the_image_holds(tmp_path: Path) -> None:
    tree = tmp_path / "app"
    for source, target in copied().items():
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, tree / target)
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    settings = {name: value for name, value in values.items() if value} | {"ServiceBusConnection": NOBODY}

    with running_container("http", settings | {"BRIDGE_FUNCTION_KEYS": "a-key-of-16-chars"}, tmp_path, app=tree) as app:
        eventually(lambda: app.status("/live") == 200, 60, what=app.log)
        assert app.status("/api/v1/health") == 200
        assert app.status("/api/v1/pipelines") == 401
