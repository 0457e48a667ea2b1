"""What the ledger keeps, in the form that travels through the queue `run-events`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any, Self

from bridge.domain.events import RunEvent
from bridge.domain.identity import short_hash
from bridge.domain.masking import masked


@dataclass(frozen=True, kw_only=True)
class AmlEvent:
    """One row of AML_EVENTS: an event as it came."""

    id: str
    event_type: str
    subject: str
    event_time: datetime | None = None
    data: Mapping[str, Any]
    topic: str
    #: The Event Grid subscription that delivered it: workspace, snowflake or custom; bridge for the app's own.
    door: str
    #: What it belongs to, once that is known; see `rules.correlation_id`.
    correlation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class RuleAction:
    """One row of RULE_ACTIONS: what a rule made of an event, or what came of it."""

    #: The same decision, or outcome, has the same id; rows may repeat.
    decision_id: str
    #: Two events on the same occasion have the same; the rule acts once for both.
    action_id: str
    rule: str
    event_id: str
    event_type: str
    #: submit, deploy, notify, publish or run_data_factory.
    action: str
    #: See `ActionStatus`.
    status: str
    #: Why not, or what went wrong: a short word, as `cool_down`; the words for people are in the payload.
    reason: str | None = None
    #: The run that was started, or that the event is about.
    run_id: str | None = None
    correlation_id: str | None = None
    payload: Mapping[str, Any] | None = None
    occurred_at: datetime


class ActionStatus(StrEnum):
    """How far a rule got with an event."""

    NOT_FIRED = "NOT_FIRED"  # -> nothing; REASON says why
    FIRED = "FIRED"  # the action is asked for -> DONE, FAILED
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """One row of DEAD_LETTERS: a message that could not be handled, kept so that it can be replayed."""

    dead_letter_id: str
    queue: str
    #: The body as text, cut to a size that the ledger takes.
    body: str
    #: Of the whole body, so that a cut one can be told.
    body_sha256: str
    reason: str
    description: str
    run_id: str | None = None
    message_id: str
    #: Of an inbound event: as in `AmlEvent`. Its replay must come by the same door.
    door: str | None = None
    occurred_at: datetime


#: Characters of a text in a record that was too large.
TEXT_LIMIT = 1000
#: Of a body in one: a character may take 12 bytes of JSON.
LIGHT_BODY_LIMIT = 10_000
#: Characters of a body that DEAD_LETTERS keeps; a message that was too large for one row would be lost otherwise.
BODY_LIMIT = 60_000


def dead_letter(
    *,
    queue: str,
    message_id: str,
    body: str,
    reason: str,
    description: str,
    run_id: str | None,
    at: datetime,
    door: str | None = None,
) -> DeadLetter:
    """The same message put aside for the same reason is the same dead letter."""
    digest = body_digest(body)
    return DeadLetter(
        dead_letter_id=short_hash([queue, message_id, digest, reason]),
        queue=queue,
        body=body[:BODY_LIMIT],
        body_sha256=digest,
        reason=reason,
        description=masked(description)[:2000],
        run_id=run_id,
        message_id=message_id,
        door=door,
        occurred_at=at,
    )


def body_digest(body: str) -> str:
    """What `DeadLetter.body_sha256` is of a whole body."""
    return hashlib.sha256(body.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Records:
    """Rows for several ledger tables that are to be written together."""

    run_events: tuple[RunEvent, ...] = ()
    aml_events: tuple[AmlEvent, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    rule_actions: tuple[RuleAction, ...] = ()
    #: Raised by each scheduled copy.
    try_: int = 0

    def __len__(self) -> int:
        return len(self.run_events) + len(self.aml_events) + len(self.dead_letters) + len(self.rule_actions)

    def __add__(self, other: "Records") -> "Records":
        return Records.together([self, other])

    @classmethod
    def together(cls, parts: Sequence["Records"]) -> "Records":
        """All of them as one."""
        merged: dict[str, Any] = {
            name: tuple(chain.from_iterable(getattr(part, name) for part in parts)) for name in TABLES
        }
        return cls(**merged, try_=max((part.try_ for part in parts), default=0))

    def next_try(self) -> Self:
        return replace(self, try_=self.try_ + 1)

    def halves(self) -> tuple["Records", "Records"]:
        """Two parts with as many rows each, within one."""
        return self._part(0), self._part(1)

    def lighter(self) -> Self:
        """The same records without what can be of any size: a row that says less beats one that never comes."""
        return replace(
            self,
            run_events=tuple(
                replace(
                    event,
                    inputs=None,
                    outputs=None,
                    payload=None,
                    pipeline=_cut(event.pipeline),
                    error_message=_cut(event.error_message),
                )
                for event in self.run_events
            ),
            aml_events=tuple(
                replace(event, data={"left_out": "the event's data was too large"}, subject=event.subject[:TEXT_LIMIT])
                for event in self.aml_events
            ),
            dead_letters=tuple(
                replace(letter, body=letter.body[:LIGHT_BODY_LIMIT], description=letter.description[:TEXT_LIMIT])
                for letter in self.dead_letters
            ),
            rule_actions=tuple(replace(action, payload=None) for action in self.rule_actions),
        )

    def _part(self, parity: int) -> "Records":
        """Every second row, counted through all tables."""
        parts: dict[str, Any] = {}
        seen = 0
        for name, values in self._tables().items():
            parts[name] = tuple(value for i, value in enumerate(values) if (seen + i) % 2 == parity)
            seen += len(values)
        return replace(self, **parts)

    def _tables(self) -> dict[str, tuple[Any, ...]]:
        return {name: getattr(self, name) for name in TABLES}


#: The fields of `Records` that hold rows, each named as its table.
TABLES = tuple(each.name for each in fields(Records) if each.name != "try_")


def _cut(text: str | None) -> str | None:
    return text[:TEXT_LIMIT] if text is not None else None
