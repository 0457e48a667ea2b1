"""The keys that a deployment stores in Snowflake: from the environment only, never from a file or an argument."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.deploy.values import Door, InvalidValues

_KEY = re.compile(r"[A-Za-z0-9+/=_.~-]{8,512}")


@dataclass(frozen=True)
class KeySecret:
    """A key of Azure's that a door carries."""

    #: Of the environment.
    variable: str
    #: In the template of its script.
    template: str
    script: str
    door: Door


KEYS = (
    KeySecret("ML_BRIDGE_FUNCTION_KEY", "function_key", "035_secret_function_key.sql", Door.PROCEDURES_KEY),
    KeySecret("ML_BRIDGE_SEND_KEY", "send_key", "036_secret_send_key.sql", Door.SERVICE_BUS_KEY),
    KeySecret("ML_BRIDGE_TOPIC_KEY", "topic_key", "037_secret_topic_key.sql", Door.EVENT_GRID_KEY),
    KeySecret("ML_BRIDGE_CLIENT_SECRET", "client_secret", "039_secret_client.sql", Door.SERVICE_FUNCTIONS),
)
#: What a dry run shows in their place.
HIDDEN = {key.template: "***" for key in KEYS}


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The keys that are set, by template variable.

    Raises:
        InvalidValues: a key could not stand in a SQL literal; the text does not show it.
    """
    found = {key.template: environ[key.variable] for key in KEYS if environ.get(key.variable)}
    bad = [
        f"{key.variable}: has characters that no key of Azure has, or too few: copy the key alone"
        for key in KEYS
        if key.template in found and not _KEY.fullmatch(found[key.template])
    ]
    if bad:
        raise InvalidValues(bad)
    return found


def masked(text: str, secrets: Mapping[str, str]) -> str:
    """The text without the keys, for people's eyes."""
    for value in secrets.values():
        text = text.replace(value, "***")
    return text
