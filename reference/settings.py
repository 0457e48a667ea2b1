"""docs/settings.md, from the catalogue that the app itself reads by."""

from bridge.settings.catalogue import GROUPS
from bridge.settings.setting import Setting
from reference.rendering import rendered


def page() -> str:
    return rendered("settings.md.j2", groups=GROUPS, default=default, meaning=meaning)


def default(setting: Setting) -> str:
    """What counts when it is not set."""
    if setting.needed or setting.default is None:
        return f"needed {setting.needed}".strip()
    return f"`{setting.default}`" if setting.default else "none"


def meaning(setting: Setting) -> str:
    """All that is to be known of it, in one cell."""
    parts = [setting.meaning]
    if setting.choices and set(setting.choices) != {"true", "false"}:
        parts.append(f"One of {', '.join(f'`{choice}`' for choice in setting.choices)}.")
    if setting.default and setting.needed:
        parts.append(f"`{setting.default}` if it is not set.")
    if setting.limits:
        least, most = setting.limits
        parts.append(f"From {least} to {most}.")
    if setting.example:
        parts.append(f"Example: `{setting.example}`.")
    if setting.is_secret:
        parts.append("**Secret.**")
    return " ".join(parts)
