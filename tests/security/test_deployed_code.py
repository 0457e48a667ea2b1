"""What deployed code never does, read from its syntax: SQL made of values, code made of data, processes, objects."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.package import files

ROOT = Path(__file__).parents[2]
#: Whoever calls one of these with a caller's text has lost.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.fork", "os.spawnv"}
FORBIDDEN_IMPORTS = {
    "code", "codeop", "commands", "ctypes", "dill", "imp", "marshal", "multiprocessing", "pickle", "pty", "runpy",
    "shelve", "subprocess", "telnetlib", "xml", "xmlrpc",
}  # fmt: skip
#: Modules that connect to somewhere, and where the address comes from.
CONNECTING = {
    "bridge/adapters/arm.py": "MANAGEMENT, and links that `_TRUSTED` knows",
    "bridge/adapters/azureml_clients.py": "azure-ai-ml, which knows Azure's addresses",
    "bridge/adapters/azureml_endpoints.py": "as above",
    "bridge/adapters/azureml.py": "as above",
    "bridge/adapters/credential.py": "azure-identity, which knows the platform's address",
    "bridge/adapters/entra_keys.py": "AUTHORITY, or ENTRA_AUTHORITY on loopback",
    "bridge/adapters/eventgrid.py": "the settings' topics",
    "bridge/adapters/servicebus.py": "the settings' namespace",
    "bridge/adapters/shared_sender.py": "that of the sender that it is given",
    "bridge/adapters/snowflake_session.py": "the settings' account",
    "bridge/adapters/transport.py": "what its callers ask for: arm.py and azure-ai-ml",
    "bridge/adapters/webhooks.py": "the settings' channels",
    "bridge/telemetry/providers.py": "the connection string of Application Insights, or OTEL_EXPORTER_OTLP_ENDPOINT",
}
#: The container's process: its event loop and its port, and the messages that its listeners are given.
CONNECTING |= {
    "bridge/container/__main__.py": "listens where it is told to",
    "bridge/container/application.py": "as above",
    "bridge/container/calls.py": "the event loop only",
    "bridge/container/connections.py": "the settings' connections",
    "bridge/container/http.py": "the event loop only",
    "bridge/container/intake.py": "the receiver that it is given",
    "bridge/container/listener.py": "as above",
    "bridge/container/messages.py": "nowhere: the classes of messages",
    "bridge/container/probes.py": "its own port on loopback",
    "bridge/container/timers.py": "the event loop only",
}
#: Packages that can reach the network.
NETWORK = (
    "aiohttp", "asyncio", "azure.ai", "azure.core.pipeline.transport", "azure.core.rest", "azure.eventgrid",
    "azure.identity", "azure.monitor", "azure.servicebus", "ftplib", "http.client", "httpx", "requests", "smtplib",
    "snowflake", "socket", "urllib.request", "urllib3",
)  # fmt: skip
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|MERGE|COPY INTO|CALL|TRUNCATE|ALTER|CREATE|DROP)\b\s", re.IGNORECASE)


def deployed() -> dict[str, ast.Module]:
    """Every Python file that is published, as `.funcignore` has it, and what a container has beside it."""
    names = [name for name in files() if name.endswith(".py")]
    names += [str(file.relative_to(ROOT)) for file in (ROOT / "bridge" / "container").glob("*.py")]
    return {name: ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in names}


MODULES = deployed()


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_deployed_files_were_found() -> None:
    assert {"function_app.py", "bridge/adapters/snowflake.py", "bridge/domain/inputs.py"} <= MODULES.keys()
    assert not [name for name in MODULES if name.startswith(("bridge/local", "tests", ".venv", "examples"))]


@pytest.mark.parametrize("name", MODULES)
def test_no_text_becomes_code_a_process_or_an_object(name: str) -> None:
    tree = MODULES[name]
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}

    assert calls & FORBIDDEN_CALLS == set()
    assert {each.partition(".")[0] for each in imports(tree)} & FORBIDDEN_IMPORTS == set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert not [key for key in node.keywords if key.arg in {"shell", "allow_pickle"}], ast.unparse(node)


@pytest.mark.parametrize("name", MODULES)
def test_yaml_is_only_read_as_plain_data(name: str) -> None:
    used = {ast.unparse(node) for node in ast.walk(MODULES[name]) if isinstance(node, ast.Attribute)}

    of_yaml = {each for each in used if each.startswith("yaml.")}
    assert not [each for each in of_yaml if re.search(r"load|Loader|add_|construct", each) and "SafeLoader" not in each]


@pytest.mark.parametrize("name", MODULES)
def test_no_statement_is_written_in_python(name: str) -> None:
    """They stand in snowflake.sql; a text that looks like one may only be told to people."""
    docstrings = {
        id(node.value)
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [
        node.value
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]

    assert [text for text in texts if SQL.match(text.lstrip())] == []


def test_a_statement_is_one_of_the_file_and_only_the_number_of_its_binds_changes() -> None:
    ledger, session = (MODULES[f"bridge/adapters/{name}.py"] for name in ("snowflake", "snowflake_session"))
    (of_ledger,), (of_session,) = (calls_of_execute(tree) for tree in (ledger, session))
    text, binds = of_session.args
    assigned = [
        ast.unparse(node.value)
        for node in ast.walk(session)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == ast.unparse(text)
    ]

    assert ast.unparse(of_ledger.args[1]) == "STATEMENTS[name]"
    assert assigned == ["""text.replace('IN (?)', f"IN ({', '.join('?' * len(binds))})")"""]
    assert ast.unparse(binds) == "tuple(binds)"
    using = {name for name, tree in MODULES.items() if "bridge.adapters.snowflake_session" in imports(tree)}
    assert using == {"bridge/adapters/snowflake.py"}


def calls_of_execute(tree: ast.Module) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("execute")
    ]


def test_every_name_of_a_statement_is_written_in_the_adapter() -> None:
    """No caller picks one: the name is a constant, or made of the tables' names."""
    calls = [
        node
        for node in ast.walk(MODULES["bridge/adapters/snowflake.py"])
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"self._execute", "self._by_ids", "self._runs"}
    ]
    names = {ast.unparse(node.args[0]) for node in calls}

    assert calls
    assert {name for name in names if not name.startswith("'")} == {"name", "f'insert_{table}'"}


