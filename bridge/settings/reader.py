"""Reads settings from the environment one by one, as the catalogue has them, and gathers what is wrong with them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bridge.settings.catalogue import declared

APP_ROOT = Path(__file__).parents[2]
#: Python takes more, such as digits of other scripts, and gives up on what is very long.
_WHOLE = re.compile(r"-?[0-9]{1,18}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Secret:
    """A text that no log and no error shows."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret()"


@dataclass
class Reader:
    """Reads settings one by one and keeps what is wrong with them."""

    environ: Mapping[str, str]
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, *, is_needed: bool | None = None) -> str:
        """`is_needed` where another setting decides it: it then has no default either."""
        setting = declared(name)
        value = self.environ.get(name, "").strip()
        if value:
            return value
        default = setting.default if is_needed is None else None if is_needed else ""
        if default is None:
            self.problems.append(f"{name} is not set" + (f": for example {setting.example}" if setting.example else ""))
        return default or ""

    def names(self, name: str) -> list[str]:
        """Parts between commas."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def secret(self, name: str) -> Secret:
        if not declared(name).is_secret:
            raise TypeError(f"{name} is no secret in the catalogue")  # it would be in the log
        return Secret(self.environ.get(name, ""))

    def number(self, name: str) -> int:
        setting = declared(name)
        if setting.limits is None:
            raise TypeError(f"{name} has no limits in the catalogue")
        least, most = setting.limits
        text = self.text(name)
        if _WHOLE.fullmatch(text) and least <= int(text) <= most:
            return int(text)
        self.problems.append(f'{name} is "{text[:50]}": give a whole number from {least} to {most}')
        return least

    def choice(self, name: str) -> str:
        text, allowed = self.text(name), declared(name).choices
        if text.lower() not in {one.lower() for one in allowed}:
            self.problems.append(f'{name} is "{text[:50]}": give one of {", ".join(allowed)}')
        return text

    def flag(self, name: str) -> bool:
        return self.choice(name).lower() == "true"

    def loopback(self, name: str, host_of: Callable[[str], str]) -> str:
        text = self.text(name)
        if text and host_of(text) not in LOOPBACK:
            self.problems.append(f'{name} is "{text[:100]}": it is for emulators on this machine only; leave it out')
        return text

    def file(self, name: str) -> Path:
        path = Path(self.text(name))
        path = path if path.is_absolute() else APP_ROOT / path
        if not path.is_file():
            self.problems.append(f"{name}: there is no file {path.name}")
        return path


def host_of(endpoint: str) -> str:
    """The host of a URL; empty when it is none."""
    try:
        return urlsplit(endpoint).hostname or ""
    except ValueError:
        return ""
