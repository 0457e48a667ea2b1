"""What only the laptop's Snowflake can show or be told on its control port."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.local.snowflake.emulator import SnowflakeEmulator
from bridge.local.snowflake.stages.routes import stage_routes
from bridge.local.snowflake.url_map import UrlMapping


def control_routes(emulator: SnowflakeEmulator) -> list[BaseRoute]:
    async def statements(_: Request) -> Response:
        return JSONResponse(emulator.statements.to_json())

    async def no_ops(_: Request) -> Response:
        return JSONResponse(emulator.no_ops.all())

    async def url_map(_: Request) -> Response:
        return JSONResponse([mapping.to_json() for mapping in emulator.url_map.all()])

    async def put_mapping(request: Request) -> Response:
        body = await request.json()
        mapping = UrlMapping(source=body["from"], target=body["to"], headers=body.get("headers") or {})
        emulator.url_map.put(mapping)
        return JSONResponse(mapping.to_json(), status_code=201)

    async def functions(_: Request) -> Response:
        return JSONResponse(emulator.functions.to_json())

    async def procedures(_: Request) -> Response:
        return JSONResponse(emulator.procedures.catalog.to_json())

    async def tasks(_: Request) -> Response:
        return JSONResponse(emulator.orchestration.tasks.to_json())

    async def alerts(_: Request) -> Response:
        return JSONResponse(emulator.orchestration.alerts.to_json())

    async def notifications(_: Request) -> Response:
        return JSONResponse(emulator.orchestration.notifications.to_json())

    return [
        Route("/statements", statements, methods=["GET"]),
        Route("/no-ops", no_ops, methods=["GET"]),
        Route("/url-map", url_map, methods=["GET"]),
        Route("/url-map", put_mapping, methods=["POST"]),
        Route("/external-functions", functions, methods=["GET"]),
        Route("/tasks", tasks, methods=["GET"]),
        Route("/alerts", alerts, methods=["GET"]),
        Route("/notifications", notifications, methods=["GET"]),
        Route("/procedures", procedures, methods=["GET"]),
        *stage_routes(emulator.stages.storage),
    ]
