"""What is examined: settings and files as far as they can be read, Azure and Snowflake behind them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.doctor.azure import Azure
from bridge.doctor.clocks import Clocks
from bridge.doctor.mends import Mends
from bridge.domain.pipelines import Catalogue
from bridge.domain.queues import Queue
from bridge.domain.rules import Rules
from bridge.settings.app_settings import Settings

_NAME = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class AppAddress:
    """Where the app itself listens, and what lets the doctor in; all empty when it is not to be asked."""

    url: str = ""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(kw_only=True)
class Subject:
    """One deployment; checks leave here what later ones need."""

    environ: Mapping[str, str]
    settings: Settings
    #: What is wrong with the settings; those concerned are empty or have their defaults.
    problems: tuple[str, ...]
    mends: Mends
    #: Settings whose values are in Key Vault; nothing is said against them.
    references: frozenset[str] = frozenset()
    azure: Azure
    clocks: Clocks
    app: AppAddress = field(default_factory=AppAddress)
    #: Object id of the app's identity; empty: who runs the doctor is looked at.
    principal_id: str = ""
    catalogue: Catalogue | None = None
    rules: Rules | None = None
    #: Whether the app runs elsewhere, with files of its own.
    is_elsewhere: bool = False
    #: Whether Azure can be asked.
    has_token: bool = False
    #: Those that exist and may be read.
    workspaces: set[str] = field(default_factory=set)
    queues: set[Queue] = field(default_factory=set)

    @property
    def wrong_settings(self) -> frozenset[str]:
        """Those whose values are not known, for one reason or another."""
        return frozenset(setting_of(problem) for problem in self.problems) | self.references


def setting_of(problem: str) -> str:
    """Problems begin with the name of their setting."""
    found = _NAME.match(problem)
    return found[0] if found else ""


def utc_now() -> datetime:
    return datetime.now(UTC)


Now = Callable[[], datetime]
