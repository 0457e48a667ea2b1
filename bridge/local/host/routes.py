"""Azure route templates: {x}, {x?}, {*rest} and constraints, matched without regard to case, the most literal first."""

import re
from urllib.parse import unquote

#: Constraints without an argument, as patterns of one path segment.
CONSTRAINTS = {
    "alpha": r"[A-Za-z]+",
    "bool": r"(?:true|false)",
    "decimal": r"-?\d+(?:\.\d+)?",
    "double": r"-?\d+(?:\.\d+)?",
    "float": r"-?\d+(?:\.\d+)?",
    "guid": r"\{?[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\}?",
    "int": r"-?\d+",
    "long": r"-?\d+",
}
#: Constraints with one argument, a number.
SIZED_CONSTRAINTS = {"length": "{%s}", "minlength": "{%s,}", "maxlength": "{1,%s}"}

_PARAMETER = re.compile(
    r"\{(?P<rest>\*)?(?P<name>\w+)(?::(?P<constraint>\w+)(?:\((?P<size>\d+)\))?)?(?P<optional>\?)?\}"
)


class RouteError(Exception):
    """The template is not one that this host understands."""


class RouteTemplate:
    """One function's route, the host's prefix included."""

    def __init__(self, prefix: str, route: str) -> None:
        segments = [part for part in f"{prefix}/{route}".split("/") if part]
        pattern = ""
        self._weights = []
        for position, segment in enumerate(segments):
            is_last = position == len(segments) - 1
            pattern += _segment(segment, route, is_last=is_last)
            self._weights.append(_weight(segment))
        try:
            self._pattern = re.compile(f"{pattern}/?", re.IGNORECASE)
        except re.error as error:
            raise RouteError(f"route {route!r}: {error}") from error

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sorts the more literal route first, segment by segment."""
        return tuple(self._weights)

    def match(self, path: str) -> dict[str, str] | None:
        """The route parameters when the still quoted path fits; an encoded slash stays encoded, as on the platform."""
        decoded = unquote(re.sub("%2f", "%252F", path, flags=re.IGNORECASE))
        match = self._pattern.fullmatch(decoded)
        return {name: value for name, value in match.groupdict().items() if value} if match else None


def _segment(segment: str, route: str, *, is_last: bool) -> str:
    pattern, end = "", 0
    slash = "/"
    for match in _PARAMETER.finditer(segment):
        pattern += re.escape(segment[end : match.start()])
        end = match.end()
        if match["rest"] or match["optional"]:
            if not is_last or match[0] != segment:
                raise RouteError(f"route {route!r}: {match[0]} must be the whole last segment")
            value = ".*" if match["rest"] else _value(match, route)
            return f"(?:/(?P<{match['name']}>{value}))?"
        pattern += f"(?P<{match['name']}>{_value(match, route)})"
    literal = segment[end:]
    if "{" in literal or "}" in literal:
        raise RouteError(f"route {route!r}: {segment!r} is not understood")
    return slash + pattern + re.escape(literal)


def _value(match: re.Match[str], route: str) -> str:
    constraint, size = match["constraint"], match["size"]
    if constraint is None:
        return r"[^/]+?"
    if size is None and constraint in CONSTRAINTS:
        return CONSTRAINTS[constraint]
    if size is not None and constraint in SIZED_CONSTRAINTS:
        return r"[^/]" + SIZED_CONSTRAINTS[constraint] % size
    raise RouteError(f"route {route!r}: this host does not know the constraint of {match[0]}")


def _weight(segment: str) -> int:
    match = _PARAMETER.search(segment)
    if match is None:
        return 1
    if match["rest"]:
        return 5
    return 2 if match["constraint"] or match[0] != segment else 3
