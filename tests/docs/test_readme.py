"""What the documentation shows is run: a block that nobody checks is wrong before long."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.adapters.files.pipelines_file import parse_catalogue
from bridge.local import demo
from bridge.local.control_server import control_server
from bridge.local.endpoints import EVENTS_TOPIC, FUNCTION_KEY, QUEUES, Ports, service_bus_config, url
from bridge.local.processes import OFFLINE
from bridge.local.stack import HOST, Stack, local_stack
from bridge.payloads.commands import read_submit
from bridge.payloads.control import read_control
from bridge.payloads.records import read_records
from bridge.settings.catalogue import SETTINGS
from reference.codes import CODES
from tests.e2e.driver import Driver, run_id_of
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
QUEUES_PAGE, LAPTOP = ROOT / "docs" / "queues.md", ROOT / "docs" / "laptop.md"
DEPLOY = ROOT / "docs" / "deploy.md"
SNOWFLAKE = ROOT / "docs" / "snowflake.md"
OPERATIONS = ROOT / "docs" / "operations.md"
CHURN = ROOT / "examples" / "azureml" / "churn" / "README.md"
WITH_SQL = (README, SNOWFLAKE, OPERATIONS, CHURN)
OTHERS = tuple(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY"))
DOCUMENTS = (README, ARCHITECTURE, QUEUES_PAGE, LAPTOP, SNOWFLAKE, *OTHERS)
LANGUAGES = {"sql", "sh", "bash", "json", "yaml", "text"}
#: Longer than a run takes to show up as ended.
PATIENCE = 60.0
#: Statuses of the emulated services must not leak from one block into the next.
SERVICES = ("azure_ml", "service_bus", "snowflake", "event_grid")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(document: Path, *languages: str) -> list[Block]:
    found: list[Block] = []
    language, start, lines = None, 0, list[str]()
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip().startswith("```"):
            lines.append(line)
        elif language is None:
            language, start, lines = line.strip().removeprefix("```"), number, []
        else:
            found.append(Block(document.name, start, language, "\n".join(lines)))
            language = None
    assert language is None, f"{document.name}:{start} is not closed"
    return [block for block in found if not languages or block.language in languages]


def section(document: Path, title: str) -> str:
    """The text under a heading."""
    parts = re.split(r"^## ", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return next(part for part in parts if part.startswith(f"{title}\n"))


def table(text: str) -> list[list[str]]:
    """The cells of the first table, without its head."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def names(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack() as running, control_server(running):
        yield running


@pytest.fixture(scope="module")
def _driver(stack: Stack) -> Iterator[Driver]:
    with Driver(stack) as driver:
        yield driver


@pytest.fixture
def driver(_driver: Driver, stack: Stack) -> Iterator[Driver]:
    yield _driver
    for service in SERVICES:
        stack.call(service, "DELETE", "/faults")
        stack.outage(service, down=False)
    if not stack.processes[HOST].is_running:
        stack.start_host()


# Every block


@pytest.mark.parametrize("block", [block for document in DOCUMENTS for block in blocks(document)], ids=str)
def test_a_block_is_of_a_language_that_is_checked(block: Block) -> None:
    assert block.language in LANGUAGES
    run = {README.name: LANGUAGES, SNOWFLAKE.name: {"sql"}}.get(block.document, {"json"})
    assert block.language in run | {"text"}, "nothing runs this block"


# SQL


@pytest.mark.parametrize("block", [block for document in WITH_SQL for block in blocks(document, "sql")], ids=str)
def test_sql_is_executed_and_answers_as_shown(block: Block, driver: Driver) -> None:
    found = statements(block.text)
    assert found
    if "wait_for_run" in block.text:  # for a run that is there: for another it would wait in vain
        driver.create("churn-training", "nightly-2026-11-02", as_of="2026-11-02")

    for sql, answer in found:
        if answer is None:
            driver.sql(sql)
        else:
            shows(driver, sql, answer)
        if task := re.match(r"CREATE OR REPLACE TASK .*? AS\n(?P<body>.*)", sql, re.DOTALL):
            driver.sql(task["body"])  # the emulator accepts a task without a look at what it does


def statements(text: str) -> list[tuple[str, str | None]]:
    """Each statement, and the answer in the remark after it."""
    found: list[tuple[str, str | None]] = []
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("-- "):
            found[-1] = (found[-1][0], line.removeprefix("-- "))
            continue
        lines.append(line)
        if line.endswith(";"):
            found.append(("\n".join(lines).rstrip(";"), None))
            lines = []
    assert not lines, f"a statement without a semicolon: {lines}"
    return found


def shows(driver: Driver, sql: str, answer: str) -> None:
    """Wait until the first row is the answer."""
    seen: list[Any] = []

    def agrees() -> bool:
        seen[:] = driver.sql(sql)
        return bool(seen) and is_answer(answer, seen[0])

    eventually(agrees, PATIENCE, what=lambda: f"{sql}\nanswers {seen[:1]}, the README shows {answer}")


