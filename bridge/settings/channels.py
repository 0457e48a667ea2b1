"""Where notifications go: NOTIFY_{NAME}_URL, _KIND and _SECRET, for each channel that rules.yaml may name."""

import base64
import binascii
import re

from bridge.domain.channels import Channel, ChannelKind
from bridge.settings.reader import LOOPBACK, Reader, host_of

_SETTING = re.compile(r"NOTIFY_([A-Z0-9]+(?:_[A-Z0-9]+)*)_(URL|KIND|SECRET)")
PREFIX = "whsec_"
#: Bytes of a signing secret, as standardwebhooks.com wants it.
SECRET_BYTES = range(24, 65)


def read_channels(reader: Reader) -> dict[str, Channel]:
    """By name as in rules.yaml: NOTIFY_ML_TEAM_URL is the address of `ml-team`."""
    found = (_SETTING.fullmatch(name) for name in sorted(reader.environ) if reader.environ[name].strip())
    names = dict.fromkeys(match[1] for match in found if match)
    return {channel.name: channel for channel in (_channel(reader, name) for name in names)}


def is_channel_setting(name: str, part: str) -> bool:
    """Whether a setting is this part of some channel."""
    found = _SETTING.fullmatch(name)
    return found is not None and found[2] == part


def setting_name(channel: str, part: str = "URL") -> str:
    """The setting of a channel, as a person has to write it."""
    return f"NOTIFY_{channel.upper().replace('-', '_')}_{part}"


def _channel(reader: Reader, name: str) -> Channel:
    kind = reader.choice(f"NOTIFY_{name}_KIND").lower()
    kind = ChannelKind(kind) if kind in set(ChannelKind) else ChannelKind.WEBHOOK
    secret = reader.text(f"NOTIFY_{name}_SECRET")
    if kind is ChannelKind.WEBHOOK and not _is_secret(secret):
        state = "is not usable" if secret else "is not set"
        fix = f"give {PREFIX} and 24 to 64 random bytes in Base64; the receiver checks the signature with the same"
        reader.problems.append(f"NOTIFY_{name}_SECRET {state}: {fix}")
    return Channel(name=name.lower().replace("_", "-"), kind=kind, url=_url(reader, name), secret=secret)


def _url(reader: Reader, name: str) -> str:
    """The address itself is a secret: it is never repeated."""
    url = reader.text(f"NOTIFY_{name}_URL")
    if url and not (url.startswith("https://") and host_of(url)) and host_of(url) not in LOOPBACK:
        reader.problems.append(f"NOTIFY_{name}_URL is no address of a webhook: give one that begins with https://")
    return url


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(PREFIX) and len(key) in SECRET_BYTES
