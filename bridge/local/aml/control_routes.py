"""What only this emulator's control surface has: seeding, jobs as they are inside, requests, latency, limits."""

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.components import seeded
from bridge.local.aml.control_factories import factory_routes
from bridge.local.aml.control_resources import resource_routes
from bridge.local.aml.control_workspace import workspace_routes
from bridge.local.aml.jobs import Job
from bridge.local.aml.state import AmlEmulator


def control_routes(emulator: AmlEmulator) -> list[Route]:
    """Seed, look inside, force a status, change latency and limits."""
    return [
        *_job_routes(emulator),
        *_other_routes(emulator),
        *workspace_routes(emulator),
        *factory_routes(emulator),
        *resource_routes(emulator),
    ]


def _job_routes(emulator: AmlEmulator) -> list[Route]:
    async def jobs(_: Request) -> Response:
        emulator.settle()
        return JSONResponse([_inside(job) for job in emulator.jobs()])

    async def job(request: Request) -> Response:
        emulator.settle()
        found = emulator.named(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        if request.method == "DELETE":
            emulator.delete_job(found)
            return Response(status_code=204)
        return JSONResponse(_inside(found))

    async def force(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        found = emulator.named(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        emulator.force_status(found, str(body["status"]), body.get("error"))
        return JSONResponse(_inside(found))

    return [
        Route("/jobs", jobs, methods=["GET"]),
        Route("/jobs/{name}", job, methods=["GET", "DELETE"]),
        Route("/jobs/{name}/status", force, methods=["POST"]),
    ]


def _other_routes(emulator: AmlEmulator) -> list[Route]:
    async def seed(request: Request) -> Response:
        emulator.components.put(seeded(await request.json(), emulator.clock.utc()))
        return Response(status_code=201)

    async def components(_: Request) -> Response:
        found = emulator.components.all()
        return JSONResponse([{"name": each.name, "version": each.version, "emulator": each.emulator} for each in found])

    async def requests(_: Request) -> Response:
        return JSONResponse(emulator.requests.to_json())

    async def latency(request: Request) -> Response:
        emulator.latency_ms = float((await request.json())["ms"])
        return Response(status_code=204)

    async def skew(request: Request) -> Response:
        emulator.clock.skew = timedelta(seconds=float((await request.json())["seconds"]))
        return Response(status_code=204)

    async def limits(request: Request) -> Response:
        body = await request.json()
        emulator.limit(is_on=bool(body["on"]), scale=float(body.get("scale", 1)))
        return Response(status_code=204)

    async def events(_: Request) -> Response:
        return JSONResponse(emulator.publisher.counts)

    return [
        Route("/components", seed, methods=["POST"]),
        Route("/components", components, methods=["GET"]),
        Route("/requests", requests, methods=["GET"]),
        Route("/latency", latency, methods=["POST"]),
        Route("/skew", skew, methods=["POST"]),
        Route("/limits", limits, methods=["POST"]),
        Route("/events", events, methods=["GET"]),
    ]


def _inside(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "status": job.life.status,
        "statuses": [passage.status for passage in job.life.passed],
        "puts": job.puts,
        "inputs": job.inputs,
        "tags": job.tags,
        "componentId": job.component_id,
        "experimentName": job.experiment,
        "workspace": job.scope,
        "created_at": job.created_at.isoformat(),
    }
