"""`python -m bridge.container`: exit code 0 after an orderly stop, 1 when a part failed, 2 when it cannot start."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from functools import cache
from typing import TYPE_CHECKING

from bridge import telemetry
from bridge.adapters.credential import app_credential
from bridge.bootstrap import TARGET_GROUP
from bridge.container.application import Application, Plan, Role
from bridge.container.connections import Connections
from bridge.container.door import Door
from bridge.container.functions import Trigger, load, of
from bridge.container.host_file import read_host_file
from bridge.domain.errors import ConfigurationError
from bridge.settings.app_settings import Settings
from bridge.settings.auth_mode import CONTAINER, HOSTING
from bridge.settings.function_keys import read_function_keys
from bridge.settings.log_format import LogFormat, log_format
from bridge.settings.reader import APP_ROOT

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

log = logging.getLogger("bridge.container")
STOPPED, FAILED, CANNOT_START = 0, 1, 2
THREADS = 64


def main() -> int:
    arguments = _arguments()
    _log_to_stdout()
    role = Role(arguments.role)
    os.environ[HOSTING] = CONTAINER
    if role is Role.HTTP:
        os.environ[TARGET_GROUP] = role  # what makes jobs is large, and is not loaded
    try:
        plan = _plan(role)
        with listening_socket(arguments.host, arguments.port) as listening:
            return asyncio.run(_serve(plan, listening))
    except ConfigurationError as error:
        log.critical("the container cannot start: %s", error)
    except OSError as error:
        log.critical("the container cannot listen on %s, port %d: %s", arguments.host, arguments.port, error.strerror)
    return CANNOT_START


def listening_socket(host: str, port: int) -> socket.socket:
    """Opened before anything is served, so that a port that is taken is told. Raises: OSError."""
    listening = socket.create_server((host, port), backlog=2048)
    # Connections take it over. asyncio says it only for sockets that it opened itself; without it an answer on a kept
    # connection waits about 40 ms for the caller's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bridge.container", description="The app without Azure Functions.")
    parser.add_argument(
        "role", nargs="?", choices=[*Role], default=Role.ALL, help="what this process does (default: all)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 in a container")
    parser.add_argument("--port", type=_port, default=8080)
    return parser.parse_args()


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text[:50]!r} is no port: give a whole number from 0 to 65535")


def _plan(role: Role) -> Plan:
    """Raises: ConfigurationError. By HTTP wrong settings are 503, as on the platform; a worker does not begin."""
    keys = read_function_keys(os.environ)
    host_file = read_host_file(APP_ROOT / "host.json", os.environ)
    functions, app = load()
    for function in of(Trigger.EVENT_GRID, functions):
        log.info("%s is not served: events come by the queue", function.name)
    problems = app.bridge_app.problems()
    if problems is not None and role is not Role.HTTP:
        raise problems
    return Plan(
        role=role,
        functions=functions,
        host_file=host_file,
        environ=os.environ,
        door=Door(os.environ, keys),
        connections=Connections(os.environ, _credential),
        threads=_threads(),
        has_problems=problems is not None,
    )


@cache
def _credential() -> "TokenCredential":
    """The app's, made when a receiver needs its first token."""
    settings = Settings.from_environ(os.environ)
    return app_credential(aml_endpoint=settings.aml_endpoint, **settings.identity.credential_arguments())()


def _threads() -> int:
    """Raises: ConfigurationError."""
    text = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT", "").strip() or str(THREADS)
    if not (text.isdecimal() and len(text) < 5 and 1 <= int(text) <= 1000):
        raise ConfigurationError(
            [f"PYTHON_THREADPOOL_THREAD_COUNT is {text[:50]!r}: give a whole number from 1 to 1000"]
        )
    return int(text)


async def _serve(plan: Plan, listening: socket.socket) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    application = Application(plan, listening)
    log.info("%s: listening on %s, port %d", plan.role, *listening.getsockname()[:2])
    code = STOPPED if await application.run(stop) else FAILED
    if application.has_stuck_calls:
        log.warning("calls that did not end in time are left behind; their messages come again")
        _end_now(code)
    return code


def _end_now(code: int) -> None:
    """Without waiting for threads, which the interpreter would."""
    logging.shutdown()
    os._exit(code)


def _log_to_stdout() -> None:
    as_json = log_format(os.environ) is LogFormat.JSON
    logging.basicConfig(level=logging.INFO, handlers=[telemetry.printed(as_json=as_json)])


if __name__ == "__main__":
    sys.exit(main())
