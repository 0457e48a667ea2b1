"""A step of an Azure ML pipeline that reads Snowflake by itself: a table or a query becomes a folder of Parquet files.

It logs in as the job's managed identity, or with a private key from Key Vault, and holds one batch of rows at a time.
"""

import argparse
import json
import logging
import os
import re
import secrets
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOG = logging.getLogger("read_snowflake")
#: For trying it out: the address of a Snowflake on this machine, and of none elsewhere, as http://127.0.0.1:8502.
LAPTOP = "READ_SNOWFLAKE_LAPTOP"
#: The application that stands for Snowflake in every Entra tenant whose administrator has consented to it.
SNOWFLAKE_IN_ENTRA = "api://fd3f753b-eed3-462c-b6a7-a4b5bb650aad"
_QUERY = re.compile(r"\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_PART = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")'
_TABLE = re.compile(rf"\s*{_PART}(?:\.{_PART}){{0,2}}\s*")
_VAULT_SECRET = re.compile(
    r"(?P<vault>https://[a-zA-Z0-9-]+\.vault\.azure\.net)/secrets/(?P<name>[\w-]+)/?(?P<version>\w*)"
)


class Unusable(Exception):
    """What the step was given cannot be used; the text says what to change."""


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("snowflake").setLevel(logging.WARNING)
    logging.getLogger("azure").setLevel(logging.WARNING)
    given = _arguments(arguments)
    import snowflake.connector.errors

    try:
        rows, files = run(given)
    except Unusable as error:
        return _failed(2, str(error))
    except snowflake.connector.errors.Error as error:
        where = f"Snowflake, account {given.account}"
        return _failed(1, f"{where}: {error}. Its query history has the statement by the tag {_tag()}.")
    LOG.info("%d rows in %d files of %s", rows, files, given.output)
    return 0


def run(given: argparse.Namespace) -> tuple[int, int]:
    """Read all rows; how many rows and files there were.

    Raises:
        Unusable: a source, a key or a combination of arguments that cannot be used.
        snowflake.connector.errors.Error: Snowflake refused, or could not be reached in time.
    """
    import snowflake.connector

    query = query_of(given.source)
    options = {**connection_options(given), **login_options(given)}
    with job_identity() if options.get("authenticator") == "WORKLOAD_IDENTITY" else nullcontext():
        connection = snowflake.connector.connect(**options)
    try:
        return write_rows(connection, query, given.output, given.rows_per_file)
    finally:
        connection.close()


def query_of(source: str) -> str:
    """The query to run: the source itself, or all rows of the table that it names.

    Raises:
        Unusable: it is neither.
    """
    if _QUERY.match(source):
        return source.strip().rstrip(";")
    if not _TABLE.fullmatch(source):
        raise Unusable(
            f"--source is no query that begins with SELECT or WITH, nor the name of a table: {source[:200]!r}"
        )
    return f"SELECT * FROM {source.strip()}"  # noqa: S608  it is a name and nothing else


def connection_options(given: argparse.Namespace) -> dict[str, Any]:
    """Everything of the connection but who logs in. The connector retries by itself, within these times."""
    options: dict[str, Any] = {
        "account": given.account,
        "login_timeout": 60,
        "network_timeout": 600,
        "session_parameters": {"QUERY_TAG": _tag()},
    }
    for name in ("database", "schema", "warehouse", "role"):
        if getattr(given, name):
            options[name] = getattr(given, name)
    laptop = os.environ.get(LAPTOP)
    if laptop:
        options |= _on_this_machine(laptop)
    return options


def login_options(given: argparse.Namespace) -> dict[str, Any]:
    """How to log in: by a key if a secret is named, else as the job's identity.

    Raises:
        Unusable: a key without a user, or a secret that is no private key.
    """
    if given.key_vault_secret:
        if not given.user:
            raise Unusable("--key-vault-secret needs --user: the Snowflake user whose public key it is")
        return key_login(given.user, _secret(given.key_vault_secret))
    if given.user:
        raise Unusable("--user is for a key from --key-vault-secret only: a managed identity is a user by itself")
    if os.environ.get(LAPTOP):
        return {"user": "laptop", "password": "laptop"}
    return {
        "authenticator": "WORKLOAD_IDENTITY",
        "workload_identity_provider": "AZURE",
        "workload_identity_entra_resource": SNOWFLAKE_IN_ENTRA,
    }


def key_login(user: str, pem: str) -> dict[str, Any]:
    """Log in by a token that is signed with a private key; the key itself is not sent.

    Raises:
        Unusable: it is no private key in PEM without a passphrase.
    """
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        # Without the cause: it may tell of the text.
        raise Unusable("the secret is no private key in PEM without a passphrase") from None
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"authenticator": "SNOWFLAKE_JWT", "user": user, "private_key": der}


@contextmanager
def job_identity() -> Iterator[None]:
    """Show the connector where the job's identity is.

    Azure ML has it at MSI_ENDPOINT, in a form of its own. The connector asks IDENTITY_ENDPOINT, as Azure Functions has
    it, or else the metadata service of a virtual machine. So for the time of the login there is an IDENTITY_ENDPOINT
    on this machine, with the token that azure-identity got, which knows Azure ML's form.

    Raises:
        Unusable: the job has no managed identity, or it gets no token for Snowflake.
    """
    if "MSI_ENDPOINT" not in os.environ or "IDENTITY_ENDPOINT" in os.environ:
        yield
        return
    header = secrets.token_urlsafe()
    # The token comes first: azure-identity as well would ask IDENTITY_ENDPOINT, if there were one.
    server = ThreadingHTTPServer(("127.0.0.1", 0), _identity_handler(_job_token(), header))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{server.server_port}/token", "IDENTITY_HEADER": header}
    os.environ.update(endpoint)
    try:
        yield
    finally:
        for name in endpoint:
            del os.environ[name]
        server.shutdown()
        server.server_close()


