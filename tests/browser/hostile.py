"""Rows that try to be more than text, in every field that the ledger has."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from bridge.domain import events
from bridge.domain.events import RunEvent
from bridge.domain.records import ActionStatus, AmlEvent, DeadLetter, Records, RuleAction, dead_letter
from bridge.domain.statuses import BridgeStatus
from tests.browser.night import run_id

#: Each breaks out of another place: text, an attribute with either quote, a script, a style, a template, a URL.
ATTACKS = (
    "<script>hit('{0}')</script>",
    '"><img src=x onerror="hit(\'{0}\')">',
    "'><svg onload='hit(\"{0}\")'>",
    "</title></textarea></script><script>hit('{0}')</script>",
    "{{{{ cycler.__init__.__globals__ }}}}{{% for x in y %}}{0}",
    "javascript:hit('{0}')",
    "</style><style>*{{background:url(//evil.example/{0})}}</style>",
    "\u202e{0}\u202c\u2028<iframe srcdoc=\"<script>parent.hit('{0}')</script>\">",
)
RUN = run_id("hostile")


def attack(number: int, name: str) -> str:
    return ATTACKS[number % len(ATTACKS)].format(name)


def hostile(now: datetime) -> Records:
    """One run, one letter and one decision for each attack, which stands in every field of text."""
    count = len(ATTACKS)
    return Records(
        run_events=tuple(event for number in range(count) for event in _events(number, now)),
        dead_letters=tuple(_letter(number, now) for number in range(count)),
        rule_actions=tuple(_action(number, now) for number in range(count)),
        aml_events=tuple(_aml_event(number, now) for number in range(count)),
    )


def hostile_run(number: int) -> str:
    return run_id(f"hostile {number}")


def _texts(kind: type, number: int, but: set[str]) -> dict[str, Any]:
    """Every field of a record that takes a text."""
    return {
        each.name: attack(number, f"{kind.__name__}.{each.name}")
        for each in fields(kind)
        if str(each.type) in {"str", "str | None", "<class 'str'>"} and each.name not in but
    }


def _events(number: int, now: datetime) -> Iterator[RunEvent]:
    texts = _texts(RunEvent, number, {"event_id", "run_id", "status"})
    value = {attack(number, "name"): attack(number, "value"), "deep": [{attack(number, "key"): attack(number, "list")}]}
    plain = events.bridge_fact(hostile_run(number), BridgeStatus.FAILED, 1, now)
    yield replace(plain, **texts, inputs=value, outputs=value, payload={"message": attack(number, "words"), **value})
    # A status that nobody knows, and an id that is none: they stand in the list.
    nobodys = attack(number, "run_id")
    yield replace(events.job_fact(nobodys, attack(number, "status")[:200], now - timedelta(seconds=1)), **texts)
    for run in (hostile_run(number), nobodys):  # when they began
        yield events.bridge_fact(run, BridgeStatus.ACCEPTED, 1, now - timedelta(seconds=2))


def _letter(number: int, now: datetime) -> DeadLetter:
    plain = dead_letter(
        queue="run-commands", message_id=f"hostile {number}", body=attack(number, "body"), reason="", description="",
        run_id=hostile_run(number), at=now,
    )  # fmt: skip
    return replace(plain, **_texts(DeadLetter, number, {"dead_letter_id", "run_id", "body", "body_sha256"}))


def _action(number: int, now: datetime) -> RuleAction:
    texts = _texts(RuleAction, number, {"status", "run_id"})
    return RuleAction(
        **texts,
        status=ActionStatus.FAILED,
        run_id=hostile_run(number),
        occurred_at=now,
        payload={"message": attack(number, "why"), attack(number, "key"): attack(number, "value")},
    )


def _aml_event(number: int, now: datetime) -> AmlEvent:
    value = attack(number, "data")
    return AmlEvent(**_texts(AmlEvent, number, set()), event_time=now, data={value: value})
