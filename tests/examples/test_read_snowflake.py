"""The step that reads Snowflake: real processes, the real connector, the emulated Snowflake."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.local.processes import EMULATOR_PYTHON, minimal_environment
from tests.emulators.snowflake_service import DATABASE, SCHEMA, SnowflakeService, rows
from tests.examples.conftest import AZUREML, CHURN, RunScript, filled

CONTENT = """
import json, sys
from pathlib import Path
import pyarrow.parquet as pq
files = sorted(Path(sys.argv[1]).glob("*.parquet"))
print(json.dumps({"files": [f.name for f in files], "schema": {c.name: str(c.type) for c in pq.read_schema(files[0])},
                  "rows": [row for f in files for row in pq.read_table(f).to_pylist()]}, default=str))
"""
#: A login as `run` does it, by options that are given instead of found.
LOGIN = """
import json, os, sys
from pathlib import Path
import snowflake.connector
import read_snowflake
given = read_snowflake._arguments(sys.argv[1:])
if "PEM" in os.environ:
    login = read_snowflake.key_login("READER", os.environ["PEM"])
else:
    login = {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "AZURE"}
connection = snowflake.connector.connect(**read_snowflake.connection_options(given), **login)
print(read_snowflake.write_rows(connection, read_snowflake.query_of(given.source), given.output, given.rows_per_file))
connection.close()
"""


@pytest.fixture(scope="module")
def table(snowflake: SnowflakeService) -> Any:
    connection = snowflake.connect()
    for sql in (
        "CREATE TABLE CUSTOMERS (ID NUMBER(10,0), NAME VARCHAR, SCORE FLOAT, SINCE TIMESTAMP_NTZ)",
        "INSERT INTO CUSTOMERS VALUES (1, 'a', 0.5, '2026-11-20 10:00:00'), (2, NULL, NULL, NULL), (300, 'c', 1, NULL)",
    ):
        rows(connection, sql)
    return connection


@pytest.fixture
def laptop(snowflake: SnowflakeService, table: Any) -> dict[str, str]:
    return {"READ_SNOWFLAKE_LAPTOP": f"http://127.0.0.1:{snowflake.port}", "AZUREML_ROOT_RUN_ID": "r-7"}


@pytest.fixture
def identity() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The identity endpoint of a platform: its address, and the requests it got."""
    got: list[dict[str, str]] = []
    token = jwt.encode({"iss": "https://sts.windows.net/t/", "sub": "job"}, "k" * 32, algorithm="HS256")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            content = json.dumps({"access_token": token, "expires_on": 4102444800, "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/MSI/auth", got
    server.shutdown()
    server.server_close()


def options(folder: Path, source: str = "CUSTOMERS", *more: str) -> list[str]:
    home = ["--account", "laptop", "--database", DATABASE, "--schema", SCHEMA]
    return ["--source", source, "--output", str(folder), *home, *more]


def test_a_table_becomes_parquet_files(run_script: RunScript, laptop: dict[str, str], tmp_path: Path) -> None:
    done = run_script(*options(tmp_path / "data"), environment=laptop)

    assert done.returncode == 0, done.stderr
    assert "3 rows in 1 files" in done.stderr
    content = json.loads(run_script(str(tmp_path / "data"), script=CONTENT).stdout)
    assert content["files"] == ["part-00000.parquet"]
    assert content["schema"]["ID"] == "int64"
    assert sorted(row["ID"] for row in content["rows"]) == [1, 2, 300]
    [first] = [row for row in content["rows"] if row["ID"] == 1]
    assert first == {"ID": 1, "NAME": "a", "SCORE": 0.5, "SINCE": "2026-11-20 10:00:00"}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("SELECT ID FROM CUSTOMERS WHERE ID < 3;", 2),
        ("with x as (select 1 as id) select * from x", 1),
        (f'"{DATABASE}".{SCHEMA}."CUSTOMERS"', 3),
        ("SELECT * FROM CUSTOMERS WHERE NAME = $$no such$$", 0),
    ],
)
def test_any_query_or_name_is_a_source(
    run_script: RunScript, laptop: dict[str, str], tmp_path: Path, source: str, count: int
) -> None:
    done = run_script(*options(tmp_path / "data", source), environment=laptop)

    assert done.returncode == 0, done.stderr
    content = json.loads(run_script(str(tmp_path / "data"), script=CONTENT).stdout)
    assert len(content["rows"]) == count
    assert content["files"] == ["part-00000.parquet"], "also without a row, for the sake of the columns"


