"""Rules of the tree that no linter knows."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from release.package import files

ROOT = Path(__file__).parents[2]
ADAPTERS = ROOT / "bridge" / "adapters"
#: adapter -> SDK roots it may use; the standard library, bridge.* and azure.core are always allowed.
ALLOWED = {
    "arm": set(),
    "azureml": {"azure.ai.ml"},
    "azureml_clients": {"azure.ai.ml"},
    "azureml_endpoints": {"azure.ai.ml"},
    "clock": set(),
    "counting": set(),
    "credential": {"azure.identity", "jwt"},
    "datafactory": set(),
    "entra": {"jwt"},
    "entra_keys": {"jwt"},
    "eventgrid": {"azure.eventgrid"},
    "loading": set(),  # it loads, and uses nothing
    "memory": set(),
    "memory_ledger": set(),
    "memory_reactions": set(),
    "memory_reports": set(),
    "pacing": set(),
    "queue_depths": set(),
    "service_callers": set(),
    "servicebus": {"azure.servicebus"},
    "shared_sender": {"azure.servicebus"},
    "snowflake": set(),
    "snowflake_session": {"snowflake.connector"},
    "statements": set(),
    "transport": {"requests"},
    "webhooks": {"requests", "standardwebhooks"},
}
FILES_ALLOWED = {"pydantic", "pydantic_core", "yaml"}
#: Importing the app must load none of these: an HTTP instance would pay seconds and a hundred megabytes for nothing.
HEAVY = (
    "azure.ai.ml", "azure.eventgrid", "azure.servicebus", "azure.identity", "snowflake.connector", "requests",
    "cryptography", "jwt", "opentelemetry",
)  # fmt: skip
FUNCTIONS = {
    "cancel_run", "control", "create_event", "create_message", "create_run", "dashboard", "dashboard_asset",
    "dead_commands", "dead_control", "dead_events", "execute", "health", "ingest", "ingest_workspace_event",
    "list_dead_letters", "list_pipelines", "list_runs", "openapi_document", "record", "replay_dead_letter", "rerun",
    "show_dead_letter", "show_run", "snowflake_cancel_run", "snowflake_ping", "snowflake_publish_event",
    "snowflake_replay", "snowflake_rerun", "snowflake_run_and_wait", "snowflake_send_message", "snowflake_submit_run",
    "sweep",
}  # fmt: skip


def sdk_imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = ("bridge", "azure.core")
    return {name for name in found if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith(ours)}


@pytest.mark.parametrize(
    "path", sorted(path for path in ADAPTERS.rglob("*.py") if path.name != "__init__.py"), ids=lambda path: path.stem
)
def test_an_adapter_uses_only_its_own_sdk(path: Path) -> None:
    allowed = FILES_ALLOWED if path.parent.name == "files" else ALLOWED[path.stem]

    foreign = {name for name in sdk_imports(path) if not any(name == a or name.startswith(a + ".") for a in allowed)}

    assert not foreign


def run_python(code: str, environ: dict[str, str] | None = None, root: Path = ROOT) -> str:
    """Run code in a fresh interpreter, with nothing of this one's environment but what it needs."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def example_settings() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    return {name: value for name, value in values.items() if value}


def test_handlers_ask_services_and_never_the_ledger() -> None:
    asking = [
        path for path in (ROOT / "bridge" / "handlers").rglob("*.py") if re.search(r"\.ledger\b", path.read_text())
    ]

    assert asking == []


def test_importing_the_app_loads_no_heavy_sdk(example_settings: dict[str, str]) -> None:
    # What the app then does in the background is another matter.
    code = f"""
import sys
from bridge.bootstrap import App
App.warm_up = lambda self: None
import function_app
print([name for name in {HEAVY} if name in sys.modules])
"""

    assert run_python(code, example_settings).strip() == "[]"


def test_importing_the_app_works_without_any_setting() -> None:
    run_python("import function_app")


def test_the_app_as_it_is_deployed_has_all_its_functions(tmp_path: Path, example_settings: dict[str, str]) -> None:
    for name in files():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    assert not (tmp_path / "tests").exists()
    assert not (tmp_path / "sql").exists()
    assert not (tmp_path / "bridge" / "local").exists()

    code = "import function_app; print(sorted(f.get_function_name() for f in function_app.app.get_functions()))"

    assert ast.literal_eval(run_python(code, example_settings, tmp_path)) == sorted(FUNCTIONS)


def test_no_service_bus_function_has_a_retry_policy_of_its_own(example_settings: dict[str, str]) -> None:
    """The host ignores it there, and where it counts it multiplies with the broker's."""
    code = (
        "import function_app; print([f.get_function_name() for f in function_app.app.get_functions()"
        " if f.get_settings_dict('retry_policy')])"
    )

    assert run_python(code, example_settings).strip() == "[]"


def pins(path: Path) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_requirements_txt_agrees_with_pyproject(python: str) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment: dict[str, str] = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.1",
    }
    pinned: dict[str, str] = {}
    for pin in pins(ROOT / "requirements.txt"):
        if pin.marker is None or pin.marker.evaluate(environment):
            (specifier,) = pin.specifier
            assert specifier.operator == "==", f"{pin} is not pinned"
            pinned[pin.name] = specifier.version

    for text in project["dependencies"]:
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate(environment):
            assert wanted.name in pinned, f"{wanted.name} is not in requirements.txt: run make requirements"
            assert wanted.specifier.contains(pinned[wanted.name]), f"{wanted} is not {pinned[wanted.name]}"


@pytest.mark.parametrize("name", ["requirements-container.txt", "requirements-dev.txt"])
def test_another_environment_has_the_apps_own_versions(name: str) -> None:
    app = {(pin.name, str(pin.specifier), str(pin.marker)) for pin in pins(ROOT / "requirements.txt")}
    other = {(pin.name, str(pin.specifier), str(pin.marker)) for pin in pins(ROOT / name)}

    assert app <= other


@pytest.mark.parametrize(
    "name",
    ["requirements.txt", "requirements-container.txt", "requirements-dev.txt", "bridge/local/requirements.txt"],
)
def test_requirement_files_name_no_address(name: str) -> None:
    text = (ROOT / name).read_text()

    assert not re.search(r"://|--index|--find-links|--extra", text)


def test_files_and_functions_stay_short() -> None:
    too_long = []
    for path in [ROOT / "function_app.py", *(ROOT / "bridge").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 400 and "tests" not in path.parts:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        too_long += [
            f"{path.relative_to(ROOT)}: {node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 60
        ]
    assert not too_long
