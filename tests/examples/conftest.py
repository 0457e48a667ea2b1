"""The example's scripts, run as Azure ML runs them: in a process of their own, with the packages of a job."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from bridge.local.processes import EMULATOR_PYTHON, minimal_environment
from tests.emulators.snowflake_service import SnowflakeService

AZUREML = Path(__file__).parents[2] / "examples" / "azureml"
EXAMPLE = AZUREML / "read_snowflake"
CHURN = AZUREML / "churn"


def filled(command: str, **given: str) -> str:
    """A component's command as a shell gets it: with its inputs and outputs, without parts for inputs that are not."""

    def optional(part: re.Match[str]) -> str:
        return part[1] if set(re.findall(r"\$\{\{\w+\.(\w+)\}\}", part[1])) <= set(given) else ""

    kept = re.sub(r"\$\[\[(.*?)\]\]", optional, command)
    return re.sub(r"\$\{\{\w+\.(\w+)\}\}", lambda found: given[found[1]], kept)


class RunScript(Protocol):
    def __call__(
        self, *arguments: str, script: str = ..., environment: Mapping[str, str] | None = ...
    ) -> "subprocess.CompletedProcess[str]": ...


@pytest.fixture(scope="module")
def snowflake() -> Iterator[SnowflakeService]:
    with SnowflakeService() as service:
        yield service


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """Run one of the scripts, or with `-c` a few lines that import them."""

    def run(
        *arguments: str, script: str = "read_snowflake.py", environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        command = ["-c", script] if "\n" in script else [str(EXAMPLE / script)]
        return subprocess.run(
            [str(EMULATOR_PYTHON), *command, *arguments],
            cwd=tmp_path,
            env={**minimal_environment(), "PYTHONPATH": str(EXAMPLE), **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    os.environ.pop("READ_SNOWFLAKE_LAPTOP", None)
    return run
