"""Where notifications go: named in rules.yaml, with their addresses in the settings, because those are secrets."""

from dataclasses import dataclass, field
from enum import StrEnum


class ChannelKind(StrEnum):
    """What the receiver understands."""

    #: JSON, signed as standardwebhooks.com has it.
    WEBHOOK = "webhook"
    #: An adaptive card for a Teams workflow.
    TEAMS = "teams"


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One receiver of notifications."""

    name: str
    kind: ChannelKind
    url: str = field(repr=False)
    #: "whsec_…"; empty for Teams, whose address is the secret.
    secret: str = field(default="", repr=False)
