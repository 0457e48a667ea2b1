"""Roles and who has them, as Azure lists them; nothing is refused because of them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KINDS = ("actions", "notActions", "dataActions", "notDataActions")


@dataclass(frozen=True)
class Role:
    """A definition; its id comes of its name."""

    name: str
    permissions: Mapping[str, Sequence[str]]

    @property
    def guid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.name))

    def resource(self, subscription: str) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{self.guid}",
            "name": self.guid,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {"roleName": self.name, "type": "CustomRole", "permissions": [self.permissions]},
        }


@dataclass(frozen=True)
class Assignment:
    """A role that an identity has at a scope and below."""

    role: str
    principal: str
    scope: str

    def counts_at(self, scope: str) -> bool:
        return f"{scope.lower()}/".startswith(f"{self.scope.lower().rstrip('/')}/")


class Authorization:
    """Definitions and assignments from {"roles": [{name, actions?, …}], "assignments": [{role, principal, scope}]}."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._roles = {str(each["name"]): _role(each) for each in configuration.get("roles", [])}
        self._assignments = [Assignment(**each) for each in configuration.get("assignments", [])]

    def roles(self) -> list[Role]:
        return list(self._roles.values())

    def assignments(self, scope: str, principal: str | None) -> list[tuple[Assignment, Role]]:
        """Those that count at the scope; None means everybody's."""
        return [
            (each, self._roles[each.role])
            for each in self._assignments
            if each.counts_at(scope) and principal in (None, each.principal)
        ]


def _role(given: Mapping[str, Any]) -> Role:
    return Role(str(given["name"]), {kind: list(given.get(kind, [])) for kind in _KINDS})
