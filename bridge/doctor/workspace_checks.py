"""Do the workspaces exist, and may they be read?"""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.adapters.arm import segment
from bridge.doctor.findings import Finding, fail, ok, warn
from bridge.doctor.mends import command
from bridge.doctor.subject import Subject
from bridge.domain.errors import AccessDenied, BridgeError
from bridge.domain.inputs import closest
from bridge.settings.app_settings import Settings

CHECK = "workspace"
VERSION = "2024-10-01"


def workspaces_path(settings: Settings) -> str:
    """The list of the resource group's workspaces."""
    return f"{group_path(settings)}/providers/Microsoft.MachineLearningServices/workspaces"


def group_path(settings: Settings) -> str:
    return f"/subscriptions/{segment(settings.subscription_id)}/resourceGroups/{segment(settings.resource_group)}"


def workspace_path(settings: Settings, workspace: str) -> str:
    return f"{workspaces_path(settings)}/{segment(workspace)}"


def check_workspaces(subject: Subject) -> Iterator[Finding]:
    """The app's own, and those that pipelines may name."""
    for name in sorted(subject.settings.allowed_workspaces):
        yield _finding(subject, name)


def _finding(subject: Subject, name: str) -> Finding:
    settings = subject.settings
    try:
        found = subject.azure.get(workspace_path(settings, name), VERSION)
    except AccessDenied as error:
        what = f"workspace {name} may not be read"
        return fail(CHECK, what, cause=str(error), mend=_grant(settings, name))
    except BridgeError as error:
        return fail(
            CHECK, f"workspace {name} could not be asked for", cause=str(error), mend=subject.mends.wake("try again")
        )
    if found is None:
        return _missing(subject, name)
    subject.workspaces.add(name)
    state = (found.get("properties") or {}).get("provisioningState") or "Succeeded"
    if state != "Succeeded":
        show = command("az", "ml", "workspace", "show", "--name", name, "--resource-group", settings.resource_group)
        return warn(CHECK, f"workspace {name} is {state}", cause="Azure has not finished it", mend=show)
    return ok(CHECK, f"workspace {name} exists")


def _missing(subject: Subject, name: str) -> Finding:
    settings = subject.settings
    known = _names(subject)
    setting = "AML_WORKSPACE" if name == settings.workspace else "ALLOWED_WORKSPACES"
    what = f"there is no workspace {name} in resource group {settings.resource_group}"
    cause = f"{setting} names it; the resource group has {', '.join(known) or 'none, or is none'}"
    near = closest(name, known) or (known[0] if len(known) == 1 else None)
    if near is None:
        group = settings.resource_group
        return fail(CHECK, what, cause=cause, mend=command("az", "ml", "workspace", "list", "--resource-group", group))
    names = [near if each == name else each for each in sorted(settings.allowed_workspaces)]
    value = near if setting == "AML_WORKSPACE" else ",".join(names)
    return fail(CHECK, what, cause=cause, mend=subject.mends.set_setting(setting, value))


def _names(subject: Subject) -> list[str]:
    try:
        listed: list[Mapping[str, Any]] = subject.azure.listed(workspaces_path(subject.settings), VERSION)
    except BridgeError:  # it was only for a hint
        return []
    return sorted(str(each.get("name")) for each in listed)


def _grant(settings: Settings, name: str) -> str:
    scope = workspace_path(settings, name)
    return command("az", "role", "assignment", "create", "--assignee", "<who runs this>", "--role", "Reader",
                   "--scope", scope)  # fmt: skip
