"""How a type is written down: what an object must have, and what it may have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """An object whose shape depends on one of its own properties."""

    by: str
    shapes: Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """An object: what it must have, and what it may have."""

    required: Mapping[str, Any]
    optional: Mapping[str, Any] = field(default_factory=dict)
