"""How the app signs in to Snowflake."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.settings.reader import LOOPBACK, Reader, Secret

_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+[A-Za-z0-9-]+")


@dataclass(frozen=True, kw_only=True)
class SnowflakeSettings:
    """How the app reaches its ledger."""

    account: str
    user: str
    authenticator: str
    password: Secret
    private_key: Secret
    token: Secret
    #: Holds a token that is read at each login, because somebody else renews it there; empty for `token`.
    token_file: str
    role: str
    warehouse: str
    database: str
    schema: str
    #: Set for the laptop stack, and by Snowflake itself for a container in Snowpark Container Services.
    host: str
    port: int
    protocol: str

    def connection_arguments(self) -> dict[str, Any]:
        """For `snowflake.connector.connect`: nothing that is not set."""
        arguments: dict[str, Any] = {
            "account": self.account,
            "user": self.user,
            "role": self.role,
            "warehouse": self.warehouse,
            "database": self.database,
            "schema": self.schema,
            "host": self.host,
            "password": self.password.reveal(),
            "private_key": self.private_key.reveal(),
            "token": self.token.reveal(),
            "token_file_path": self.token_file,
            "authenticator": self.authenticator,
        }
        if self.authenticator == "WORKLOAD_IDENTITY":
            arguments["workload_identity_provider"] = "AZURE"
        if self.host:
            arguments |= {"port": self.port, "protocol": self.protocol}
        return {name: value for name, value in arguments.items() if value}


def read_snowflake(reader: Reader) -> SnowflakeSettings:
    """The ledger's settings; of a service in Snowflake, the account, host, database and schema are its own."""
    token_file = reader.text("SNOWFLAKE_TOKEN_FILE")
    host = _host_of_service(reader) if token_file else reader.loopback("SNOWFLAKE_HOST", str)
    authenticator = reader.choice("SNOWFLAKE_AUTHENTICATOR").upper()
    needed = {
        "SNOWFLAKE_JWT": "SNOWFLAKE_PRIVATE_KEY",
        "OAUTH": "SNOWFLAKE_TOKEN",
        "PROGRAMMATIC_ACCESS_TOKEN": "SNOWFLAKE_TOKEN",  # nosec B105 # a setting's name
        "SNOWFLAKE": "SNOWFLAKE_PASSWORD",
    }.get(authenticator)
    if token_file:
        _check_token_file(reader, token_file, authenticator)
    elif needed and not reader.secret(needed):
        reader.problems.append(f"{needed} is not set, but SNOWFLAKE_AUTHENTICATOR is {authenticator}")
    if authenticator == "SNOWFLAKE" and not host:
        reader.problems.append(
            "SNOWFLAKE_AUTHENTICATOR is SNOWFLAKE: passwords are for the emulator only; use WORKLOAD_IDENTITY"
        )
    return SnowflakeSettings(
        account=reader.text("SNOWFLAKE_ACCOUNT"),
        user=reader.text("SNOWFLAKE_USER", is_needed=not token_file),
        authenticator=authenticator,
        password=reader.secret("SNOWFLAKE_PASSWORD"),
        private_key=reader.secret("SNOWFLAKE_PRIVATE_KEY"),
        token=reader.secret("SNOWFLAKE_TOKEN"),
        token_file=token_file,
        # A service's token is good for the role that owns the service alone.
        role=reader.text("SNOWFLAKE_ROLE", is_needed=False if token_file else None),
        warehouse=reader.text("SNOWFLAKE_WAREHOUSE"),
        database=reader.text("SNOWFLAKE_DATABASE"),
        schema=reader.text("SNOWFLAKE_SCHEMA"),
        host=host,
        port=reader.number("SNOWFLAKE_PORT"),
        protocol=reader.choice("SNOWFLAKE_PROTOCOL").lower(),
    )


def _host_of_service(reader: Reader) -> str:
    """Set by Snowflake itself in a service's container; the token goes there, so it has to be reached by https."""
    host = reader.text("SNOWFLAKE_HOST", is_needed=True)
    if host in LOOPBACK:
        return host
    if not _HOST.fullmatch(host):
        reader.problems.append(f'SNOWFLAKE_HOST is "{host[:100]}": it is no name of a host')
    if reader.text("SNOWFLAKE_PROTOCOL").lower() != "https":
        reader.problems.append("SNOWFLAKE_PROTOCOL is not https: other protocols are for emulators only; leave it out")
    return host


def _check_token_file(reader: Reader, token_file: str, authenticator: str) -> None:
    if authenticator != "OAUTH":
        reader.problems.append(f"SNOWFLAKE_TOKEN_FILE wants SNOWFLAKE_AUTHENTICATOR=OAUTH, not {authenticator}")
    if reader.secret("SNOWFLAKE_TOKEN"):
        reader.problems.append("SNOWFLAKE_TOKEN and SNOWFLAKE_TOKEN_FILE are set: give one of them")
    if not Path(token_file).is_file():
        reader.problems.append(f"SNOWFLAKE_TOKEN_FILE: there is no file {token_file[:200]}")
