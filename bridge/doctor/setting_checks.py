"""Are the settings what the app needs, and is none of them misspelt?"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Set
from functools import cache

from bridge.doctor.findings import Finding, fail, ok, skipped, warn
from bridge.doctor.subject import Subject, setting_of
from bridge.settings.app_settings import Settings
from bridge.settings.channels import is_channel_setting
from bridge.settings.reader import APP_ROOT

CHECK, SPELLING = "settings", "settings.spelling"
#: A name this close to one of the app's is taken for it.
CLOSE = 0.9
CHANNEL_PARTS = ("URL", "KIND", "SECRET")
#: Of the command line.
OTHERS = frozenset({"BRIDGE_URL", "BRIDGE_KEY", "BRIDGE_TOKEN"})
#: Names and ids that stand for those of a deployment.
_INVENTED = re.compile(r"my-?|0{8}-")
_LEAVE_OUT = re.compile(r"leave it out|is refused there|no header counts there")


def check_settings(subject: Subject) -> Iterator[Finding]:
    """Each problem with what to set; then what looks like a setting and is none."""
    if not any(name in subject.environ for name in known_settings() - OTHERS):
        mend = "python -m bridge doctor --settings local.settings.json    # or --local"
        yield fail(CHECK, "none of the app's settings are here", cause="the doctor looks at what they name", mend=mend)
        return
    strangers = misspelt(subject.environ)
    for problem in subject.problems:
        yield _problem(subject, problem, strangers)
    told = {setting_of(problem) for problem in subject.problems if "is not set" in problem}
    for name, meant in strangers.items():
        if meant not in told:
            yield warn(
                SPELLING,
                f"{name} is set, and nothing reads it",
                cause=f"it looks like {meant}",
                mend=_renaming(subject, name, meant),
            )
    for name in sorted(subject.references):
        yield skipped(CHECK, f"the value of {name} is in Key Vault", "only the app can read it")
    if not subject.problems:
        yield ok(CHECK, "all settings can be used")


def _problem(subject: Subject, problem: str, strangers: Mapping[str, str]) -> Finding:
    name = setting_of(problem)
    wrong = next((stranger for stranger, meant in strangers.items() if meant == name), None)
    if wrong is not None and "is not set" in problem:
        cause = f"{wrong} is set, which nothing reads: {name} was probably meant"
        return fail(CHECK, problem, cause=cause, mend=_renaming(subject, wrong, name))
    if _LEAVE_OUT.search(problem):
        return fail(CHECK, problem, mend=subject.mends.remove_setting(name))
    return fail(CHECK, problem, mend=subject.mends.set_setting(name, _value(name)))


def _renaming(subject: Subject, wrong: str, right: str) -> str:
    """Without the value: what is misspelt may be a secret, and is not known as one."""
    return f"{subject.mends.set_setting(right, f'<value of {wrong}>')}\n{subject.mends.remove_setting(wrong)}"


def _value(name: str) -> str:
    """What most deployments have, or what it looks like."""
    example = examples().get(name, "")
    if not example:
        return "<value>"
    return f"<such as {example}>" if _INVENTED.match(example) else example


def misspelt(environ: Mapping[str, str]) -> dict[str, str]:
    """Names in the environment that nothing reads but that look like one of the app's, and that one."""
    known = known_settings()
    found = {}
    for name in sorted(environ.keys() - known):
        if any(is_channel_setting(name, part) for part in CHANNEL_PARTS):
            continue
        folded = {each.lower(): each for each in (*known, *_of_channel(name))}
        near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=CLOSE)
        if near and folded[near[0]] not in environ:  # two that are meant to be there may look alike
            found[name] = folded[near[0]]
    return found


def _of_channel(name: str) -> tuple[str, ...]:
    """The settings of the channel whose name it seems to have."""
    channel, _, _ = name.rpartition("_")
    return tuple(f"{channel}_{part}" for part in CHANNEL_PARTS) if channel.startswith("NOTIFY_") else ()


@cache
def known_settings() -> Set[str]:
    """Those that the app asks for, as it does so, and those of the platform that the example has."""
    asked = _Asked()
    Settings.with_problems(asked)
    asked_with_tokens = _Asked({"AUTH_MODE": "entra"})
    Settings.with_problems(asked_with_tokens)
    return asked.names | asked_with_tokens.names | examples().keys() | OTHERS


@cache
def examples() -> dict[str, str]:
    document = json.loads((APP_ROOT / "local.settings.example.json").read_text(encoding="utf-8"))
    return {str(name): str(value) for name, value in document["Values"].items()}


class _Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        super().__init__(values or {})
        self.names: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.names.add(name)
        return super().get(name, default)
