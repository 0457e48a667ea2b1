"""What the callers are going to ask for, all of it decided by the seed before anything starts."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Door(StrEnum):
    """How a request comes in."""

    BATCH = "external function, as Snowflake sends it"
    SQL = "SELECT submit_run(…)"
    HTTP = "POST /runs"
    QUEUE = "message in run-commands"
    EVENT = "event on a topic"
    MESSAGE = "CALL send_message(…)"
    PROCEDURE = "CALL start_run(…)"
    NOTIFICATION = "notification integration"


class Kind(StrEnum):
    """What is to become of a request."""

    GOOD = "completes"
    FAILS = "fails in Azure ML"
    CANCELED = "is canceled by its caller"
    REJECTED = "is rejected"
    CONFLICT = "has a second request with its key and other inputs"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One run that somebody asks for."""

    mark: str
    kind: Kind
    pipeline: str
    inputs: dict[str, Any]
    #: None: the door's own identity has to do.
    key: str | None


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is sent together, through one door."""

    door: Door
    wishes: Sequence[Wish]
    #: Of the batch, the message, the event: the same each time that this is sent.
    identity: str
    #: The same once more, or through another door: what a caller does who does not trust the first answer.
    repeats: Sequence["Call"] = field(default=())


#: Door: how often it is chosen, and how many wishes one call may have.
WEIGHTS = {
    Door.BATCH: (45, 40),
    Door.SQL: (15, 25),
    Door.HTTP: (230, 1),
    Door.QUEUE: (130, 1),
    Door.EVENT: (80, 1),
    Door.MESSAGE: (12, 1),
    Door.PROCEDURE: (12, 1),
    Door.NOTIFICATION: (10, 1),
}
#: Doors that a request without a key has an identity of its own at.
KEYLESS = frozenset({Door.BATCH, Door.QUEUE, Door.EVENT})
#: Doors by which anybody may ask once more for what has a key.
ANYWHERE = (Door.HTTP, Door.QUEUE, Door.EVENT, Door.BATCH)
KINDS = {Kind.GOOD: 78, Kind.FAILS: 8, Kind.CANCELED: 5, Kind.REJECTED: 7, Kind.CONFLICT: 2}
KEYLESS_SHARE = 0.5
REPEATED_SHARE = 0.15


def plan(seed: int, count: int) -> list[Call]:
    """Calls with `count` wishes in all, repeats not counted; the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - a plan that can be made again, no secret
    calls: list[Call] = []
    planned = 0
    while planned < count:
        door = rng.choices(list(WEIGHTS), [weight for weight, _ in WEIGHTS.values()])[0]
        size = min(rng.randint(1, WEIGHTS[door][1]), count - planned)
        keyless = door in KEYLESS and rng.random() < KEYLESS_SHARE
        wishes = [_wish(rng, f"{seed}-{planned + number}", has_key=not keyless) for number in range(size)]
        call = Call(door=door, wishes=wishes, identity=f"chaos-{seed}-{planned}")
        calls.append(replace(call, repeats=tuple(_repeats(rng, call))))
        planned += size
    return calls


def _wish(rng: random.Random, mark: str, *, has_key: bool) -> Wish:
    kinds = KINDS if has_key else {kind: weight for kind, weight in KINDS.items() if kind is not Kind.CONFLICT}
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    pipeline, inputs = _work(kind, mark)
    return Wish(mark=mark, kind=kind, pipeline=pipeline, inputs=inputs, key=f"key-{mark}" if has_key else None)


def _work(kind: Kind, mark: str) -> tuple[str, dict[str, Any]]:
    if kind is Kind.FAILS:
        return "always-fails", {"reason": mark}
    if kind is Kind.REJECTED:
        return "churn-training", {"as_of": "yesterday", "note": mark}
    return "churn-training", {"as_of": "2026-11-01", "note": mark, "rows": 0, "dry": False}


def _repeats(rng: random.Random, call: Call) -> Iterator[Call]:
    keyed = [wish for wish in call.wishes if wish.key]
    if rng.random() < REPEATED_SHARE:
        yield replace(call, identity=f"{call.identity}-again" if keyed else call.identity)
    if keyed and rng.random() < REPEATED_SHARE:
        yield Call(door=rng.choice(ANYWHERE), wishes=keyed[:1], identity=f"{call.identity}-elsewhere")
    for wish in keyed:
        if wish.kind is Kind.CONFLICT:
            other = replace(wish, mark=f"{wish.mark}-other", inputs={**wish.inputs, "note": f"{wish.mark}-other"})
            yield Call(door=rng.choice(ANYWHERE), wishes=[other], identity=f"{call.identity}-other")
