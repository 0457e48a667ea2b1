"""A running stack as an attacker meets it: an address, and a log, queues and jobs that must stay as they are."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bridge.local import endpoints
from bridge.local.processes import ROOT
from bridge.local.stack import Stack, local_stack

#: Stands in every body that is sent, and in no log.
MARK = "MARK-of-the-body-5f1d0c"
PASSWORD = "MARK-of-the-password-77aa"
GOOD = {"as_of": "2026-11-01"}
RUN = {"pipeline": "for-everybody", "inputs": GOOD, "idempotency_key": MARK}
#: The app's own lines and those of the host.
_WARNING = re.compile(r"^\S+ \S+ (?:WARNING|ERROR|CRITICAL) bridge\S* (.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One request, and how it has to end."""

    status: int
    #: Of the one line that the log has of it.
    logged: str
    method: str = "POST"
    path: str = "/runs"
    #: Sent as JSON, unless it is bytes.
    body: Any = field(default_factory=lambda: dict(RUN))
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Of an external function: what each row is answered with. Its request as a whole is no failure.
    row_code: str | None = None

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Target:
    """What attacks are aimed at."""

    stack: Stack

    def send(self, attack: Attack, headers: Mapping[str, str]) -> httpx.Response:
        url = f"{endpoints.url(self.stack.ports.functions)}/api/v1{attack.path}"
        with httpx.Client(timeout=60, trust_env=False) as client:
            content = attack.content() if attack.method == "POST" else None
            return client.request(attack.method, url, content=content, headers={**headers, **attack.headers})

    def log(self) -> str:
        return (self.stack.directory / "functions.log").read_text(encoding="utf-8", errors="replace")

    def world(self) -> dict[str, Any]:
        """What no attack may change: messages that wait, and jobs."""
        queue = self.stack.call("service_bus", "GET", "/queues")["run-commands"]
        return {
            "waiting": queue["active"] + queue["scheduled"] + queue["locked"],
            "jobs": sorted(job["name"] for job in self.stack.call("azure_ml", "GET", "/jobs")),
        }

    def secrets(self) -> list[str]:
        """What no answer and no log may hold."""
        keys = [endpoints.FUNCTION_KEY, endpoints.MASTER_KEY, endpoints.SYSTEM_KEY, endpoints.TOPIC_KEY]
        connection = endpoints.service_bus_connection(self.stack.ports)
        return [*keys, endpoints.SAS_KEY, connection, PASSWORD]


@contextmanager
def target(directory: Path, **settings: str) -> Iterator[Target]:
    """A stack with the pipelines of pipelines.yaml here, and a password that can be recognised."""
    file = directory / "pipelines.yaml"
    ours = Path(__file__).with_name("pipelines.yaml").read_text()
    file.write_text((ROOT / "pipelines.yaml").read_text() + "\n" + ours)
    with local_stack(settings={"PIPELINES_FILE": str(file), "SNOWFLAKE_PASSWORD": PASSWORD, **settings}) as stack:
        yield Target(stack)


def parts(headers: Mapping[str, str]) -> list[str]:
    """What the attacker's own headers hold that is worth stealing: tokens as a whole and in their parts, keys."""
    found: list[str] = []
    for name, value in headers.items():
        if name.lower() in {"authorization", "x-functions-key", "x-ms-client-principal"}:
            whole = value.split()[-1]
            pieces = [part for part in whole.split(".") if len(part) > 20]
            found += [whole, *pieces, *(part[-40:] for part in pieces), *(part[:40] for part in pieces[1:])]
    return found


def refused(target: Target, attack: Attack, headers: Mapping[str, str]) -> None:
    """Send it, and see that it ends as it has to, leaves one line in the log, and nothing else anywhere."""
    before, length = target.world(), len(target.log())

    answer = target.send(attack, headers)

    assert answer.status_code == attack.status, answer.text[:1000]
    if attack.row_code is not None:
        codes = {value["error"]["code"] for _, value in answer.json()["data"]}
        assert codes == {attack.row_code}, answer.text[:1000]
    assert target.world() == before
    written = target.log()[length:]
    (line,) = _WARNING.findall(written)
    assert attack.logged in line
    assert "Traceback" not in written + answer.text
    hidden = [*target.secrets(), *parts({**headers, **attack.headers})]
    assert [secret for secret in hidden if secret in written or secret in answer.text] == []
    assert MARK not in written
    if attack.content():
        assert attack.content().decode(errors="replace")[:200] not in written + answer.text
