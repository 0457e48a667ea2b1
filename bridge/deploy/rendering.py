"""A script with its values filled in: the text that Snowflake gets, and nothing but that."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from bridge.deploy.secrets import HIDDEN
from bridge.deploy.values import Values

ROOT = Path(__file__).parents[2]
SQL = ROOT / "sql"
PROCEDURES = ROOT / "bridge" / "procedures"
#: A part that has values itself.
_SPECIFICATION = "service_specification"
_SPECIFICATION_FILE = SQL / "parts" / f"{_SPECIFICATION}.yaml"
#: Of a purge that is not resumed.
_UNUSED_DAYS = 400


class CannotRender(Exception):
    """A script names what there is no value for, or is no template."""


@dataclass(frozen=True)
class Rendered:
    """One script as it is sent."""

    name: str
    text: str


class Renderer:
    """Fills in the values of one deployment; without secrets, each shows as ***.

    The delimiters are the Snowflake CLI's own, `<% name %>`; blocks and comments of Jinja are put out of the way,
    because SQL and Python may hold braces.
    """

    def __init__(self, values: Values, secrets: Mapping[str, str] | None = None) -> None:
        #: By template variable. A real run must not send a dry run's asterisks, so there a missing key is an error.
        self._secrets = dict(HIDDEN if secrets is None else secrets)
        self._environment = jinja2.Environment(  # nosec B701 # SQL, no HTML
            variable_start_string="<%",
            variable_end_string="%>",
            block_start_string="<%%",
            block_end_string="%%>",
            comment_start_string="<%#",
            comment_end_string="#%>",
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - it is SQL, and each value is held to its pattern
        )
        self._names = _variables(values) | _files(PROCEDURES, ".py") | _files(SQL / "parts", ".sql")

    def render(self, script: str) -> Rendered:
        """The text of one script, named by its path below `sql/`."""
        template = (SQL / script).read_text(encoding="utf-8")
        names = self._names | self._secrets
        try:
            if _SPECIFICATION in template:
                names |= {_SPECIFICATION: self._filled(_SPECIFICATION_FILE.read_text(encoding="utf-8").rstrip(), names)}
            text = self._filled(template, names)
        except jinja2.TemplateError as error:
            raise CannotRender(f"sql/{script}: {error}") from error
        return Rendered(script, text)

    def _filled(self, template: str, names: Mapping[str, Any]) -> str:
        return self._environment.from_string(template).render(names)


def _variables(values: Values) -> dict[str, Any]:
    """Those that are set; a script that asks for another one cannot be rendered."""
    named = {name: value for name, value in values.model_dump(by_alias=True).items() if value is not None}
    return named | {
        "allowed_hosts": ", ".join(f"'{host}:443'" for host in values.hosts),
        "allowed_secrets": ", ".join(values.secrets),
        "service_hosts": ", ".join(f"'{host}'" for host in values.service_hosts),
        "service_repository": f"/{values.database}/{values.schema_name}/ml_bridge_images".lower(),
        "service_topic_endpoint": f"https://{values.topic_host}/api/events" if values.topic_host else "",
        "purge_days": values.ledger_days or _UNUSED_DAYS,
        "purge_state": "RESUME" if values.ledger_days else "SUSPEND",
    }


def _files(directory: Path, suffix: str) -> dict[str, str]:
    return {
        file.stem + suffix.replace(".", "_"): file.read_text(encoding="utf-8").rstrip("\n")
        for file in sorted(directory.glob(f"*{suffix}"))
    }