def is_answer(shown: str, row: tuple[Any, ...]) -> bool:
    if shown.startswith("{"):
        wanted, actual = json.loads(shown), json.loads(row[0])
        return wanted.keys() == actual.keys() and all(is_cell(wanted[name], actual[name]) for name in wanted)
    cells = shown.split(" | ")
    return len(cells) == len(row) and all(map(is_cell, cells, row))


def is_cell(shown: str, value: Any) -> bool:
    """Times differ from run to run; "…" stands for any text."""
    if isinstance(value, datetime):
        return datetime.strptime(shown, "%Y-%m-%d %H:%M:%S") is not None  # noqa: DTZ007 - only its form counts
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, str(value), re.DOTALL) is not None


# Shell


def check_make(command: str) -> None:
    target = shlex.split(command)[1]
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def check_up(command: str) -> None:
    """Its flags exist; that it works is tested where the stack is."""
    assert set(re.findall(r"--[\w-]+", command)) <= flags_of_up()


def flags_of_up() -> set[str]:
    command = [sys.executable, "-m", "bridge.local", "up", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"--[\w-]+", done.stdout))


def check_export(command: str) -> None:
    found = re.search(r"bridge\.local up --port-base (\d+)", README.read_text(encoding="utf-8"))
    assert found
    ports = Ports.choose(int(found[1]))
    wanted = {"BRIDGE_URL": url(ports.functions), "BRIDGE_KEY": FUNCTION_KEY, "CONTROL_URL": url(ports.control)}
    assert dict(word.split("=", 1) for word in shlex.split(command)[1:]) == wanted


def check_dry_run(command: str) -> None:
    words = [sys.executable, *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "CREATE OR REPLACE PROCEDURE START_RUN" in done.stdout


def check_rules(command: str) -> None:
    words = [sys.executable, *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "retrain-on-drift" in done.stdout or "usable" in done.stdout) == (0, True), done.stderr


#: Commands that are not run here, and what is checked instead.
RECOGNISED: dict[str, Callable[[str], None]] = {
    r"make [\w-]+( VALUES=\S+)?": check_make,
    r"\.venv/bin/python -m bridge\.local up( .*)?": check_up,
    r"export BRIDGE_URL=.*": check_export,
    r"\.venv/bin/python -m bridge rules .*": check_rules,
    r"\.venv/bin/python -m bridge sql render .*": check_dry_run,
}
#: What a reader's shell has, with a curl that fails when the answer is an error.
PRELUDE = 'set -euo pipefail\ncurl() { command curl --fail --silent --show-error --noproxy "*" --max-time 60 "$@"; }\n'


@pytest.mark.parametrize("block", blocks(README, "sh", "bash"), ids=str)
def test_shell_commands_work(block: Block, driver: Driver, tmp_path: Path) -> None:
    rest = []
    for line in block.text.replace("\\\n", " ").splitlines():
        check = next((check for pattern, check in RECOGNISED.items() if re.fullmatch(pattern, line)), None)
        if check:
            check(line)
        else:
            rest.append(line)
    if rest:
        assert any(not line.lstrip().startswith("#") for line in rest), "nothing in it is run"
        run_shell("\n".join(rest), driver, tmp_path)


def run_shell(script: str, driver: Driver, directory: Path) -> None:
    """As a reader would in the repository, after `up`."""
    assert shutil.which("curl"), "the README's commands need curl: install it to run this test"
    endpoints = driver.stack.endpoints
    run_id = driver.create()
    eventually(lambda: run_id in driver.jobs(), PATIENCE)  # nobody knows a run that is younger
    (directory / "endpoints.json").write_text(json.dumps(endpoints), encoding="utf-8")
    (directory / ".venv").symlink_to(sys.prefix)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "BRIDGE_URL": endpoints["functions"]["base_url"],
        "BRIDGE_KEY": endpoints["functions"]["key"],
        "CONTROL_URL": endpoints["control"]["base_url"],
        "RUN_ID": run_id,
        **OFFLINE,
    }
    done = subprocess.run(
        ["bash", "-c", PRELUDE + script],
        cwd=directory, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


# JSON and YAML


@pytest.mark.parametrize("block", [*blocks(README, "json"), *blocks(QUEUES_PAGE, "json")], ids=str)
def test_json_is_a_body_that_a_queue_takes(block: Block) -> None:
    document = json.loads(block.text)

    if "pipeline" in document:
        body = read_submit(block.text)
        assert body.is_command == ("run_id" in document)
    elif "op" in document:
        assert read_control(block.text).message_id
    else:
        records = read_records(block.text)
        assert len(records) == sum(len(rows) for rows in document.values() if isinstance(rows, list))


def test_a_message_as_shown_starts_a_run(driver: Driver) -> None:
    (block,) = blocks(README, "json")
    body = json.loads(block.text)

    driver.post_to_queue("run-commands", body, "any")

    run_id = run_id_of(body["pipeline"], body["idempotency_key"])
    driver.wait_for(run_id, "COMPLETED")
    assert driver.sql("SELECT source, principal FROM runs WHERE run_id = ?", run_id) == [("queue:run-commands",) * 2]


@pytest.mark.parametrize("block", blocks(README, "yaml"), ids=str)
def test_yaml_is_a_pipelines_file(block: Block) -> None:
    assert yaml.safe_load(block.text)["version"] == 1
    catalogue = parse_catalogue(block.text.encode(), str(block), workspaces=None)

    assert catalogue.names()


# Text that repeats what the code says


def test_the_readme_is_short() -> None:
    assert README.read_text(encoding="utf-8").count("\n") <= 250
    assert ARCHITECTURE.read_text(encoding="utf-8").count("\n") <= 150


def test_the_demos_statements_are_those_of_the_demo() -> None:
    (shown,) = [block for block in blocks(README, "text") if block.text.startswith("> SELECT")]

    found = re.findall(r"^> (.*);$", shown.text, re.MULTILINE)

    assert found
    assert set(found) <= {sql for _, statements in demo.DOORS for sql in statements}


def test_the_settings_that_the_readme_names_exist() -> None:
    shown = {name for row in table(section(README, "Settings")) for name in names(row[0])}

    assert shown
    assert shown <= set(SETTINGS)


def test_the_settings_tables_defaults_are_those_of_the_code() -> None:
    shown: dict[str, str] = {}
    for row in table(section(README, "Settings")):
        defaults = [part.strip().strip("`") for part in row[1].split(",")] if row[1] else []
        if defaults:
            shown |= zip(names(row[0]), defaults, strict=True)

    assert {name: default for name, default in shown.items() if default != (SETTINGS[name].default or "none")} == {}


def test_the_codes_of_rejections_exist() -> None:
    """docs/http-api.md has them all."""
    shown = {code for row in table(section(README, "Start, look at, cancel a run")) for code in names(row[0])}

    assert shown - {code.name for code in CODES} - {"BAD_EVENT"} == set()


def test_the_codes_of_failed_runs_exist() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for part in ("services", "handlers", "adapters")
        for path in (ROOT / "bridge" / part).glob("*.py")
    )
    shown = set(re.findall(r"`([A-Z]+_[A-Z]+)`", section(README, "When something fails")))
    tables_and_settings = {"DEAD_LETTERS", "RETRY_TRIES", "RETRY_SCHEDULED"}

    assert {code for code in shown - tables_and_settings if f'"{code}"' not in source} == set()


