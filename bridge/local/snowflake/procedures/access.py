"""Secrets, network rules and external access integrations: what a procedure may carry, and where it may go."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.local.snowflake.errors import StatementFailed, compilation_error
from bridge.local.snowflake.procedures.definitions import Procedure, Qualify
from bridge.local.snowflake.procedures.messages import SecretValue
from bridge.local.snowflake.procedures.reading import Path, Reader, Value, clauses, paths, text, texts

#: Of the tokens that are made here. The name says that no such issuer exists.
ISSUER = "https://laptop.invalid/snowflake/workload-identity"
_SECRET_FIELDS = {
    "GENERIC_STRING": ("SECRET_STRING",),
    "PASSWORD": ("USERNAME", "PASSWORD"),
    "WORKLOAD_IDENTITY_FEDERATION": (),
}
#: Never to be seen in a log.
HIDDEN_FIELDS = ("SECRET_STRING", "PASSWORD")
_ANY = "ALL"

FullPath = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One secret; its values leave this module only for the procedure that may have them."""

    path: FullPath
    kind: str
    comment: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def for_handler(self) -> SecretValue:
        identity = {"ISSUER": ISSUER, "SUBJECT": self.subject} if self.is_identity else {}
        return SecretValue(kind=self.kind, values={**self.values, **identity})

    @property
    def is_identity(self) -> bool:
        return self.kind == "WORKLOAD_IDENTITY_FEDERATION"

    @property
    def subject(self) -> str:
        return "laptop:" + ".".join(self.path)


@dataclass(frozen=True, kw_only=True)
class NetworkRule:
    """One network rule."""

    path: FullPath
    #: host:port as written; without a port, 443.
    hosts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Integration:
    """One external access integration."""

    name: str
    rules: tuple[FullPath, ...]
    #: None for all of them.
    secrets: tuple[FullPath, ...] | None
    is_enabled: bool


@dataclass(frozen=True, kw_only=True)
class Access:
    """What one CALL takes with it."""

    hosts: tuple[str, ...] = ()
    secrets: Mapping[str, SecretValue] = field(default_factory=dict)