def write_rows(connection: Any, query: str, folder: Path, rows_per_file: int) -> tuple[int, int]:
    """Write the rows of a query as part-00000.parquet and so on; without any there is one file without rows.

    Raises:
        Unusable: a whole number is larger than 64 bits.
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        schema = _schema(cursor.description)
        files = _Files(folder, schema, rows_per_file)
        for table in cursor.fetch_arrow_batches(force_microsecond_precision=True):
            files.write(table)
        if not files.count:
            files.write(schema.empty_table())
    files.close()
    return files.rows, files.count


class _Files:
    """Parquet files of one schema, each with at least as many rows as wanted, but the last."""

    def __init__(self, folder: Path, schema: Any, rows_per_file: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._schema = schema
        self._rows_per_file = rows_per_file
        self._writer: Any = None
        self._rows_in_file = 0
        self.rows = 0
        self.count = 0

    def write(self, table: Any) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            rows = table.cast(self._schema)
        except pa.ArrowInvalid as error:
            raise Unusable(f"a value does not fit into 64 bits: cast its column in the query. {error}") from error
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._folder / f"part-{self.count:05d}.parquet", self._schema)
            self.count += 1
        self._writer.write_table(rows)
        self.rows += rows.num_rows
        self._rows_in_file += rows.num_rows
        if self._rows_in_file >= self._rows_per_file:
            self.close()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer, self._rows_in_file = None, 0


def _schema(description: Sequence[Any]) -> Any:
    """The columns' types for all files: each batch comes in the smallest that hold its own values."""
    import pyarrow as pa
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    utc, local = pa.timestamp("us", tz="UTC"), pa.timestamp("us")
    kinds = {
        "REAL": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "TIMESTAMP": local,
        "TIMESTAMP_NTZ": local,
        "TIMESTAMP_LTZ": utc,
        "TIMESTAMP_TZ": utc,
        "BINARY": pa.binary(),
    }
    fields = []
    for column in description:
        kind = FIELD_ID_TO_NAME[column.type_code]
        number = pa.float64() if column.scale else pa.int64()
        # What is left is text, and what Snowflake sends as the text of its JSON.
        fields.append(pa.field(column.name, number if kind == "FIXED" else kinds.get(kind, pa.string())))
    return pa.schema(fields)


def _secret(identifier: str) -> str:
    from azure.core.exceptions import AzureError
    from azure.keyvault.secrets import SecretClient  # type: ignore[import-untyped]  # only the job's environment has it

    found = _VAULT_SECRET.fullmatch(identifier)
    if found is None:
        raise Unusable("--key-vault-secret is to be https://VAULT.vault.azure.net/secrets/NAME")
    try:
        with _credential() as credential, SecretClient(vault_url=found["vault"], credential=credential) as client:
            return str(client.get_secret(found["name"], found["version"] or None).value)
    except AzureError as error:
        raise Unusable(f"Key Vault does not give {identifier} to the job's managed identity: {error}") from error


def _job_token() -> str:
    from azure.core.exceptions import AzureError

    try:
        with _credential() as credential:
            return str(credential.get_token(f"{SNOWFLAKE_IN_ENTRA}/.default").token)
    except AzureError as error:
        raise Unusable(f"the job's managed identity gets no token for Snowflake: {error}") from error


def _credential() -> Any:
    from azure.identity import ManagedIdentityCredential

    client_id = os.environ.get("MANAGED_IDENTITY_CLIENT_ID") or os.environ.get("DEFAULT_IDENTITY_CLIENT_ID")
    return ManagedIdentityCredential(client_id=client_id)


def _identity_handler(token: str, header: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not secrets.compare_digest(self.headers.get("X-IDENTITY-HEADER", ""), header):
                self.send_error(403)
                return
            content = json.dumps({"access_token": token}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
            """Nothing: the address has no news."""

    return Handler


def _on_this_machine(address: str) -> dict[str, Any]:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost"} or not parts.port:
        raise Unusable(f"{LAPTOP} is to be http://127.0.0.1:PORT, an address of this machine")
    return {"protocol": "http", "host": parts.hostname, "port": parts.port}


def _failed(status: int, why: str) -> int:
    LOG.error("%s", why)
    return status


def _tag() -> str:
    """What Snowflake's query history finds the run by."""
    return f"azureml:{os.environ.get('AZUREML_ROOT_RUN_ID', 'no run')}"


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="a table or view, or a query")
    parser.add_argument("--output", type=Path, required=True, help="folder for the Parquet files")
    parser.add_argument("--account", required=True, help="the account's identifier, such as MYORG-MYACCOUNT")
    for name in ("database", "schema", "warehouse", "role"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--user", help="with --key-vault-secret")
    parser.add_argument("--key-vault-secret", help="https://VAULT.vault.azure.net/secrets/NAME with a private key")
    parser.add_argument("--rows-per-file", type=int, default=1_000_000)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
