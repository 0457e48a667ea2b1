"""Start the emulator: `python -m bridge.local.aml --port P --control-port C`."""

import argparse
import asyncio
from pathlib import Path

from bridge.local.aml.clock import Clock
from bridge.local.aml.control_routes import control_routes
from bridge.local.aml.routes import arm_app
from bridge.local.aml.state import AmlEmulator, Options
from bridge.local.control import control_app
from bridge.local.serving import HttpListener, until_stopped


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bridge.local.aml", description="Azure Machine Learning, emulated")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    parser.add_argument("--event-sink", metavar="URL", help="where run events are posted")
    parser.add_argument("--seed", type=Path, metavar="FILE", help="JSON with components, endpoints and factories")
    parser.add_argument("--resources", type=Path, metavar="FILE", help="JSON with roles, assignments and system topics")
    parser.add_argument("--workspace-scope", metavar="ID", help="the workspace that control requests mean")
    parser.add_argument("--service-bus-control", metavar="URL", help="of the Service Bus emulator whose queues to show")
    parser.add_argument("--service-bus-scope", metavar="ID", help="the namespace that it stands for")
    parser.add_argument("--no-model-deployed-events", action="store_true")
    parser.add_argument(
        "--poll-seconds", type=float, default=1.0, help="how soon to ask again for an operation that goes on"
    )
    parser.add_argument("--time-scale", type=float, default=1.0, help="multiplies the time that jobs take")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every request")
    parser.add_argument("--page-size", type=int, default=50, help="jobs on a page of the list")
    parser.add_argument("--limits", action="store_true", help="answer 429 as the documented limits say")
    parser.add_argument("--missing-component-status", type=int, choices=(400, 404), default=400)
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    options = Options(
        time_scale=arguments.time_scale,
        latency_ms=arguments.latency_ms,
        has_limits=arguments.limits,
        page_size=arguments.page_size,
        event_sink=arguments.event_sink,
        seed_file=arguments.seed,
        resources_file=arguments.resources,
        missing_component_status=arguments.missing_component_status,
        workspace_scope=arguments.workspace_scope,
        service_bus_control=arguments.service_bus_control,
        service_bus_scope=arguments.service_bus_scope,
        poll_seconds=arguments.poll_seconds,
        has_model_deployed_events=not arguments.no_model_deployed_events,
    )
    emulator = AmlEmulator(options, Clock())
    service = HttpListener(arm_app(emulator), arguments.port, has_dates=False)
    surface = control_app(emulator, service.listen, control_routes(emulator), at_rest=emulator.publisher.at_rest)
    control = HttpListener(surface, arguments.control_port)
    await service.up()
    await control.up()
    print(f"aml on http://127.0.0.1:{arguments.port}, control on http://127.0.0.1:{arguments.control_port}", flush=True)
    try:
        async with asyncio.TaskGroup() as background:
            tasks = [
                background.create_task(emulator.agenda.settle_always()),
                background.create_task(emulator.publisher.run()),
            ]
            await until_stopped(with_parent=arguments.with_parent)
            for task in tasks:
                task.cancel()
    finally:
        await service.down()
        await control.down()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
