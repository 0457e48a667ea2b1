"""The procedures of all databases, and which of them a CALL means."""

import threading
from collections.abc import Sequence
from typing import Any

from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.external_functions import full_path
from bridge.local.snowflake.procedures.definitions import CreateProcedure, Procedure

FullPath = tuple[str, str, str]


class ProcedureCatalog:
    """Procedures by path and types of their parameters; safe to use from several threads."""

    def __init__(self) -> None:
        self._by_path: dict[FullPath, dict[tuple[str, ...], Procedure]] = {}
        self._lock = threading.Lock()

    def create(self, creation: CreateProcedure) -> None:
        procedure = creation.procedure
        with self._lock:
            overloads = self._by_path.setdefault(procedure.path, {})
            if procedure.types in overloads and not creation.replaces:
                if creation.only_if_absent:
                    return
                raise compilation_error(2002, "42710", f"Object '{procedure.name}' already exists.")
            overloads[procedure.types] = procedure

    def drop(self, path: FullPath, types: tuple[str, ...]) -> bool:
        with self._lock:
            return self._by_path.get(path, {}).pop(types, None) is not None

    def find(self, path: FullPath, types: tuple[str, ...]) -> Procedure | None:
        with self._lock:
            return self._by_path.get(path, {}).get(types)

    def called(self, path: Sequence[str], database: str, schema: str) -> list[Procedure]:
        """The overloads that a name can mean, those with the fewest parameters first."""
        in_database, in_schema, name = full_path(path, database, schema)
        schemas = [in_schema, "PUBLIC"] if len(path) == 1 else [in_schema]  # Snowflake's default search path
        with self._lock:
            for candidate in schemas:
                found = self._by_path.get((in_database, candidate, name))
                if found:
                    return sorted(found.values(), key=lambda procedure: len(procedure.parameters))
        return []

    def to_json(self) -> list[dict[str, Any]]:
        with self._lock:
            procedures = [procedure for overloads in self._by_path.values() for procedure in overloads.values()]
        return [
            {
                "name": ".".join(procedure.path),
                "signature": procedure.signature,
                "returns": procedure.returns.kind,
                "language": procedure.language,
                "handler": procedure.handler,
                "external_access_integrations": list(procedure.integrations),
                "secrets": {name: ".".join(path) for name, path in procedure.secrets},
            }
            for procedure in procedures
        ]


def missing(path: Sequence[str]) -> StatementFailed:
    return compilation_error(2003, "02000", f"Procedure '{'.'.join(path)}' does not exist or not authorized.")
