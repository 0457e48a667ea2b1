"""`python -m bridge.local up | demo | chaos`: the laptop stack for people and for other programs."""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import astuple, fields
from pathlib import Path

from bridge.cli.laptop import endpoints_file
from bridge.local.announcement import announced
from bridge.local.control_server import control_server
from bridge.local.endpoints import Ports
from bridge.local.processes import DidNotStart, taken_ports
from bridge.local.stack import Stack, local_stack

#: What `func start` wants besides the app's own settings; the timer keeps its lease in Azurite.
FUNC_START = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def main() -> int:
    """0 when it did what it was asked to, 1 when not, 130 when it was stopped."""
    try:
        return _run(_arguments())
    except DidNotStart as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    with contextlib.suppress(KeyboardInterrupt), _stopped_by_signal():
        if arguments.command == "demo":
            from bridge.local.demo import run_demo

            return run_demo(keep=arguments.keep)
        if arguments.command == "chaos":
            from bridge.local.chaos.run import run_chaos

            chaos = run_chaos(
                count=arguments.runs, seed=arguments.seed, hosts=arguments.hosts, report=arguments.report, say=_say
            )
            return 0 if chaos.is_good else 1
        return _up(arguments)
    print("\nstopped")
    return 0 if arguments.command == "up" else 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bridge.local", description="The bridge on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="start everything, run some SQL, show the runs, stop")
    demo.add_argument(
        "--keep",
        action="store_true",
        default=os.environ.get("KEEP", "") not in {"", "0"},
        help="stay up until Ctrl-C, and say where the dashboard is; KEEP=1 does the same",
    )
    chaos = commands.add_parser("chaos", help="start runs while everything fails, then compare what became of them")
    chaos.add_argument("--runs", type=_at_least(1), default=1000, metavar="N", help="how many runs (default: 1000)")
    chaos.add_argument("--seed", type=int, metavar="S", help="of requests and faults (default: any; it is printed)")
    chaos.add_argument(
        "--hosts", type=_at_least(2), default=3, metavar="N", help="instances of the app, 2 or more (default: 3)"
    )
    chaos.add_argument("--report", type=_file, metavar="FILE", help="also write what was found to FILE, as JSON")
    up = commands.add_parser("up", help="start everything and stay up until Ctrl-C")
    up.add_argument("--endpoints", type=_file, metavar="FILE", help="also write the endpoints to FILE, as JSON")
    up.add_argument("--port-base", type=_port_base, metavar="N", help="use ports N and following (default: free ones)")
    up.add_argument("--no-host", action="store_true", help="without the Functions host: run `func start` yourself")
    up.add_argument("--write-settings", type=_file, metavar="FILE", help="write the app's settings for `func start`")
    up.add_argument(
        "--setting",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="of the app; may be repeated",
    )
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, flush=True)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no number of {least} or more")
        return int(text)

    return number


def _port_base(text: str) -> int:
    last = 65536 - len(fields(Ports))
    if not text.isdecimal() or not 0 < int(text) <= last:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to {last}, so that all fit behind it")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    return name, value


def _file(text: str) -> Path:
    """Refused at once, not after the minutes that it takes to know what to write."""
    path = Path(text)
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no file in a directory that exists")
    return path


def _up(arguments: argparse.Namespace) -> int:
    _check_ports(arguments.port_base, has_host=not arguments.no_host)
    print("starting …", flush=True)
    settings = dict(arguments.setting)
    with (
        local_stack(port_base=arguments.port_base, host=not arguments.no_host, settings=settings) as stack,
        control_server(stack),
        announced(stack.endpoints, endpoints_file()) as where,
    ):
        _announce(stack, arguments, where)
        threading.Event().wait()
    return 0


def _check_ports(base: int | None, *, has_host: bool) -> None:
    """Raises: DidNotStart, in place of whatever a server says of its port."""
    if base is None:
        return
    ports = Ports.choose(base)
    taken = taken_ports(port for port in astuple(ports) if has_host or port != ports.functions)
    if taken:
        many = f"ports {', '.join(map(str, taken))} are" if taken[1:] else f"port {taken[0]} is"
        raise DidNotStart(f"{many} taken by another program: end it, or give another --port-base")


def _announce(stack: Stack, arguments: argparse.Namespace, where: str) -> None:
    found = stack.endpoints
    if arguments.write_settings:
        document = {"IsEncrypted": False, "Values": {**FUNC_START, **stack.settings}}
        arguments.write_settings.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if arguments.endpoints:
        arguments.endpoints.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for name in ("functions", "azure_ml", "control"):
        print(f"{name:<12} {found[name]['base_url']}")
    print(f"{'snowflake':<12} http://127.0.0.1:{stack.ports.snowflake}")
    print(f"{'service_bus':<12} {found['service_bus']['connection_string']}")
    print(f"{'event_grid':<12} {found['event_grid']['topic_endpoint']}")
    print(f"{'logs':<12} {stack.directory}")
    print(where)
    print("ready; Ctrl-C stops everything", flush=True)


@contextlib.contextmanager
def _stopped_by_signal() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does, so that every process is stopped in order."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


if __name__ == "__main__":
    sys.exit(main())
