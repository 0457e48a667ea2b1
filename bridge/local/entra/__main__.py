"""Start the emulator: `python -m bridge.local.entra --port P --control-port C --config FILE`."""

import argparse
import asyncio
import json
from pathlib import Path

from bridge.local.control import control_app
from bridge.local.entra.routes import control_routes, entra_app
from bridge.local.entra.tenant import tenant_of
from bridge.local.serving import HttpListener, until_stopped


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bridge.local.entra", description="Entra, emulated")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help='{"tenant_id", "applications": [{"client_id", "token_version"?, "federated_credentials"?: '
        '[{"issuer", "subject", "audience"?}]}]}',
    )
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    emulator = tenant_of(json.loads(arguments.config.read_text()))
    service = HttpListener(entra_app(emulator), arguments.port)
    control = HttpListener(control_app(emulator, service.listen, control_routes(emulator)), arguments.control_port)
    await service.up()
    await control.up()
    print(f"entra on http://127.0.0.1:{arguments.port}, control on {arguments.control_port}", flush=True)
    await until_stopped(with_parent=arguments.with_parent)
    await service.down()
    await control.down()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
