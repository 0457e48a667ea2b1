"""`python -m bridge.local.host APPDIR`: run a function app on this machine."""

import argparse
import asyncio
import logging
import os
import sys
import traceback
from pathlib import Path

from bridge.local.host.application import Host
from bridge.local.host.hostjson import HostJsonError, HostOptions, read_host_options
from bridge.local.host.loading import Function, LoadError, apply_local_settings, load_functions
from bridge.local.serving import until_stopped

log = logging.getLogger("bridge.local.host")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bridge.local.host")
    parser.add_argument("directory", type=Path, metavar="APPDIR", help="the folder of function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--control-port", type=int, default=7072)
    parser.add_argument("--share-port", action="store_true", help="with other hosts of the same app, as its instances")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    directory = arguments.directory.resolve()
    _log_to_stdout()
    try:
        apply_local_settings(directory, os.environ)
        options = read_host_options(directory, os.environ)
        functions = load_functions(directory, os.environ)
    except (HostJsonError, LoadError) as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__, file=sys.stdout)
        print(f"The function app cannot start.\n{error}", flush=True)
        sys.exit(1)
    _describe(functions, options)
    host = Host(
        functions,
        options,
        os.environ,
        port=arguments.port,
        control_port=arguments.control_port,
        shares_port=arguments.share_port,
    )
    asyncio.run(_serve(host, with_parent=arguments.with_parent))
    if host.has_stuck_calls:
        log.warning("calls that did not end in time are left behind")
        sys.stdout.flush()
        os._exit(0)  # their threads would keep the process from ending


async def _serve(host: Host, *, with_parent: bool) -> None:
    await host.start()
    await until_stopped(with_parent=with_parent)
    log.info("Stopping")
    await host.stop()
    log.info("Stopped")


def _log_to_stdout() -> None:
    """The app's log through the root logger, as in the worker; the host's own lines whatever the app does to that."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.INFO)
    logging.getLogger("azure.servicebus").setLevel(logging.WARNING)


def _describe(functions: list[Function], options: HostOptions) -> None:
    for function in functions:
        source = next(
            (str(function.trigger[key]) for key in ("route", "queueName", "schedule") if key in function.trigger), ""
        )
        log.info("%s: %s %s%s", function.name, function.kind, source, " (disabled)" if function.is_disabled else "")
    for warning in (*options.warnings, *(text for function in functions for text in function.warnings)):
        log.warning(warning)


if __name__ == "__main__":
    main()
