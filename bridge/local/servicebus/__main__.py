"""The process: AMQP in a thread of its own, REST and the control surface in the main one."""

import argparse
import asyncio
import logging
import os
import signal
import time
from pathlib import Path

from bridge.local.control import control_app
from bridge.local.faults import FaultPlan
from bridge.local.servicebus.broker import Broker
from bridge.local.servicebus.config import read_config
from bridge.local.servicebus.control import ServiceBusEmulator, queue_routes
from bridge.local.servicebus.namespace import Namespace
from bridge.local.servicebus.rest import rest_app
from bridge.local.servicebus.sas import KEY_NAME, SharedKey
from bridge.local.serving import HttpListener, until_stopped


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bridge.local.servicebus", description="Service Bus emulator")
    parser.add_argument("--config", type=Path, required=True, help="queues, in the layout of Microsoft's emulator")
    parser.add_argument("--port", type=int, default=5672, help="AMQP")
    parser.add_argument("--http-port", type=int, help="REST send; without it there is none")
    parser.add_argument("--control-port", type=int, required=True, help="faults, clock, outage, reset, queues")
    parser.add_argument("--key", default="SAS_KEY_VALUE", help=f"value of the key {KEY_NAME}")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    namespace = Namespace(read_config(arguments.config), time.time, FaultPlan())
    key = SharedKey(KEY_NAME, arguments.key)
    broker = Broker(namespace, key, arguments.port)
    broker.loop.on_end = lambda: os.kill(os.getpid(), signal.SIGTERM)  # half an emulator would only confuse
    rest = HttpListener(rest_app(namespace, broker, key), arguments.http_port) if arguments.http_port else None

    async def listen(up: bool) -> None:
        await broker.listening(up)
        if rest:
            await rest.listen(up)

    broker.loop.start()
    await listen(up=True)
    emulator = ServiceBusEmulator(namespace, broker)
    control = HttpListener(control_app(emulator, listen, queue_routes(namespace, broker)), arguments.control_port)
    await control.up()
    print(f"servicebus: amqp on {arguments.port}, control on {arguments.control_port}", flush=True)
    await until_stopped(with_parent=arguments.with_parent)
    await control.down()
    await listen(up=False)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    # proton reports every client that hangs up before it is answered.
    logging.getLogger("proton").setLevel(logging.CRITICAL)
    asyncio.run(_serve(_arguments()))