@pytest.mark.parametrize("name", MODULES)
def test_the_command_line_and_what_it_needs_are_not_deployed(name: str) -> None:
    found = {each.partition(".")[0] for each in imports(MODULES[name])}

    assert found & {"click", "rich", "typer"} == set()
    assert not name.startswith(("bridge/cli/", "bridge/deploy/", "bridge/__main__"))


@pytest.mark.parametrize("name", MODULES)
def test_only_known_adapters_connect_to_anywhere(name: str) -> None:
    found = {each for each in imports(MODULES[name]) if f"{each}.".startswith(tuple(f"{one}." for one in NETWORK))}

    assert not found or name in CONNECTING, f"{name} can connect: say in CONNECTING where its addresses come from"


def test_every_function_that_can_fail_by_raising_tells_the_platform_no_secret() -> None:
    """HTTP functions answer instead."""
    others = [
        node
        for node in MODULES["function_app.py"].body
        if isinstance(node, ast.FunctionDef)
        and not any("app.route" in ast.unparse(each) for each in node.decorator_list)
    ]

    assert len(others) == 9
    for function in others:
        (body,) = function.body
        assert isinstance(body, ast.With), function.name
        assert ast.unparse(body.items[0]) in {
            "handlers.queues.slow_to_fail()",
            "handlers.answers.undisclosed()",
        }, function.name


def test_what_is_said_to_connect_exists() -> None:
    assert CONNECTING.keys() <= MODULES.keys()
