"""A place in a trace, as W3C Trace Context has it: one id from the caller to Azure ML's tags and the ledger's rows."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

#: What comes after the flags belongs to versions that do not exist yet; their first parts are read as those of 00.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SAMPLED = 1


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Where work belongs: a trace, and the span in it that caused the work."""

    trace_id: str
    span_id: str
    #: Whether the caller may have recorded its part.
    sampled: bool = True
    #: Nobody has recorded the span: its id only stands for whoever asked. Work then begins the trace.
    is_derived: bool = False

    @staticmethod
    @lru_cache(maxsize=256)  # all rows of a request have the same
    def read(traceparent: str | None) -> "Trace | None":
        """The place that a `traceparent` names; None for anything that is none."""
        found = _TRACEPARENT.fullmatch(traceparent or "")
        if found is None or (found[5] and found[1] == "00"):
            return None
        if not int(found[2], 16) or not int(found[3], 16):
            return None
        return Trace(trace_id=found[2], span_id=found[3], sampled=bool(int(found[4], 16) & _SAMPLED))

    @staticmethod
    @lru_cache(maxsize=256)
    def derived(text: str) -> "Trace":
        """The same trace for the same text, wherever it is asked for; in SQL: LEFT(SHA2(text, 256), 32)."""
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        return Trace(trace_id=digest[:32], span_id=digest[32:48], is_derived=True)

    @staticmethod
    def of_id(trace_id: str | None) -> "Trace | None":
        """A trace of which only the id is known, as from a job's tag; None for what is no such id."""
        if not _TRACE_ID.fullmatch(trace_id or "") or not int(trace_id or "0", 16):
            return None
        return Trace(trace_id=trace_id or "", span_id=Trace.derived(trace_id or "").span_id, is_derived=True)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"
