"""Every setting: `docs/settings.md` is made of this, and the reader takes defaults, choices and limits from here.

A new setting is one entry in `groups/`, one line in `app_settings.py` and, unless it says why not, one in
`local.settings.example.json`; then `python -m reference`.
"""

import re

from bridge.settings.groups.app import BRIDGE, CALLERS, NOTIFICATIONS
from bridge.settings.groups.azure import AZURE_ML, EVENT_GRID, SERVICE_BUS
from bridge.settings.groups.snowflake import SNOWFLAKE
from bridge.settings.groups.surroundings import EMULATORS, HOST
from bridge.settings.groups.telemetry import TELEMETRY
from bridge.settings.setting import Setting

GROUPS = (BRIDGE, SERVICE_BUS, AZURE_ML, SNOWFLAKE, EVENT_GRID, NOTIFICATIONS, CALLERS, TELEMETRY, HOST, EMULATORS)
SETTINGS = {setting.name: setting for group in GROUPS for setting in group.settings}
_CHANNEL = re.compile(r"NOTIFY_\w+_(?=URL$|KIND$|SECRET$)")


def declared(name: str) -> Setting:
    """The setting of this name, as a person or the reader has it.

    Raises: KeyError if nothing is said of it here.
    """
    return SETTINGS.get(name) or SETTINGS[_CHANNEL.sub("NOTIFY_{NAME}_", name)]


def default_of(name: str) -> str:
    """What counts when it is not set; empty when it has to be."""
    return declared(name).default or ""
