"""Reads settings from the environment one by one, and gathers what is wrong with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

APP_ROOT = Path(__file__).parents[2]
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

    def text(self, name: str, default: str | None = None) -> str:
        value = self.environ.get(name, "").strip()
        if value:
            return value
        if default is None:
            self.problems.append(f"{name} is not set")
        return default or ""

    def names(self, name: str) -> list[str]:
        """Parts between commas."""
        return [part.strip() for part in self.text(name, "").split(",") if part.strip()]

    def secret(self, name: str) -> Secret:
        return Secret(self.environ.get(name, ""))

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        text = self.text(name, str(default))
        if text.lstrip("-").isdigit() and least <= int(text) <= most:
            return int(text)
        self.problems.append(f'{name} is "{text[:50]}": give a whole number from {least} to {most}')
        return default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        text = self.text(name, default)
        if text.lower() not in {one.lower() for one in allowed}:
            self.problems.append(f'{name} is "{text[:50]}": give one of {", ".join(allowed)}')
        return text

    def loopback(self, name: str, host_of: Callable[[str], str]) -> str:
        text = self.text(name, "")
        if text and host_of(text) not in LOOPBACK:
            self.problems.append(f'{name} is "{text[:100]}": it is for emulators on this machine only; leave it out')
        return text

    def file(self, name: str, default: str) -> Path:
        path = Path(self.text(name, default))
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
