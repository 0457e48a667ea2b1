"""Regular expressions that a caller's value may be matched against: Python's engine has no timeout.

The time to match explodes when a repeated group can take the same text in several ways, as (a+)+ can. So a group that
is repeated without a small bound must go one way only, or be atomic: (?>a+)+ tries each way once. What is left is slow
at most in a power of the length, hence `MAX_PATTERN_LENGTH`.
"""

import re
import warnings

#: Characters of a pattern.
MAX_PATTERN = 500
#: Characters of a value that is matched against a pattern, unless `max_length` says otherwise.
MAX_PATTERN_LENGTH = 256
#: Repetitions that still cost little when each can go two ways.
_FEW = 3

_TOKEN = re.compile(
    r"""(?P<other>\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?\#[^)]*\)|\(\?[aiLmsu]+\)|\(\?P=\w+\))
    |(?P<atomic>\(\?>)
    |(?P<open>\((?:\?(?:P<\w+>|[:=!]|<[=!]|\(\w+\)|[aiLmsu-]+:))?)
    |(?P<close>\))
    |(?P<branch>\|)
    |(?P<repeat>[*+?]|\{\d*,?\d*\})(?P<kind>[+?]?)
    |.""",
    re.VERBOSE | re.DOTALL,
)
_VERBOSE = re.compile(r"\(\?[a-zA-Z]*x[a-zA-Z-]*[:)]")


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with the pattern, and what would be right; None when nothing is."""
    if len(pattern) > MAX_PATTERN:
        return f"has {len(pattern)} characters: at most {MAX_PATTERN} are allowed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"is not a regular expression of Python: {error}"
    if _VERBOSE.search(pattern):
        return "uses the flag x, whose spaces and comments hide mistakes: leave it out"
    if group := _explosive_group(pattern):
        return (
            f'may take for ever to match, because "{group}" repeats a group that can go several ways: write it as (?>…)'
        )
    return None


def _explosive_group(pattern: str) -> str | None:
    """The first group that is repeated often and can take the same text in several ways."""
    #: For each open group: where it starts, whether it is atomic, whether it can go several ways.
    groups = [[0, False, False]]
    #: The group that was just closed, for the repetition that may follow it.
    closed: list[int | bool] | None = None
    for token in _TOKEN.finditer(pattern):
        if token["repeat"]:
            least, most = _bounds(token["repeat"])
            if closed and most > _FEW and closed[2]:
                return pattern[closed[0] : token.end()]
            if least != most and token["kind"] != "+":
                groups[-1][2] = True
            closed = None
        elif token["open"] or token["atomic"]:
            groups.append([token.start(), bool(token["atomic"]), False])
            closed = None
        elif token["close"]:
            closed = groups.pop()
            closed[2] = closed[2] and not closed[1]
            groups[-1][2] = groups[-1][2] or closed[2]
        else:
            groups[-1][2] = groups[-1][2] or bool(token["branch"])
            closed = None
    return None


def _bounds(repeat: str) -> tuple[float, float]:
    """Least and most repetitions of a quantifier."""
    if repeat in "*+?":
        return {"*": (0, float("inf")), "+": (1, float("inf")), "?": (0, 1)}[repeat]
    least, comma, most = repeat[1:-1].partition(",")
    if not least and not most:
        return 1, 1  # "{}" and "{,}" are plain text
    high = float(most) if most else float("inf") if comma else float(least)
    return float(least or 0), high