def test_the_run_is_found_in_the_query_history(
    run_script: RunScript, laptop: dict[str, str], tmp_path: Path, snowflake: SnowflakeService
) -> None:
    failed = run_script(*options(tmp_path / "data", "NO_SUCH_TABLE"), environment=laptop)

    assert failed.returncode == 1
    assert "account laptop" in failed.stderr
    assert "NO_SUCH_TABLE" in failed.stderr
    assert "azureml:r-7" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("more", "environment", "told"),
    [
        (["--source", "DROP TABLE CUSTOMERS"], {}, "no query that begins with SELECT or WITH"),
        (["--source", "CUSTOMERS; DROP TABLE CUSTOMERS"], {}, "nor the name of a table"),
        (["--user", "READER"], {}, "a managed identity is a user by itself"),
        (["--key-vault-secret", "https://v.vault.azure.net/secrets/k"], {}, "needs --user"),
        ([], {"READ_SNOWFLAKE_LAPTOP": "http://example.com:80"}, "an address of this machine"),
        ([], {"READ_SNOWFLAKE_LAPTOP": "http://127.0.0.1.example.com:80"}, "an address of this machine"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_read(
    run_script: RunScript, tmp_path: Path, more: list[str], environment: dict[str, str], told: str
) -> None:
    done = run_script(*options(tmp_path / "data"), *more, environment=environment)

    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_private_key_logs_in_and_is_not_told(run_script: RunScript, laptop: dict[str, str], tmp_path: Path) -> None:
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    done = run_script(*options(tmp_path / "data"), script=LOGIN, environment={**laptop, "PEM": pem.decode()})
    bad = run_script(*options(tmp_path / "data"), script=LOGIN, environment={**laptop, "PEM": "not a key: abc"})

    assert done.stdout == "(3, 1)\n", done.stderr
    assert "no private key in PEM" in bad.stderr
    assert "abc" not in bad.stderr


def test_the_identity_of_the_workload_logs_in(
    run_script: RunScript, laptop: dict[str, str], tmp_path: Path, identity: tuple[str, list[dict[str, str]]]
) -> None:
    address, got = identity
    environment = {
        **laptop,
        "IDENTITY_ENDPOINT": address,
        "IDENTITY_HEADER": "h",
        "SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES": "127.0.0.1",
    }

    done = run_script(*options(tmp_path / "data"), script=LOGIN, environment=environment)

    assert done.stdout == "(3, 1)\n", done.stderr
    assert got[0]["x-identity-header"] == "h"


def test_the_churn_example_scores_the_customers_of_a_table(
    snowflake: SnowflakeService, laptop: dict[str, str], tmp_path: Path
) -> None:
    """By the command of its component, as a shell of Azure ML runs it."""
    connection = snowflake.connect()
    rows(
        connection,
        "CREATE TABLE MEMBERS (CUSTOMER_ID VARCHAR, TENURE_MONTHS INT, ORDERS INT, TICKETS INT, DISCOUNT FLOAT)",
    )
    rows(connection, "INSERT INTO MEMBERS VALUES ('stays', 60, 10, 0, 0.1), ('leaves', 2, 0, 6, 0.1)")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\nexec {EMULATOR_PYTHON} "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o700)
    shutil.copytree(AZUREML, tmp_path / "code")
    environment = {**minimal_environment(), **laptop, "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    train = [sys.executable, str(CHURN / "churn.py"), "train", "--rows", "400", "--output", str(tmp_path / "model")]
    subprocess.run(train, check=True, capture_output=True)

    command = yaml.safe_load((CHURN / "score.yaml").read_text(encoding="utf-8"))["command"]
    given = {"model": str(tmp_path / "model"), "scores": str(tmp_path / "scores"), "account": "laptop"}
    given["table"] = f"{DATABASE}.{SCHEMA}.MEMBERS"
    done = subprocess.run(
        ["bash", "-c", filled(command, **given)],
        cwd=tmp_path / "code", env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    head, *scores = (tmp_path / "scores" / "scores.csv").read_text().split()
    assert head == "CUSTOMER_ID,CHURN"
    assert [line.split(",")[0] for line in sorted(scores, key=lambda line: float(line.split(",")[1]))] == [
        "stays",
        "leaves",
    ]
