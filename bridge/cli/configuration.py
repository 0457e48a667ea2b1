"""What the commands about rules need of the app's configuration: its settings, as far as they are here, and its files.

Nothing of Azure or Snowflake is loaded for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.adapters.files.pipelines_file import parse_catalogue
from bridge.adapters.files.rules_file import LoadedRules, Surroundings, parse_rules
from bridge.adapters.files.yaml_file import content_of
from bridge.assembly import surroundings
from bridge.cli.checking import Checked, counted
from bridge.cli.failures import WrongUsage
from bridge.domain.errors import ConfigurationError
from bridge.domain.pipelines import Catalogue
from bridge.domain.rules import Rules
from bridge.settings.app_settings import Settings
from bridge.settings.catalogue import default_of
from bridge.settings.reader import APP_ROOT


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The rules and what they refer to."""

    rules_file: Path
    rules: Rules
    catalogue: Catalogue
    bridge_name: str
    warnings: tuple[str, ...] = ()
    #: What could not be checked here, in one line; empty when everything was.
    unchecked: str = ""


def read(environ: Mapping[str, str], *, rules_file: Path | None, pipelines_file: Path | None) -> Configuration:
    """Both files, checked against the settings if these are whole.

    Raises: WrongUsage with every file that cannot be read; ConfigurationError with every problem of the files.
    """
    settings, unchecked = _settings(environ, "names of channels, topics and workspaces")
    rules_path, rules_name = _named(environ, rules_file, "--file", "RULES_FILE")
    pipelines_path, pipelines_name = _named(environ, pipelines_file, "--pipelines", "PIPELINES_FILE")
    rules_content, pipelines_content = _contents((rules_path, rules_name), (pipelines_path, pipelines_name))
    problems: list[str] = []
    catalogue, loaded = None, LoadedRules(rules=Rules())
    try:
        catalogue = _catalogue(pipelines_content, pipelines_path, settings)
    except ConfigurationError as error:
        problems += error.problems
    try:
        loaded = parse_rules(rules_content, rules_path.name, _surroundings(catalogue, settings))
    except ConfigurationError as error:
        problems += error.problems
    if catalogue is None or problems:
        raise ConfigurationError(problems)
    return Configuration(
        rules_file=rules_path,
        rules=loaded.rules,
        catalogue=catalogue,
        bridge_name=environ.get("BRIDGE_NAME", "").strip() or default_of("BRIDGE_NAME"),
        warnings=loaded.warnings,
        unchecked=unchecked,
    )


def read_pipelines(environ: Mapping[str, str], file: Path | None) -> Checked:
    """pipelines.yaml alone. Raises: WrongUsage if it cannot be read; ConfigurationError with every problem."""
    settings, unchecked = _settings(environ, "names of workspaces")
    path, name = _named(environ, file, "--file", "PIPELINES_FILE")
    (content,) = _contents((path, name))
    catalogue = _catalogue(content, path, settings)
    return Checked(file_name=path.name, contents=counted(len(list(catalogue.names())), "pipeline"), unchecked=unchecked)


def _settings(environ: Mapping[str, str], what: str) -> tuple[Settings | None, str]:
    try:
        return Settings.from_environ(environ), ""
    except ConfigurationError as error:
        count = len(error.problems)
        reason = f"{count} settings are missing or wrong here, the first: {error.problems[0]}"
        return None, f"{what} are not checked: {reason}"


def _surroundings(catalogue: Catalogue | None, settings: Settings | None) -> Surroundings:
    if settings is None:
        return Surroundings(catalogue=catalogue, channels=None, topics=None, has_default_topic=None)
    return surroundings(settings, catalogue)


def _catalogue(content: bytes, path: Path, settings: Settings | None) -> Catalogue:
    return parse_catalogue(content, path.name, workspaces=settings.allowed_workspaces if settings else None)


def _contents(*named: tuple[Path, str]) -> list[bytes]:
    """Each read once, as it may be a pipe."""
    found: list[bytes] = []
    problems: list[str] = []
    for path, name in named:
        try:
            found.append(content_of(path, name))
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise WrongUsage("\n".join(problems))
    return found


def _named(environ: Mapping[str, str], file: Path | None, option: str, setting: str) -> tuple[Path, str]:
    """The file, and what names it."""
    return (file, option) if file is not None else (_app_file(environ, setting), setting)


def _app_file(environ: Mapping[str, str], setting: str) -> Path:
    """As the app finds it."""
    path = Path(environ.get(setting, "").strip() or default_of(setting))
    return path if path.is_absolute() else APP_ROOT / path
