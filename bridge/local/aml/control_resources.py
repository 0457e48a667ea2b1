"""Control of what Azure shows besides the workspace: roles, who has them, system topics."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.state import AmlEmulator


def resource_routes(emulator: AmlEmulator) -> list[Route]:
    """`GET,PUT /resources`: all of it as one document; a reset brings back what was there at the start."""

    async def show(_: Request) -> Response:
        return JSONResponse(emulator.resources)

    async def place(request: Request) -> Response:
        emulator.place(await request.json())
        return Response(status_code=204)

    return [Route("/resources", show, methods=["GET"]), Route("/resources", place, methods=["PUT"])]
