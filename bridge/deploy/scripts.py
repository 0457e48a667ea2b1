"""Which scripts a deployment runs, in which order: their numbers give it, the doors choose among them."""

from collections.abc import Collection, Sequence

from bridge.deploy.rendering import SQL
from bridge.deploy.secrets import KEYS
from bridge.deploy.values import Door, Values

_PROCEDURES = frozenset({Door.PROCEDURES_KEY, Door.PROCEDURES_KEYLESS})
_KEYLESS = frozenset({Door.PROCEDURES_KEYLESS, Door.SERVICE_BUS_KEYLESS, Door.EVENT_GRID_KEYLESS})
_KEY = frozenset({Door.PROCEDURES_KEY, Door.SERVICE_BUS_KEY, Door.EVENT_GRID_KEY})
#: Scripts that belong to doors: each is run when one of its doors is chosen. All others are always run.
DOORS_OF = {
    "011_account_service.sql": frozenset({Door.SERVICE_FUNCTIONS}),
    "038_secret_identity.sql": _KEYLESS,
    "040_access.sql": _KEYLESS | _KEY,
    "041_procedures_key.sql": frozenset({Door.PROCEDURES_KEY}),
    "041_procedures_keyless.sql": frozenset({Door.PROCEDURES_KEYLESS}),
    "050_external_functions.sql": frozenset({Door.EXTERNAL_FUNCTIONS}),
    "060_service_bus.sql": frozenset({Door.SERVICE_BUS_KEY}),
    "060_service_bus_keyless.sql": frozenset({Door.SERVICE_BUS_KEYLESS}),
    "070_event_grid.sql": frozenset({Door.EVENT_GRID_KEY}),
    "070_event_grid_keyless.sql": frozenset({Door.EVENT_GRID_KEYLESS}),
    "075_notifications.sql": frozenset({Door.NOTIFICATIONS}),
    "076_service_images.sql": frozenset({Door.SERVICE_FUNCTIONS}),
    "077_service.sql": frozenset({Door.SERVICE_FUNCTIONS}),
    "078_service_functions.sql": frozenset({Door.SERVICE_FUNCTIONS}),
    "085_tasks.sql": _PROCEDURES,
    "090_hand_over.sql": frozenset({Door.HAND_OVER}),
}
#: They change roles to the administrator's.
ACCOUNT = ("010_account.sql", "011_account_service.sql")
#: The schema must be there before the tables, the tables before the views.
_MIGRATIONS_AFTER = "020"
#: Role, database, schema and warehouse of the session are set by this one.
CONTEXT = "020_schema.sql"


class UnknownScript(Exception):
    """There is no such script."""


def every_script() -> list[str]:
    """All that a deployment may run, in order."""
    numbered = sorted(file.name for file in SQL.glob("[0-9]*.sql"))
    migrations = sorted(f"migrations/{file.name}" for file in (SQL / "migrations").glob("V*.sql"))
    before = [name for name in numbered if name[:3] <= _MIGRATIONS_AFTER]
    return before + migrations + numbered[len(before) :]


def to_deploy(values: Values, set_keys: Collection[str]) -> list[str]:
    """The scripts of these doors; a key's script only if the key is among `set_keys`, by template variable."""
    doors = set(values.doors)
    keys = {key.script: key for key in KEYS}

    def wanted(script: str) -> bool:
        if script in ACCOUNT and not values.account_script:
            return False
        if script in keys:
            return keys[script].door in doors and keys[script].template in set_keys
        return script not in DOORS_OF or bool(DOORS_OF[script] & doors)

    return [script for script in every_script() if wanted(script)]


def named(names: Sequence[str], values: Values, set_keys: Collection[str]) -> list[str]:
    """The scripts that these names stand for, in order, examples last; a number stands for those that would be run.

    Raises:
        UnknownScript: a name stands for none.
    """
    examples = sorted(f"examples/{file.name}" for file in (SQL / "examples").glob("*.sql"))
    known, run = every_script() + examples, to_deploy(values, set_keys)
    chosen: set[str] = set()
    for name in names:
        wanted = name.removeprefix("sql/")
        found = [wanted] if wanted in known else [script for script in run if script.startswith(f"{wanted}_")]
        if not found:
            raise UnknownScript(f"there is no script {name} for these values: use one of {', '.join(run + examples)}")
        chosen.update(found)
    return [script for script in known if script in chosen]


def with_context(chosen: Sequence[str]) -> list[str]:
    """The same scripts, with what sets up their session before them."""
    before = [script for script in chosen if script in ACCOUNT]
    if CONTEXT in chosen or before == list(chosen):
        return list(chosen)
    return [*before, CONTEXT, *chosen[len(before) :]]


def to_tear_down(values: Values, *, with_ledger: bool) -> list[str]:
    """The scripts that remove things again; the account's only when they are this deployment's to make."""
    account = with_ledger and values.account_script
    return ["teardown.sql", *["teardown_ledger.sql"][:with_ledger], *["teardown_account.sql"][:account]]