def test_the_queues_are_as_on_the_laptop() -> None:
    deploy = section(DEPLOY, "By hand")
    (namespace,) = service_bus_config()["UserConfig"]["Namespaces"]

    assert {queue["Name"] for queue in namespace["Queues"]} == {*QUEUES.values(), EVENTS_TOPIC}
    for queue in namespace["Queues"]:
        if queue["Name"] == EVENTS_TOPIC:
            continue  # no queue of the app
        properties = queue["Properties"]
        minutes = properties["LockDuration"].removeprefix("PT").removesuffix("M")
        detection = ", duplicate detection over 10 minutes" if properties["RequiresDuplicateDetection"] else ""
        unit = "minute" if minutes == "1" else "minutes"
        assert f"`{queue['Name']}` (lock {minutes} {unit}{detection})" in deploy
        assert properties["DuplicateDetectionHistoryTimeWindow"] == "PT10M"
        assert properties["MaxDeliveryCount"] == 10
        assert "at most 10 deliveries" in deploy
        assert properties["DefaultMessageTimeToLive"] == "P14D"
        assert "time to live 14 days" in deploy


def test_the_flags_of_up_are_explained() -> None:
    prose = re.sub(r"```.*?```", "", section(README, "The laptop stack"), flags=re.DOTALL)

    assert set(re.findall(r"--[\w-]+", prose)) == flags_of_up() - {"--help"}


def test_the_fault_kinds_exist() -> None:
    text = section(LAPTOP, "The laptop stack")
    rows = table(text[text.index("| service |") :])
    packages = {"functions": "host", "azure_ml": "aml", "service_bus": "servicebus", "event_grid": "eventgrid"}

    assert {names(row[0])[0] for row in rows} == {*packages, "snowflake", "entra"}
    for row in rows:
        (service,) = names(row[0])
        directory = ROOT / "bridge" / "local" / packages.get(service, service)
        source = "".join(path.read_text(encoding="utf-8") for path in directory.glob("*.py"))
        kinds = names(re.sub(r"\([^)]*\)", "", row[1]))
        assert kinds
        assert {kind for kind in kinds if f'"{kind}"' not in source} == set()
