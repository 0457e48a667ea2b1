"""What docs/upgrading.md promises: this version reads what earlier ones wrote, and takes nothing away."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.payloads import bodies
from bridge.payloads.commands import read_submit, write_submit
from bridge.payloads.control import read_control
from bridge.payloads.records import read_records
from tests.recorded.__main__ import directory
from tests.recorded.surface import surface

RECORDED = Path(__file__).parents[1] / "recorded"
BODIES = sorted(RECORDED.glob("v*/bodies/*.json"))
SURFACES = sorted(RECORDED.glob("v*/surface.json"))


def _submit(text: bytes) -> dict[str, Any]:
    body = read_submit(text)
    return write_submit(body.to_command()) if body.is_command else body.model_dump(by_alias=True)


#: By queue: a body, read and written again.
AGAIN: dict[str, Callable[[bytes], Any]] = {
    "run-commands": _submit,
    "run-control": lambda text: json.loads(bodies.write(read_control(text))),
    "run-events": lambda text: json.loads(bodies.write(read_records(text))),
}


def is_within(old: Any, new: Any) -> bool:
    """Whether everything that was there still is, with the same value or place in a list."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(name in new and is_within(value, new[name]) for name, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(is_within, old, new))
    return bool(old == new)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_message_of_an_earlier_version_is_read_whole(path: Path) -> None:
    text = path.read_bytes()

    again = AGAIN[path.name.split(".")[0]](text)

    assert is_within(json.loads(text), again)


def missing(old: Any, new: Any, place: str = "") -> list[str]:
    """What was promised and is not there any more."""
    if isinstance(old, dict):
        return [
            each
            for name, value in old.items()
            for each in missing(value, new.get(name, type(value)()), f"{place} {name}")
        ]
    return [f"{place}: {each}" for each in old if each not in new]


@pytest.mark.parametrize("path", SURFACES, ids=lambda path: path.parent.name)
def test_nothing_that_callers_lean_on_is_taken_away(path: Path) -> None:
    old, new = json.loads(path.read_text(encoding="utf-8")), surface()
    asked_for, still_enough = new.pop("needed"), old.pop("needed")

    assert missing(old, new) == [], "docs/upgrading.md promises that it stays"
    assert missing({name: asked_for[name] for name in still_enough}, still_enough) == [], "old callers do not give it"


def test_a_loss_would_be_seen() -> None:
    old = {"routes": ["GET /runs", "POST /runs"], "answers": {"Run": ["run_id"]}}

    assert missing(old, {"routes": ["GET /runs"], "answers": {}}) == [" routes: POST /runs", " answers Run: run_id"]
    assert not is_within({"a": [1, {"b": 2}]}, {"a": [1, {}]})


def test_this_version_is_recorded() -> None:
    assert (directory() / "surface.json") in SURFACES
    assert {path.name.split(".")[0] for path in BODIES} == set(AGAIN)
