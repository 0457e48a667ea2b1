"""What is said of one setting, for the reader and for people alike, so that the two cannot differ."""

from dataclasses import dataclass
from enum import StrEnum


class ReadBy(StrEnum):
    """Who reads a setting."""

    APP = "app"
    #: The Functions host or the Python worker, before the app or beside it.
    HOST = "host"
    #: `python -m bridge.container`, in the host's place.
    CONTAINER = "container"
    #: A library that the app uses: azure-identity, the memory allocator, Application Insights.
    LIBRARY = "library"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting; `{NAME}` in a name stands for what users choose."""

    name: str
    #: For users, in Markdown: one or two sentences.
    meaning: str
    #: None: it has to be given.
    default: str | None = None
    #: When it has to be given although it may be left out otherwise.
    needed: str = ""
    example: str = ""
    #: What it may be, in the spelling that is shown; case does not matter.
    choices: tuple[str, ...] = ()
    #: The least and the most of a whole number.
    limits: tuple[int, int] | None = None
    #: No log, answer or row shows it.
    is_secret: bool = False
    read_by: ReadBy = ReadBy.APP
    #: Why local.settings.example.json does not have it; empty when it does.
    not_in_example: str = ""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Settings that are looked up together."""

    title: str
    settings: tuple[Setting, ...]
    text: str = ""
