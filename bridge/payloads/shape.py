"""The frame of every model here, and its complaints in words that a sender can act on."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

#: Of attempts, tries and the like. The message ids that are made of them must fit, and one more must still be written.
COUNT_LIMIT = 10**9
#: Of the numbers that Snowflake gives to rows: what the ledger's columns and every integer of others hold.
ROW_LIMIT = 10**18
#: Complaints beyond this many are counted only.
SHOWN = 5
#: Characters of a field's name that a complaint repeats; a name may be the sender's own.
NAME_LIMIT = 100
#: Where the validator's own words would name our classes or repeat the sender's value.
_WORDS = {
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "dataclass_type": "must be a JSON object",
    "unexpected_keyword_argument": "Extra inputs are not permitted",
    "union_tag_not_found": "must have the field {discriminator}",
    "union_tag_invalid": "must have one of {expected_tags} as {discriminator}",
}


class Shape(BaseModel):
    """Unknown fields are refused: a misspelt `inputs` would otherwise run a pipeline without its inputs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def in_utc(value: datetime) -> datetime:
    """The same moment in UTC, as which one without an offset counts. Raises: ValueError."""
    try:
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the calendar has no such time in UTC") from error


def _of_this_age(value: datetime) -> datetime:
    if not 1970 <= value.year < 2200:
        raise ValueError("the year must be between 1970 and 2199")
    return value


#: When something of ours happened or is due: far off the calendar's ends, so that arithmetic with it cannot fail.
Moment = Annotated[AwareDatetime, AfterValidator(in_utc), AfterValidator(_of_this_age)]


def complaints(error: ValidationError) -> str:
    """What is wrong and where, without echoing the sender's values."""
    found = error.errors(include_url=False, include_input=False)
    texts = [f"{_place(item['loc'])}: {_reason(item)}" for item in found[:SHOWN]]
    if len(found) > SHOWN:
        texts.append(f"and {len(found) - SHOWN} more")
    return "; ".join(texts)


def _place(parts: tuple[int | str, ...]) -> str:
    text = ".".join(str(part)[:NAME_LIMIT] for part in parts) or "body"
    return "".join(character if character.isprintable() else "?" for character in text)


def _reason(item: Mapping[str, Any]) -> str:
    words = _WORDS.get(item["type"])
    return words.format(**item.get("ctx", {})) if words else str(item["msg"])
