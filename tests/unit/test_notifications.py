"""What a notification says, to programs and to people."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.domain.actions import Notify, Occasion
from bridge.payloads.notifications import CARD_BYTES, teams_body, webhook_body

AT = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)


def notification(**change: Any) -> Notify:
    why = Occasion(
        rule="tell-ops",
        action_id="a1",
        event_id="e1",
        event_type="Bridge.RunEnded",
        event_time=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        correlation_id="nightly",
        run_id="r-1",
        rule_chain=("retrain", "tell-ops"),
    )
    whole = Notify(occasion=why, channel="ops", title="Run failed", text="See the log.", link="https://ml.test/r-1")
    return replace(whole, **change)


def blocks(text: str) -> dict[str, Any]:
    """The parts of a card by their type, texts as a list."""
    (attachment,) = json.loads(text)["attachments"]
    assert attachment["content"]["type"] == "AdaptiveCard"
    body = attachment["content"]["body"]
    found = {each["type"]: each for each in body if each["type"] != "TextBlock"}
    return {"texts": [each["text"] for each in body if each["type"] == "TextBlock"], **found}


def test_a_program_is_told_all_of_it() -> None:
    event = {"id": "e1", "type": "Bridge.RunEnded", "subject": "runs/r-1", "time": None, "data": {"x": Decimal("0.10")}}

    text = webhook_body(notification(event=event), AT)

    assert '"x":0.10' in text
    assert json.loads(text) == {
        "type": "Bridge.Notification",
        "timestamp": "2026-11-20T10:00:00+00:00",
        "data": {
            "rule": "tell-ops",
            "title": "Run failed",
            "text": "See the log.",
            "event": {**event, "data": {"x": 0.1}},
            "run_id": "r-1",
            "correlation_id": "nightly",
            "link": "https://ml.test/r-1",
            "rule_chain": ["retrain", "tell-ops"],
        },
    }


def test_an_event_that_told_nothing_is_told_by_its_id_type_and_time() -> None:
    document = json.loads(webhook_body(notification(), AT))

    assert document["data"]["event"] == {"id": "e1", "type": "Bridge.RunEnded", "time": "2026-11-20T10:00:00+00:00"}


def test_the_body_is_the_same_for_every_try() -> None:
    first = notification(event={"b": 1, "a": 2})
    later = replace(first.next_try().replayed(""), event={"a": 2, "b": 1})

    assert webhook_body(first, AT) == webhook_body(later, AT.replace(hour=23))


def test_people_get_title_text_facts_and_a_link() -> None:
    found = blocks(teams_body(notification()))

    assert found["texts"] == ["Run failed", "See the log."]
    facts = {each["title"]: each["value"] for each in found["FactSet"]["facts"]}
    assert facts == {"Rule": "tell-ops", "Event": "Bridge.RunEnded", "Run": "r-1", "Correlation": "nightly"}
    assert found["ActionSet"]["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "https://ml.test/r-1"}]


def test_what_there_is_not_is_left_out_of_a_card() -> None:
    bare = notification(link=None, occasion=replace(notification().occasion, run_id=None))

    found = blocks(teams_body(bare))

    assert "ActionSet" not in found
    assert [each["title"] for each in found["FactSet"]["facts"]] == ["Rule", "Event", "Correlation"]


@pytest.mark.parametrize("character", ["x", "ü", "漢", "😀", '"', "\x00", "\n"])
def test_no_card_is_too_large_for_teams(character: str) -> None:
    much = character * 50_000
    why = replace(notification().occasion, correlation_id=much, event_type=much, run_id=much)

    text = teams_body(notification(title=much, text=much, link="https://ml.test/" + much, occasion=why))

    assert CARD_BYTES * 0.99 < len(text.encode()) <= CARD_BYTES
    title, told = blocks(text)["texts"]
    assert title.endswith("…")
    assert told.endswith("…")
    assert much.startswith(told.removesuffix("…"))
    assert "ActionSet" not in blocks(text)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 1_000])
def test_a_text_that_fits_is_whole(length: int) -> None:
    assert blocks(teams_body(notification(text="ü" * length)))["texts"][1] == "ü" * length


def test_nobody_can_put_a_link_behind_words_of_a_card() -> None:
    card = teams_body(notification(title="a_b", text="[Open in ML studio](https://evil.example) *now*"))

    texts = [block["text"] for block in json.loads(card)["attachments"][0]["content"]["body"] if "text" in block]
    assert texts == [r"a\_b", r"\[Open in ML studio\](https://evil.example) \*now\*"]
