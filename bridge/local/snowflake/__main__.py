"""`python -m bridge.local.snowflake --port P --control-port C`."""

import argparse
import asyncio
import logging
import os
import warnings

from bridge.local.control import control_app
from bridge.local.serving import HttpListener, until_stopped
from bridge.local.snowflake.control import control_routes
from bridge.local.snowflake.emulator import SnowflakeEmulator
from bridge.local.snowflake.server import SnowflakeApi
from bridge.local.snowflake.url_map import parse_mapping


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bridge.local.snowflake")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    parser.add_argument(
        "--url-map",
        action="append",
        default=[],
        metavar="FROM=>TO",
        help="where the public address of external functions lies on this machine, e.g. "
        "https://x.azure-api.net/aml=>http://127.0.0.1:7071/api; may be repeated",
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="added to every call through a --url-map, as API Management adds the function key; may be repeated",
    )
    parser.add_argument(
        "--external-function-timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="for one batch in all: retries, waiting and polling",
    )
    parser.add_argument(
        "--answer-within",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="a query that takes longer is answered as in progress, and the connector asks again (Snowflake: 45)",
    )
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    emulator = SnowflakeEmulator(
        port=arguments.port,
        external_function_timeout=arguments.external_function_timeout,
        answer_within=arguments.answer_within,
    )
    headers = dict(header.split("=", 1) for header in arguments.header)
    for text in arguments.url_map:
        emulator.url_map.put(parse_mapping(text, headers))
    api = HttpListener(SnowflakeApi(emulator).app(), arguments.port)
    control = HttpListener(control_app(emulator, api.listen, control_routes(emulator)), arguments.control_port)
    await api.up()
    await control.up()
    await until_stopped(with_parent=arguments.with_parent)
    await control.down()
    await api.down()
    emulator.close()


if __name__ == "__main__":
    # fakesnow's way of reading results; nothing that a user of the emulator could change.
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of each statement that it knows by name only
    asyncio.run(_serve(_arguments()))
    os._exit(0)  # a thread may still wait for an external function, and nothing in here is worth waiting for
