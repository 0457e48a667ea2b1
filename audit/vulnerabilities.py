"""`python -m audit.vulnerabilities`: whether any distribution that a deployment installs has a known vulnerability.

Exit codes: 0, every one was looked up and none has any; 1, some have; 3, some could not be looked up, because the
data is on the network. pip-audit itself calls it a success when it could look up nothing at all.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from audit.requirements import FILE, pinned

FOUND, UNKNOWN = 1, 3
#: Names of those that could not be looked up.
SHOWN = 10
COMMAND = (
    sys.executable, "-m", "pip_audit", "--requirement", str(FILE), "--no-deps", "--disable-pip",
    "--format", "json", "--progress-spinner", "off", "--timeout", "15",
)  # fmt: skip


def judged(report: str, names: Iterable[str]) -> tuple[int, list[str]]:
    """The exit code, and what to tell, of pip-audit's report about these distributions."""
    try:
        told: list[Mapping[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return UNKNOWN, ["pip-audit gave no report: the vulnerability data could not be reached"]
    looked_up = {each["name"] for each in told if "vulns" in each}
    bad = [_told(each) for each in told if each.get("vulns")]
    unknown = sorted(set(names) - looked_up)
    lines = [*bad, f"{len(looked_up)} distributions looked up, {len(bad)} with known vulnerabilities"]
    if unknown:
        shown = ", ".join(unknown[:SHOWN]) + (", …" if len(unknown) > SHOWN else "")
        lines.append(f"{len(unknown)} could not be looked up: {shown}")
    return (FOUND if bad else UNKNOWN if unknown else 0), lines


def _told(each: Mapping[str, Any]) -> str:
    ids = ", ".join(one["id"] for one in each["vulns"])
    mended = ", ".join(version for one in each["vulns"] for version in one["fix_versions"]) or "no version"
    return f"{each['name']} {each['version']}: {ids}; mended in {mended}"


def main() -> int:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)  # noqa: S603 - ours, word by word
    code, lines = judged(done.stdout, {each.name for each in pinned() if each.marker is None or each.marker.evaluate()})
    print("\n".join(lines))
    if code == UNKNOWN:
        print("Of these nothing is known: run it again where the vulnerability data can be reached.")
    return code


if __name__ == "__main__":
    sys.exit(main())
