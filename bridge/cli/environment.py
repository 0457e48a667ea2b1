"""Where the app's settings are taken from when a command does itself what the app would do."""

import os
from collections.abc import Mapping
from pathlib import Path

from bridge.cli import laptop
from bridge.cli.failures import WrongUsage
from bridge.payloads import lossless


def app_environment(settings_file: Path | None, *, local: bool) -> Mapping[str, str]:
    """The `Values` of a file as the Functions host reads it, the laptop stack's settings, or this environment.

    Raises: WrongUsage.
    """
    if local and settings_file is not None:
        raise WrongUsage("--local and --settings: give one of them")
    if local:
        return {str(name): str(value) for name, value in laptop.endpoints()["settings"].items()}
    if settings_file is None:
        return os.environ
    try:
        document = lossless.loads(settings_file.read_bytes())
    except OSError as error:
        raise WrongUsage(f"{settings_file}: cannot be read, {error.strerror}") from error
    except ValueError as error:
        raise WrongUsage(f"{settings_file}: {error}") from error
    values = document.get("Values") if isinstance(document, Mapping) else None
    if not isinstance(values, Mapping):
        raise WrongUsage(f'{settings_file}: it has no "Values": give a local.settings.json')
    return {str(name): str(value) for name, value in values.items()}
