"""What the app's instances logged of failures: those that the bridge means, and those that nobody foresaw."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

#: A call that failed is delivered again; the bridge fails so on purpose while queues are away.
FORESEEN = re.compile(r"^bridge\.domain\.errors\.(RetryableError|Throttled|ServiceUnavailable)\b")
_FAILED = re.compile(r" Executed '(\w+)' \(Failed, ")
_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")
#: The last line of a traceback: an exception's class, and its text if it has any.
_LAST = re.compile(r"^[A-Za-z_][\w.]*(?:: |$)")
#: Begins the further lines of an entry.
GOES_ON = "| "
_UNEXPECTED = "unexpected error, correlation id"


def failures(logs: Iterable[Path]) -> tuple[Counter[str], list[str]]:
    """Failed calls by function and error, and those that are none of the bridge's own, with the text of their log."""
    counts: Counter[str] = Counter()
    unforeseen: list[str] = []
    for log in logs:
        for entry in _entries(log.read_text(encoding="utf-8", errors="replace").splitlines()):
            failed = _FAILED.search(entry[0])
            if failed is None and _UNEXPECTED not in entry[0]:
                continue
            last = next((line for line in reversed(entry) if _LAST.match(line)), entry[0])
            counts[f"{failed[1] if failed else 'http'}: {last.partition(':')[0]}"] += 1
            if failed is None or not FORESEEN.match(last):
                unforeseen.append(f"{log.name}: {entry[0][:120]} … {last[:300]}")
    return counts, unforeseen


def _entries(lines: list[str]) -> Iterable[list[str]]:
    """Each line of a log with the lines of its traceback."""
    entry: list[str] = []
    for line in lines:
        if _ENTRY.match(line):
            if entry:
                yield entry
            entry = [line]
        elif entry:
            entry.append(line.removeprefix(GOES_ON))
    if entry:
        yield entry
