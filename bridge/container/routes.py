"""Route templates of the platform as Starlette's paths: `{x}`, `{x?}`, `{*rest}` and the constraints that both know."""

import re

from bridge.domain.errors import ConfigurationError

#: Constraint -> Starlette's converter.
CONVERTERS = {"int": "int", "long": "int", "guid": "uuid"}
_PARAMETER = re.compile(r"\{(?P<rest>\*)?(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\?)?\}")


def paths(prefix: str, route: str) -> list[str]:
    """The template's paths: two of them when its last parameter may be left out. Raises: ConfigurationError."""
    segments = [segment for segment in f"{prefix}/{route}".split("/") if segment]
    found = _PARAMETER.fullmatch(segments[-1]) if segments else None
    whole = "/" + "/".join(_segment(segment, route) for segment in segments)
    if found and (found["optional"] or found["rest"]):
        return [whole, whole.rpartition("/")[0] or "/"]
    return [whole]


def precedence(path: str) -> list[int]:
    """Sorts the more literal first, segment by segment, as the platform does; Starlette takes the first that fits."""
    return [0 if "{" not in each else 2 if ":path}" in each else 1 for each in path.strip("/").split("/")]


def _segment(segment: str, route: str) -> str:
    if "{" not in segment and "}" not in segment:
        return segment
    found = _PARAMETER.fullmatch(segment)
    constraint = found["constraint"] if found else None
    if found is None or (constraint is not None and constraint not in CONVERTERS):
        raise ConfigurationError([f"route {route}: {segment} is not understood in a container"])
    converter = "path" if found["rest"] else CONVERTERS.get(constraint or "", "")
    return f"{{{found['name']}:{converter}}}" if converter else f"{{{found['name']}}}"
