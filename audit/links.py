"""`python -m audit.links`: every address that the documents link to; with `--check` whether it still leads somewhere.

Exit codes: 0, each does, or none was asked; 1, some are gone; 3, of some it could not be found out.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import requests

from reference.markdown import ROOT, documents, links

GONE, UNKNOWN = 1, 3
TIMEOUT_SECONDS = 15
AT_ONCE = 8


class State(StrEnum):
    """What became of an address."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "not known"


def addresses() -> dict[str, list[str]]:
    """Each with the places that link to it."""
    found: dict[str, list[str]] = {}
    for document in documents():
        for line, target in links(document):
            if "://" in target:
                found.setdefault(target, []).append(f"{document.relative_to(ROOT).as_posix()}:{line}")
    return dict(sorted(found.items()))


def state(address: str) -> State:
    """Many sites refuse programs: only an answer that it does not exist means that."""
    try:
        with requests.get(
            address, timeout=TIMEOUT_SECONDS, stream=True, headers={"User-Agent": "aml-bridge"}
        ) as answer:
            if answer.status_code in {404, 410}:
                return State.GONE
            return State.THERE if answer.ok else State.UNKNOWN
    except requests.RequestException:
        return State.UNKNOWN


def judged(states: Mapping[str, State]) -> int:
    """The exit code."""
    if State.GONE in states.values():
        return GONE
    return UNKNOWN if State.UNKNOWN in states.values() else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m audit.links", description="What the documents link to.")
    parser.add_argument("--check", action="store_true", help="ask each address; needs the network")
    asks = parser.parse_args(arguments).check
    places = addresses()
    states: dict[str, State] = {}
    if asks:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            states = dict(zip(places, threads.map(state, places), strict=True))
    for address, where in places.items():
        print(" ".join([*([f"{states[address]}:"] if asks else []), address, f"({', '.join(where)})"]))
    return judged(states)


if __name__ == "__main__":
    sys.exit(main())
