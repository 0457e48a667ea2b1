"""Control of Data Factory: further factories, runs as they are inside, a forced status."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.factories import FactoryRun
from bridge.local.aml.state import AmlEmulator


def factory_routes(emulator: AmlEmulator) -> list[Route]:
    """Seed, look inside, force."""

    async def seed(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        emulator.factories.seeded[str(body["name"])] = [str(name) for name in body.get("pipelines") or []]
        return Response(status_code=201)

    async def runs(_: Request) -> Response:
        emulator.settle()
        return JSONResponse([_inside(run) for run in emulator.factories.runs])

    async def force(request: Request) -> Response:
        run = next((each for each in emulator.factories.runs if each.id == request.path_params["run"]), None)
        if run is None:
            return Response(status_code=404)
        emulator.factories.force(run, str((await request.json())["status"]))
        return JSONResponse(_inside(run))

    return [
        Route("/factories", seed, methods=["POST"]),
        Route("/data-factory-runs", runs, methods=["GET"]),
        Route("/data-factory-runs/{run}/status", force, methods=["POST"]),
    ]


def _inside(run: FactoryRun) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "factory": run.factory.rsplit("/", 1)[-1],
        "pipeline": run.pipeline,
        "parameters": run.parameters,
        "status": run.life.status,
    }
