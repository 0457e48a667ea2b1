"""What the files that a user edits have in common: mappings, names, durations, pinned versions, and their fixes."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from bridge.domain.inputs import shown

#: Where in a value, and what is wrong there.
Finding = tuple[tuple[str | int, ...], str]
#: The pydantic error that carries findings.
FINDINGS = "findings"

LONGEST = timedelta(days=30)
#: Of pipelines and of rules.
ENTRY_NAME = "^[a-z][a-z0-9-]{0,62}$"
INPUT_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,254}$"
AZURE_NAME = "^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$"
#: What the patterns above say, for people.
WORDS = {
    ENTRY_NAME: "use lower-case letters, digits and hyphens, at most 63, a letter first",
    INPUT_NAME: "use letters, digits and underscores, no digit first",
    AZURE_NAME: "use letters, digits, hyphens and underscores, a letter or digit first",
}
PINNED = re.compile(r"azureml:[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}:[A-Za-z0-9_][A-Za-z0-9_.-]{0,29}", re.ASCII)

_DURATION = re.compile(r"(?=.)(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m)?", re.ASCII)
_ISO_DURATION = re.compile(r"P(?=.)(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,5})H)?(?:(\d{1,5})M)?)?", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Entry(BaseModel):
    """A mapping in the file; a misspelt key would silently mean nothing, so it is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def findings_error(findings: Iterable[Finding]) -> PydanticCustomError:
    """For validators that find several things, each at its own place within the value."""
    return PydanticCustomError(FINDINGS, "does not agree with itself", {FINDINGS: list(findings)})


def duration(value: Any, *, why: str = "") -> timedelta:
    """The duration that a text means. `why` goes before the bounds.

    Raises: ValueError.
    """
    found = (_DURATION.fullmatch(value) or _ISO_DURATION.fullmatch(value)) if isinstance(value, str) else None
    if not found:
        raise ValueError(f'is {shown(value)}: write days, hours, minutes such as 2d, 6h, 1h30m, or ISO 8601, "PT6H"')
    days, hours, minutes = (int(part or 0) for part in found.groups())
    meant = timedelta(days=days, hours=hours, minutes=minutes)
    if not timedelta(minutes=1) <= meant <= LONGEST:
        raise ValueError(f"is {shown(value)}: {why}give from 1m to {LONGEST.days}d")
    return meant


def pinned(text: str, kinds: str, consequence: str) -> str:
    """An asset with its version, azureml:NAME:VERSION. `kinds` and `consequence` are words for the problems.

    Raises: ValueError.
    """
    name = text.removeprefix("azureml:").partition(":")[0].partition("@")[0] or "NAME"
    if text.startswith("azureml://"):
        raise ValueError(f"{kinds} of a registry are not supported yet: register it in the workspace, azureml:NAME:1")
    if "@" in text or text.endswith(":latest"):
        raise ValueError(f'"latest" moves, and {consequence}: pin it, azureml:{name}:1')
    if re.fullmatch(r"(azureml:)?[^:]+", text):
        raise ValueError(f"{shown(text)} has no version: pin one, azureml:{name}:1")
    if not PINNED.fullmatch(text):
        fixed = f"azureml:{text}" if PINNED.fullmatch(f"azureml:{text}") else "azureml:NAME:VERSION"
        raise ValueError(f"is {shown(text)}: write {fixed}")
    return text


def one_line(text: str) -> str:
    """Raises: ValueError."""
    if found := _CONTROL.search(text):
        raise ValueError(f"has the control character U+{ord(found[0]):04X}: remove it")
    return text


def _scalar(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise ValueError(f"is {shown(value)}: give a single value")  # noqa: TRY004 - pydantic reports no other
    return value


def _version(value: int) -> int:
    if value != 1:
        raise ValueError(f"is {value}: this version of the bridge reads 1")
    return value


def _timeout(value: Any) -> timedelta:
    return duration(value, why="Azure ML ends a job after 30 days; ")


_DURATION_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^(?=.)(\d+d)?(\d+h)?(\d+m)?$|^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?)?$"}
)

#: Text, number or boolean; whether it fits the type is found out afterwards.
Scalar = Annotated[Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Version = Annotated[int, AfterValidator(_version), WithJsonSchema({"const": 1}), Field(description="Of this format.")]
Timeout = Annotated[timedelta, BeforeValidator(_timeout), _DURATION_SCHEMA]
CoolDown = Annotated[timedelta, BeforeValidator(duration), _DURATION_SCHEMA]
EntryName = Annotated[str, Field(pattern=ENTRY_NAME)]
InputName = Annotated[str, Field(pattern=INPUT_NAME)]
AzureName = Annotated[str, Field(pattern=AZURE_NAME)]
