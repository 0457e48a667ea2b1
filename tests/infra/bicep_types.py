"""Compares the resources of Bicep files with what is known of their types, without the Bicep CLI.

Types whose properties were not looked up are named in `NOT_LOOKED_UP`. Expressions and scopes are not checked.
"""

from collections.abc import Iterator
from typing import Any

from tests.infra.bicep import Declaration, Expression
from tests.infra.published_types import NOT_LOOKED_UP, TYPES
from tests.infra.shapes import Choice, Shape

#: Of the language, not of the resource.
_BICEP = {"parent": str, "scope": str, "dependsOn": [str]}


def problems(resource: Declaration) -> list[str]:
    """What does not agree with the resource's type."""
    if resource.type in NOT_LOOKED_UP:
        return []
    shape = TYPES.get(resource.type)
    if shape is None:
        return [f"{resource.type} is not known"]
    if resource.is_existing:
        shape = Shape({"name": str}, {})
    whole = Shape(shape.required, {**shape.optional, **_BICEP})
    return list(_problems(resource.body, whole, resource.symbol))


def _problems(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(value, Expression):
        return
    if isinstance(shape, Choice):
        chosen = shape.shapes.get(str(value.get(shape.by))) if isinstance(value, dict) else None
        if chosen is None:
            yield f"{path}.{shape.by} is none of {sorted(shape.shapes)}"
        else:
            yield from _problems(value, chosen, path)
    elif isinstance(shape, Shape):
        yield from _object_problems(value, shape, path)
    elif isinstance(shape, list):
        for position, item in enumerate(value if isinstance(value, list) else [None]):
            yield from _problems(item, shape[0], f"{path}[{position}]")
    else:
        yield from _scalar_problems(value, shape, path)


def _scalar_problems(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(shape, set):
        if value not in shape:
            yield f"{path} is {value!r}, none of {sorted(shape)}"
    elif type(value) is not shape:
        yield f"{path} is {value!r}, no {shape.__name__}"


def _object_problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    known = {**shape.required, **shape.optional}
    yield from (f"{path}.{name} is not known" for name in value if name not in known)
    yield from (f"{path}.{name} is missing" for name in shape.required if name not in value)
    for name, item in value.items():
        if name in known:
            yield from _problems(item, known[name], f"{path}.{name}")
