"""The frame of every model here, and its complaints in words that a sender can act on."""

from pydantic import BaseModel, ConfigDict, ValidationError

#: Complaints beyond this many are counted only.
SHOWN = 5


class Shape(BaseModel):
    """Unknown fields are refused: a misspelt `inputs` would otherwise run a pipeline without its inputs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def complaints(error: ValidationError) -> str:
    """What is wrong and where, without echoing the sender's values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    texts = [f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}" for item in found[:SHOWN]]
    if len(found) > SHOWN:
        texts.append(f"and {len(found) - SHOWN} more")
    return "; ".join(texts)
