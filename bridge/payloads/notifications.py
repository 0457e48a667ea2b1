"""What a notification says: JSON for programs, an adaptive card for the people in a Teams channel."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.domain.actions import Notify
from bridge.payloads import lossless

TYPE = "Bridge.Notification"
#: Teams takes messages of 28 KB; some is left for what the workflow in between adds.
CARD_BYTES = 24 * 1024
TITLE_CHARACTERS = 300
FACT_CHARACTERS = 300
LINK_CHARACTERS = 2_000
_MARKDOWN = re.compile(r"[\\\[\]*_]")


def webhook_body(notification: Notify, at: datetime) -> str:
    """The same text for every try, if the event says when it was; else it has the time of sending, `at`."""
    why = notification.occasion
    event = {
        "id": why.event_id,
        "type": why.event_type,
        "time": why.event_time.isoformat() if why.event_time else None,
        **notification.event,
    }
    data = {
        "rule": why.rule,
        "title": notification.title,
        "text": notification.text,
        "event": event,
        "run_id": why.run_id,
        "correlation_id": why.correlation_id,
        "link": notification.link,
        "rule_chain": list(why.rule_chain),
    }
    return lossless.dumps({"type": TYPE, "timestamp": (why.event_time or at).isoformat(), "data": data})


def teams_body(notification: Notify) -> str:
    """The card in the envelope that Teams' workflow "when a webhook request is received" takes."""
    title, text = _cut(notification.title, TITLE_CHARACTERS), notification.text
    room = CARD_BYTES - len(lossless.dumps(_message(notification, title, "")))
    fits = bisect_right(range(1, len(text) + 1), room, key=lambda count: len(lossless.dumps(_plain(_cut(text, count)))))
    return lossless.dumps(_message(notification, title, _cut(text, fits)))


def _message(notification: Notify, title: str, text: str) -> Mapping[str, Any]:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(notification, title, text),
    }
    return {"type": "message", "attachments": [attachment]}


def _card(notification: Notify, title: str, text: str) -> Mapping[str, Any]:
    why = notification.occasion
    facts = {"Rule": why.rule, "Event": why.event_type, "Run": why.run_id, "Correlation": why.correlation_id}
    body: list[Mapping[str, Any]] = [
        {"type": "TextBlock", "text": _plain(title), "size": "Medium", "weight": "Bolder", "wrap": True},
        {"type": "TextBlock", "text": _plain(text), "wrap": True},
        {
            "type": "FactSet",
            "facts": [
                {"title": name, "value": _plain(_cut(value, FACT_CHARACTERS))} for name, value in facts.items() if value
            ],
        },
    ]
    if notification.link and len(notification.link) <= LINK_CHARACTERS:
        action = {"type": "Action.OpenUrl", "title": "Open", "url": notification.link}
        body.append({"type": "ActionSet", "actions": [action]})
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }


def _plain(text: str) -> str:
    """As it is: Teams reads Markdown in a card, and whoever sent the event could put a link behind any words."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: max(characters - 1, 0)] + "…"
