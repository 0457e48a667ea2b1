"""Files put into a stage and taken from it past Snowflake, as an Azure ML job does in the storage account."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.local.snowflake.sql_text import identifier
from bridge.local.snowflake.stages.storage import NoSuchFile, Stage, StagedFile, StageStorage


def stage_routes(storage: StageStorage) -> list[BaseRoute]:
    async def stages(_: Request) -> Response:
        return JSONResponse([_stage_json(stage, storage.files(stage)) for stage in storage.all()])

    async def put(request: Request) -> Response:
        stage = _named(storage, request)
        if stage is None:
            return _missing("no such stage")
        try:
            file = storage.write(stage, request.path_params["path"], await request.body())
        except NoSuchFile:
            return JSONResponse({"error": "the path leaves the stage, or names no file"}, status_code=400)
        return JSONResponse(_file_json(file), status_code=201)

    async def get(request: Request) -> Response:
        stage = _named(storage, request)
        if stage is None:
            return _missing("no such stage")
        try:
            content = storage.read(stage, request.path_params["path"])
        except NoSuchFile:
            return _missing("no such file")
        return Response(content, media_type="application/octet-stream")

    return [
        Route("/stages", stages, methods=["GET"]),
        Route("/stages/{database}/{schema}/{stage}/{path:path}", put, methods=["PUT", "POST"]),
        Route("/stages/{database}/{schema}/{stage}/{path:path}", get, methods=["GET"]),
    ]


def _named(storage: StageStorage, request: Request) -> Stage | None:
    """Names are folded as in SQL: in capitals unless they are in double quotes."""
    names = [identifier(request.path_params[part]) for part in ("database", "schema", "stage")]
    return storage.find((names[0], names[1], names[2]))


def _missing(what: str) -> Response:
    return JSONResponse({"error": what}, status_code=404)


def _stage_json(stage: Stage, files: list[StagedFile]) -> dict[str, object]:
    database, schema, name = stage.path
    return {
        "database": database,
        "schema": schema,
        "stage": name,
        "url": stage.url,
        "files": [_file_json(file) for file in files],
    }


def _file_json(file: StagedFile) -> dict[str, object]:
    return {"path": file.path, "size": file.size, "md5": file.md5, "last_modified": file.modified.isoformat()}
