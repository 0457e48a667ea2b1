"""One condition of a rule in rules.yaml: its operators, its short forms, and whether its parts agree."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bridge.adapters.files.yaml_fields import Entry, Finding, Scalar, findings_error
from bridge.domain.inputs import shown
from bridge.domain.rules import Condition

#: Lower and upper bounds that leave nothing between them, also when they are the same.
_STRICT = frozenset({("min", "below"), ("above", "max"), ("above", "below")})
_NUMBER = re.compile(r"-?\d{1,38}(\.\d{1,38})?", re.ASCII)


def _bound(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        quoted = isinstance(value, str) and _NUMBER.fullmatch(value)
        fix = f"write {value} without quotes" if quoted else "give a number such as 0.5"
        raise ValueError(f"is {shown(value)}: {fix}")  # noqa: TRY004 - pydantic reports no other
    return Decimal(value)


Bound = Annotated[Decimal, BeforeValidator(_bound), WithJsonSchema({"type": "number"})]
Part = Annotated[str, Field(min_length=1, max_length=1000)]
Scalars = Annotated[list[Scalar], Field(min_length=1, max_length=1000)]


class ConditionEntry(Entry):
    """What one field of the event must be. A single value stands for `equals`, a list for `in`."""

    equals: Annotated[Scalar, Field(description="This value; texts are compared without case.")] = None
    one_of: Annotated[Scalars | None, Field(alias="in", description="One of these values.")] = None
    none_of: Annotated[Scalars | None, Field(alias="not_in", description="None of these values.")] = None
    prefix: Annotated[Part | None, Field(description="Begins with this text.")] = None
    suffix: Annotated[Part | None, Field(description="Ends with this text.")] = None
    contains: Annotated[Part | None, Field(description="Has this text within it.")] = None
    min: Annotated[Bound | None, Field(description="A number of at least this.")] = None
    max: Annotated[Bound | None, Field(description="A number of at most this.")] = None
    above: Annotated[Bound | None, Field(description="A number greater than this.")] = None
    below: Annotated[Bound | None, Field(description="A number less than this.")] = None
    exists: Annotated[bool | None, Field(description="Whether the event has the field at all.")] = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"in": value}
        return value if isinstance(value, dict) else {"equals": value}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if findings := list(self._findings()):
            raise findings_error(findings)
        return self

    def _findings(self) -> Iterator[Finding]:
        if not self.model_fields_set:
            yield (), "asks for nothing: give an operator such as equals, in, prefix or min, or remove it"
        for low in ("min", "above"):
            for high in ("max", "below"):
                lower, upper = getattr(self, low), getattr(self, high)
                if (
                    lower is not None
                    and upper is not None
                    and (lower > upper or (lower == upper and (low, high) in _STRICT))
                ):
                    yield (low,), f"is {shown(lower)}, which leaves no number with {high}, {shown(upper)}: swap them"
        if self.exists is False and self.model_fields_set != {"exists"}:
            yield ("exists",), "is false, which leaves nothing to compare: give it alone"

    def condition(self, path: str) -> Condition:
        """For the domain."""
        return Condition(
            path=path,
            equals=self.equals,
            one_of=tuple(self.one_of or ()),
            none_of=tuple(self.none_of or ()),
            prefix=self.prefix,
            suffix=self.suffix,
            contains=self.contains,
            minimum=self.min,
            maximum=self.max,
            above=self.above,
            below=self.below,
            exists=self.exists,
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Keywords of JSON Schema count for their own type only, so the short forms can stand beside the mapping."""
        found = handler.resolve_ref_schema(handler(schema))
        scalar = {"type": ["string", "number", "boolean"]}
        found |= {
            "type": ["object", "array", "string", "number", "boolean"],
            "minProperties": 1,
            "items": scalar,
            "minItems": 1,
        }
        return found
