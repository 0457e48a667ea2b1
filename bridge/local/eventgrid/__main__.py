"""Start the emulator: `python -m bridge.local.eventgrid --port P --control-port C --config FILE`."""

import argparse
import asyncio
import json
from pathlib import Path

from bridge.local.control import control_app
from bridge.local.eventgrid.clock import Clock
from bridge.local.eventgrid.deliveries import EventGridEmulator
from bridge.local.eventgrid.destinations import Courier, ServiceBus
from bridge.local.eventgrid.routes import control_routes, publishing_app
from bridge.local.eventgrid.topics import topics_of
from bridge.local.serving import HttpListener, until_stopped


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bridge.local.eventgrid", description="Event Grid, emulated")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help='{"topics": {name: {key, door, queue}}}'
    )
    parser.add_argument("--service-bus-url", metavar="URL", help="the REST address that queues are below")
    parser.add_argument("--service-bus-key", metavar="KEY")
    parser.add_argument("--service-bus-key-name", metavar="NAME", default="RootManageSharedAccessKey")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    emulator = EventGridEmulator(topics_of(json.loads(arguments.config.read_text())), Clock())
    service_bus = None
    if arguments.service_bus_url and arguments.service_bus_key:
        url = arguments.service_bus_url.rstrip("/")
        service_bus = ServiceBus(url, arguments.service_bus_key, arguments.service_bus_key_name)
    couriers = [Courier(emulator, topic, service_bus) for topic in emulator.topics.values()]

    async def at_rest() -> None:
        for courier in couriers:
            await courier.at_rest()

    service = HttpListener(publishing_app(emulator), arguments.port)
    surface = control_app(emulator, service.listen, control_routes(emulator), at_rest=at_rest)
    control = HttpListener(surface, arguments.control_port)
    await service.up()
    await control.up()
    print(f"eventgrid on http://127.0.0.1:{arguments.port}, control on {arguments.control_port}", flush=True)
    try:
        async with asyncio.TaskGroup() as background:
            tasks = [background.create_task(courier.run()) for courier in couriers]
            await until_stopped(with_parent=arguments.with_parent)
            for task in tasks:
                task.cancel()
    finally:
        await service.down()
        await control.down()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
