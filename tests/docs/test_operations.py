"""The runbook names what there is: every code that a run, a rule or a dead letter may have, and no other."""

import ast
import re
from pathlib import Path

import pytest

from bridge.domain.records import ActionStatus
from bridge.domain.statuses import BridgeStatus, JobStatus, Note
from bridge.domain.verdicts import Reason
from bridge.settings.catalogue import SETTINGS
from reference.codes import CODES

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
#: Words in capitals that the code uses for other things than codes.
OTHER_WORDS = {
    *SETTINGS, *BridgeStatus, *JobStatus, *Note, *ActionStatus,
    # What a request is answered with, and what the ledger has as columns.
    *("CANCELLED", "CANCEL_REQUESTED", "PUBLISHED", "REPLAYED", "SENT", "WAITING"),
    *("INPUTS", "OUTPUTS", "PAYLOAD", "DATA", "QUERY_TAG", "TIMEZONE", "UTC", "DESC"),
    # A record in telemetry.
    "DEAD_LETTER",
    # States of a deployment.
    *("READY", "WORKING", "SUCCEEDED"),
    # HTTP, YAML, tokens, licences.
    *("DENY", "GET", "HEAD", "POST", "PUT", "FALSE", "NULL", "TRUE", "NAME", "JWT", "RSA", "MIT", "IDENTITY_ENDPOINT"),
}  # fmt: skip
#: What others say: the broker, Azure ML, Snowflake.
FOREIGN = {"MaxDeliveryCountExceeded", "TTLExpiredException", "UserError"}


def words_of_the_code() -> set[str]:
    found: set[str] = set()
    for part in ("domain", "services", "handlers", "adapters"):
        for path in (ROOT / "bridge" / part).rglob("*.py"):
            if not path.name.startswith("memory"):
                nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
                found |= {text for text in texts if re.fullmatch(r"[A-Z]{3,}(_[A-Z]+)*", text)}
    return found


def named() -> set[str]:
    """What stands in backticks, word by word."""
    prose = re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL)
    return {word for span in re.findall(r"`([^`]+)`", prose) for word in re.findall(r"\w+", span)}


def test_every_code_is_in_the_runbook_or_among_those_of_requests() -> None:
    codes = words_of_the_code() - {str(word) for word in OTHER_WORDS}

    assert codes - {code.name for code in CODES} - named() == set()


@pytest.mark.parametrize("words", [Note, ActionStatus, Reason], ids=lambda words: words.__name__)
def test_every_note_status_and_reason_is_explained(words: type[Note | ActionStatus | Reason]) -> None:
    """But for those that leave no row, are never written, or are no trouble."""
    quiet = {"STUCK", "NOTIFIED", "FIRED", "DONE", "other_event", "repeated"}

    assert {str(word) for word in words} - quiet - named() == set()


def test_every_word_in_capitals_exists() -> None:
    parts = [*(ROOT / "bridge").rglob("*.py"), *(ROOT / "sql").rglob("*.*"), ROOT / "host.json"]
    source = "".join(path.read_text(encoding="utf-8") for path in parts)
    shown = {word for word in named() if re.fullmatch(r"[A-Z]{2,}(_[A-Z]+)+", word)} - {"RSA_PUBLIC_KEY"}

    assert {word for word in shown if not re.search(rf"\b{word}\b", source, re.IGNORECASE)} == set()
    assert named() >= FOREIGN


def test_every_symptom_of_the_table_has_its_section() -> None:
    linked = set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK.split("## Where to look")[0]))
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.*)$", RUNBOOK, re.MULTILINE)
    }

    assert linked == headings - {"where-to-look"}
