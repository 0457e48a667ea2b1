"""The Entra emulator with one application that may call, as tests of the authenticator and of the emulator use it."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from bridge.local.processes import emulator, free_port

TENANT = "aaaaaaaa-1111-4111-8111-111111111111"
APP, OLD_APP = "bbbbbbbb-2222-4222-8222-222222222222", "bbbbbbbb-1111-4111-8111-111111111111"
CLIENT, STRANGER = "cccccccc-3333-4333-8333-333333333333", "dddddddd-4444-4444-8444-444444444444"
ISSUER, SUBJECT = "https://snowflake.invalid/wif", "account:db.schema.identity"


class EntraService:
    """A running emulator: `APP` gets tokens of version 2, `OLD_APP` of version 1."""

    def __init__(self, directory: Path) -> None:
        trusted = {"issuer": ISSUER, "subject": SUBJECT}
        config = {
            "tenant_id": TENANT,
            "applications": [
                {"client_id": APP},
                {"client_id": OLD_APP, "token_version": 1},
                {"client_id": CLIENT, "federated_credentials": [{**trusted, "subject": "other"}, trusted]},
                {"client_id": STRANGER},
            ],
        }
        file = directory / "entra.json"
        file.write_text(json.dumps(config))
        port, control = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = emulator("entra", port, control, "--config", str(file))
        self._control = httpx.Client(base_url=f"http://127.0.0.1:{control}", trust_env=False, timeout=10)
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=10)

    def __enter__(self) -> Self:
        self._process.start()
        self._process.wait_until_healthy()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self.http.close()
        self._process.stop()

    def tell(self, path: str, body: Any = None) -> Any:
        answer = self._control.post(path, json=body or {})
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def begin(self) -> None:
        """The state that every test starts from."""
        self.tell("/outage", {"down": False})
        self.tell("/reset")

    def key_requests(self) -> int:
        """How often the keys were asked for."""
        return int(self._control.get("/requests").json().get("keys", 0))

    def token(
        self, client: str = CLIENT, resource: str = APP, headers: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A token of the tenant; None takes a claim away."""
        body = {"client_id": client, "resource": resource, "claims": claims, "headers": headers or {}}
        return str(self.tell("/tokens", body)["access_token"])
