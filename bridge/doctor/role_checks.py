"""May the identity do at the workspace what the app does there?"""

import json
from collections.abc import Iterator
from functools import cache

from bridge.doctor import permissions
from bridge.doctor.findings import Finding, fail, ok, skipped
from bridge.doctor.identity_checks import assignee, who
from bridge.doctor.mends import command
from bridge.doctor.subject import Subject
from bridge.doctor.workspace_checks import group_path, workspace_path
from bridge.domain.errors import BridgeError
from bridge.domain.rules import DeployAction
from bridge.settings.reader import APP_ROOT

CHECK = "roles.workspace"
ROLE_FILE = "examples/azure/azureml_role.json"
#: Of rules that deploy.
DEPLOYING = "/onlineEndpoints/"


def check_roles(subject: Subject) -> Iterator[Finding]:
    """At each workspace that exists."""
    actions = needed_actions(subject)
    for workspace in sorted(subject.workspaces):
        scope = workspace_path(subject.settings, workspace)
        try:
            missing = _missing(subject, scope, actions)
        except BridgeError as error:
            cause = f"roles cannot be read: {error}"
            yield skipped(CHECK, f"{workspace}: roles are not looked at", cause, mend=_reader(scope))
            continue
        if missing:
            what = f"{workspace}: {who(subject)} may not do {len(missing)} of {len(actions)} things that the app does"
            cause = f"no role allows {', '.join(_short(each) for each in missing)}"
            yield fail(CHECK, what, cause=cause, mend=_mend(subject, scope, actions))
        else:
            yield ok(CHECK, f"{workspace}: {who(subject)} may do all that the app does there")


def needed_actions(subject: Subject) -> tuple[str, ...]:
    """Those of the role that the project has for it, without what no rule needs."""
    rules = subject.rules.all if subject.rules else ()
    deploys = any(isinstance(rule.action, DeployAction) for rule in rules)
    return tuple(action for action in _role()[1] if deploys or DEPLOYING not in action)


@cache
def _role() -> tuple[str, tuple[str, ...]]:
    document = json.loads((APP_ROOT / ROLE_FILE).read_text(encoding="utf-8"))
    return str(document["Name"]), tuple(document["Actions"])


def _missing(subject: Subject, scope: str, actions: tuple[str, ...]) -> list[str]:
    if subject.principal_id:
        return permissions.of_principal(subject.azure, scope, subject.principal_id).permissions.missing(actions)
    return permissions.of_caller(subject.azure, scope).missing(actions)


def _short(action: str) -> str:
    return action.removeprefix("Microsoft.MachineLearningServices/workspaces/")


def _mend(subject: Subject, scope: str, actions: tuple[str, ...]) -> str:
    """The role is made or renewed where it is not what it has to be; then it is assigned."""
    name = _role()[0]
    try:
        defined = permissions.role_named(subject.azure, scope, name)
    except BridgeError:
        defined = None
    assign = command("az", "role", "assignment", "create", *assignee(subject), "--role", name, "--scope", scope)
    if defined is not None and not defined.missing(actions):
        return assign
    verb = "create" if defined is None else "update"
    define = command("az", "role", "definition", verb, "--role-definition", ROLE_FILE)
    return f"{define}    # whose AssignableScopes have to be {group_path(subject.settings)}\n{assign}"


def _reader(scope: str) -> str:
    return command("az", "role", "assignment", "create", "--assignee", "<who runs this>", "--role", "Reader",
                   "--scope", scope)  # fmt: skip
