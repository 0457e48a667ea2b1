"""What an identity may do in Azure, as far as Azure's own lists say it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bridge.doctor.azure import Azure

VERSION = "2022-04-01"


@dataclass(frozen=True)
class Permissions:
    """Entries of roles. An entry takes away only from itself what its "not" lists name."""

    entries: tuple[Mapping[str, Any], ...]

    def missing(self, actions: Iterable[str], kind: str = "actions") -> list[str]:
        """Those that no entry allows; `kind` is actions or dataActions."""
        return [action for action in actions if not any(_allows(entry, action, kind) for entry in self.entries)]


@dataclass(frozen=True)
class AssignedRoles:
    """The roles that one identity has at a scope or above."""

    names: tuple[str, ...]
    permissions: Permissions


def of_caller(azure: Azure, scope: str) -> Permissions:
    """Of who asks. Raises: BridgeError."""
    return Permissions(tuple(azure.listed(f"{scope}/providers/Microsoft.Authorization/permissions", VERSION)))


def of_principal(azure: Azure, scope: str, principal_id: str) -> AssignedRoles:
    """Of another identity, with what its groups have. Raises: BridgeError."""
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    assigned = azure.listed(path, VERSION, **{"$filter": f"atScope() and assignedTo('{principal_id}')"})
    ids = {str((each.get("properties") or {}).get("roleDefinitionId") or "") for each in assigned}
    found = [azure.get(each, VERSION) or {} for each in sorted(ids - {""})]
    properties = [definition.get("properties") or {} for definition in found]
    return AssignedRoles(
        names=tuple(str(each.get("roleName")) for each in properties),
        permissions=Permissions(tuple(entry for each in properties for entry in each.get("permissions") or [])),
    )


def role_named(azure: Azure, scope: str, name: str) -> Permissions | None:
    """What a role of this name allows; None when there is none. Raises: BridgeError."""
    path = f"{scope}/providers/Microsoft.Authorization/roleDefinitions"
    for found in azure.listed(path, VERSION, **{"$filter": f"roleName eq '{name}'"}):
        return Permissions(tuple((found.get("properties") or {}).get("permissions") or []))
    return None


def _allows(entry: Mapping[str, Any], action: str, kind: str) -> bool:
    denied = f"not{kind[0].upper()}{kind[1:]}"
    return _matches(entry.get(kind) or [], action) and not _matches(entry.get(denied) or [], action)


def _matches(patterns: Sequence[str], action: str) -> bool:
    return any(_pattern(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=1000)
def _pattern(text: str) -> re.Pattern[str]:
    """A star is any text, slashes too; case does not count."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.IGNORECASE)
