"""Who is who: run ids, fingerprints and message ids, each a pure function of what it stands for."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping

#: The AML job name is the run id, so this is also the form of our job names.
RUN_ID = re.compile(r"r-[a-z2-7]{26}")


def run_id(bridge_name: str, pipeline: str, idempotency_key: str) -> str:
    """The one run that this key means for this pipeline, for ever.

    26 base32 characters keep 130 bits of the digest; lower case, because AML's names are case-sensitive.
    """
    digest = _digest([bridge_name, pipeline, idempotency_key])[:20]  # whole groups, of which 26 characters are taken
    return "r-" + base64.b32encode(digest).decode().lower()[:26]


def is_run_id(text: str) -> bool:
    """Whether a job of this name can be one of ours."""
    return RUN_ID.fullmatch(text) is not None


def fingerprint(pipeline: str, component: str, literals: Mapping[str, str]) -> str:
    """What a run does, as 64 hexadecimal digits: two requests agree exactly when their fingerprints do."""
    parts = [pipeline, component]
    for name in sorted(literals):
        parts += [name, literals[name]]
    return _digest(parts).hex()


def submit_message_id(run: str, print_: str, attempt: int, try_: int, waits: int) -> str:
    """Every scheduled copy and replay differs, or duplicate detection would silently drop it."""
    return f"{run}:submit:{print_[:8]}:{attempt}:{try_}" + (f".{waits}" if waits else "")


def control_message_id(run: str, op: str, try_: int) -> str:
    """`op` carries its origin: `check.3` a chain step, `check.e.{event id}`, `check.s.{date}`, `cancel.{key}`."""
    message_id = f"{run}:{op}:{try_}"
    # Service Bus allows 128 characters.
    return message_id if len(message_id) <= 128 else f"{run}:{short_hash([op])}:{try_}"


def action_message_id(name: str, attempt: int, try_: int) -> str:
    """Of a rule's action; `name` says which, for whom and on which occasion."""
    message_id = f"{name}:{attempt}:{try_}"
    return message_id if len(message_id) <= 128 else f"{short_hash([name])}:{attempt}:{try_}"


def short_hash(parts: Iterable[str]) -> str:
    """32 hexadecimal digits that stand for these texts in this order."""
    return _digest(parts).hex()[:32]


def _digest(parts: Iterable[str]) -> bytes:
    """Length-prefixed, so that ("a", "bc") and ("ab", "c") differ."""
    pieces: list[bytes] = []
    for part in parts:
        raw = part.encode()
        pieces += (len(raw).to_bytes(8, "big"), raw)
    return hashlib.sha256(b"".join(pieces)).digest()
