"""How things are mended where this deployment keeps them, as commands with its own names filled in."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

#: Where a name is not known.
APP, APP_GROUP = "<function app>", "<its resource group>"


@dataclass(frozen=True, kw_only=True)
class Mends:
    """Who keeps the settings: the laptop stack, a file, or an app in Azure."""

    is_local: bool = False
    settings_file: Path | None = None
    app: str = ""
    app_group: str = ""

    def set_setting(self, name: str, value: str) -> str:
        pair = f"{name}={value}"
        if self.is_local:
            return command("python", "-m", "bridge.local", "up", "--setting", pair)
        if self.settings_file is not None:
            return f'in {self.settings_file}, under "Values": {json.dumps(name)}: {json.dumps(value)}'
        return f"az functionapp config appsettings set {self._app()} --settings {shlex.quote(pair)}"

    def remove_setting(self, name: str) -> str:
        if self.is_local or self.settings_file is not None:
            place = self.settings_file or "the command that starts the stack"
            return f"in {place}, leave out {name}"
        return f"az functionapp config appsettings delete {self._app()} --setting-names {shlex.quote(name)}"

    def own_command(self, *words: str) -> str:
        """One of `python -m bridge` that needs the app's settings: it finds them where the doctor did."""
        place: tuple[str, ...] = ("--local",) if self.is_local else ()
        if self.settings_file is not None:
            place = ("--settings", str(self.settings_file))
        return command("python", "-m", "bridge", *words, *place)

    def wake(self, otherwise: str) -> str:
        """What to do when a service does not answer: on a laptop it is the stack that does not run."""
        return "python -m bridge.local up" if self.is_local else otherwise

    def restart(self) -> str:
        return "python -m bridge.local up" if self.is_local else f"az functionapp restart {self._app()}"

    def _app(self) -> str:
        return f"--name {self.app or APP} --resource-group {self.app_group or APP_GROUP}"


def command(*words: str) -> str:
    """One line for a shell."""
    return " ".join(word if word.startswith("<") else shlex.quote(word) for word in words)


def sql_deploy(*scripts: str) -> str:
    """What renews the objects in Snowflake."""
    only = tuple(word for script in scripts for word in ("--only", script))
    return command("python", "-m", "bridge", "sql", "deploy", "--values", "values.yaml", *only)