class AccessObjects:
    """The secrets, network rules and integrations of the account; safe to use from several threads."""

    def __init__(self) -> None:
        self._secrets: dict[FullPath, Secret] = {}
        self._rules: dict[FullPath, NetworkRule] = {}
        self._integrations: dict[str, Integration] = {}
        self._lock = threading.RLock()

    def create(self, kind: str, reader: Reader, qualify: Qualify, *, replaces: bool) -> str:
        """Keep what the rest of the statement says; the words that answer it."""
        careful = reader.take("IF", "NOT", "EXISTS")
        path = reader.path()
        options = clauses(reader)
        with self._lock:
            if self._has(kind, path, qualify) and not replaces:
                if careful:
                    return f"{path[-1]} already exists, statement succeeded."
                raise compilation_error(2002, "42710", f"Object '{path[-1]}' already exists.")
            self._put(kind, path, options, qualify)
        return f"{kind.capitalize()} {path[-1]} successfully created."

    def alter(self, kind: str, reader: Reader, qualify: Qualify) -> str:
        """Change what `SET` names; other forms of ALTER change nothing that the laptop has."""
        careful = reader.take("IF", "EXISTS")
        path = reader.path()
        with self._lock:
            if not self._has(kind, path, qualify):
                if careful:
                    return "Statement executed successfully."
                raise _missing(kind, path)
            if reader.take("SET"):
                self._put(kind, path, {**self._options(kind, path, qualify), **clauses(reader)}, qualify)
        return "Statement executed successfully."

    def drop(self, kind: str, reader: Reader, qualify: Qualify) -> str:
        careful = reader.take("IF", "EXISTS")
        path = reader.path()
        with self._lock:
            if not self._has(kind, path, qualify):
                if careful:
                    return f"Drop statement executed successfully ({path[-1]} already dropped)."
                raise _missing(kind, path)
            if kind == "SECRET":
                del self._secrets[qualify(path)]
            elif kind == "NETWORK RULE":
                del self._rules[qualify(path)]
            else:
                del self._integrations[path[-1]]
        return f"{path[-1]} successfully dropped."

    def has_integration(self, name: str) -> bool:
        with self._lock:
            return name in self._integrations

    def secret(self, path: FullPath) -> Secret:
        with self._lock:
            if path not in self._secrets:
                raise _missing("SECRET", path)
            return self._secrets[path]

    def access_of(self, procedure: Procedure) -> Access:
        """The hosts and secrets that the procedure may use.

        Raises:
            StatementFailed: an integration, rule or secret is missing, or no integration allows the secret.
        """
        with self._lock:
            integrations = [self._integration(name) for name in procedure.integrations]
            hosts = [host for found in integrations for rule in found.rules for host in self._rule(rule).hosts]
            for name, path in procedure.secrets:
                self.secret(path)
                if not any(found.secrets is None or path in found.secrets for found in integrations):
                    raise compilation_error(
                        391517,
                        "42601",
                        f"Secret '{'.'.join(path)}' ('{name}') is not among the ALLOWED_AUTHENTICATION_SECRETS of the "
                        f"external access integrations ({', '.join(procedure.integrations) or 'none'}).",
                    )
            secrets = {name: self.secret(path).for_handler() for name, path in procedure.secrets}
        return Access(hosts=tuple(hosts), secrets=secrets)

    def _integration(self, name: str) -> Integration:
        if name not in self._integrations:
            raise _missing("INTEGRATION", (name,))
        found = self._integrations[name]
        if not found.is_enabled:
            raise compilation_error(391518, "42601", f"Integration '{name}' is not enabled.")
        return found

    def _rule(self, path: FullPath) -> NetworkRule:
        if path not in self._rules:
            raise _missing("NETWORK RULE", path)
        return self._rules[path]

    def _has(self, kind: str, path: Path, qualify: Qualify) -> bool:
        if kind == "SECRET":
            return qualify(path) in self._secrets
        if kind == "NETWORK RULE":
            return qualify(path) in self._rules
        return path[-1] in self._integrations

    def _options(self, kind: str, path: Path, qualify: Qualify) -> dict[str, Value]:
        """What is there, in the form of the clauses that would make it."""
        if kind == "SECRET":
            secret = self._secrets[qualify(path)]
            return {"TYPE": secret.kind, "COMMENT": secret.comment, **secret.values}
        if kind == "NETWORK RULE":
            return {"TYPE": "HOST_PORT", "VALUE_LIST": list(self._rules[qualify(path)].hosts)}
        found = self._integrations[path[-1]]
        return {
            "ALLOWED_NETWORK_RULES": list(found.rules),
            "ALLOWED_AUTHENTICATION_SECRETS": [(_ANY,)] if found.secrets is None else list(found.secrets),
            "ENABLED": str(found.is_enabled).upper(),
        }

    def _put(self, kind: str, path: Path, options: Mapping[str, Value], qualify: Qualify) -> None:
        if kind == "SECRET":
            self._secrets[qualify(path)] = _secret(qualify(path), options)
        elif kind == "NETWORK RULE":
            self._rules[qualify(path)] = NetworkRule(path=qualify(path), hosts=tuple(texts(options.get("VALUE_LIST"))))
        else:
            self._integrations[path[-1]] = self._made(path[-1], options, qualify)

    def _made(self, name: str, options: Mapping[str, Value], qualify: Qualify) -> Integration:
        rules = tuple(qualify(path) for path in paths(options.get("ALLOWED_NETWORK_RULES")))
        for rule in rules:
            self._rule(rule)
        listed = paths(options.get("ALLOWED_AUTHENTICATION_SECRETS"))
        named = [path for path in listed if path not in {(_ANY,), ("NONE",)}]
        for path in named:
            self.secret(qualify(path))
        return Integration(
            name=name,
            rules=rules,
            secrets=None if (_ANY,) in listed else tuple(qualify(path) for path in named),
            is_enabled=text(options.get("ENABLED", "FALSE")).upper() == "TRUE",
        )


def _secret(path: FullPath, options: Mapping[str, Value]) -> Secret:
    kind = text(options.get("TYPE")).upper()
    wanted = _SECRET_FIELDS.get(kind, ())  # of any other type no handler can read the value here
    missing = [name for name in wanted if not isinstance(options.get(name), str)]
    if missing or not kind:
        raise compilation_error(1003, "42000", f"A secret of type {kind or '?'} needs {', '.join(missing)}.")
    values = {name: text(options[name]) for name in wanted}
    return Secret(path=path, kind=kind, values=values, comment=text(options.get("COMMENT")))


def _missing(kind: str, path: Path) -> StatementFailed:
    what = "Integration" if kind.endswith("INTEGRATION") else kind.capitalize()
    return compilation_error(2003, "02000", f"{what} '{'.'.join(path)}' does not exist or not authorized.")
