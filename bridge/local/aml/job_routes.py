"""The control plane's routes of jobs, and those of run history."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml import run_history
from bridge.local.aml.arm import WORKSPACE, origin_of, put_answer, scope_of, user_error
from bridge.local.aml.components import Component
from bridge.local.aml.jobs import Job, has_tag
from bridge.local.aml.lifecycle import NOT_CANCELLABLE
from bridge.local.aml.state import AmlEmulator

Endpoint = Callable[[Request], Awaitable[Response]]
_HISTORY = "/history/v1.0" + WORKSPACE + "/runs/{run}"


def job_routes(emulator: AmlEmulator) -> list[Route]:
    """Jobs, and what run history knows of them."""
    return [*_control_plane_routes(emulator), *_history_routes(emulator)]


def _control_plane_routes(emulator: AmlEmulator) -> list[Route]:
    async def put(request: Request) -> Response:
        if not request.headers.get("x-azureml-token"):
            raise user_error("The header x-azureml-token, a token for https://ml.azure.com, is required.")
        job, is_new = emulator.put_job(scope_of(request), request.path_params["name"], await request.json())
        return put_answer(request, job.resource(), is_new=is_new)

    async def get(request: Request) -> Response:
        return JSONResponse(emulator.get_job(scope_of(request), request.path_params["name"]).resource())

    async def listed(request: Request) -> Response:
        page, token = _page(emulator, request)
        answer: dict[str, Any] = {"value": [job.resource() for job in page]}
        if token is not None:
            query = urlencode([*_query_without(request, "$skip"), ("$skip", token)], safe="$")
            answer["nextLink"] = f"{origin_of(request)}{request.url.path}?{query}"
        return JSONResponse(answer)

    async def cancel(request: Request) -> Response:
        job = emulator.get_job(scope_of(request), request.path_params["name"])
        if job.life.status in NOT_CANCELLABLE:
            raise user_error(f"Cannot cancel job {job.name}, as it is in status {job.life.status}.")
        emulator.cancel_job(job)
        operation = f"jc:{run_history.workspace_id(job.scope)}:{job.name}"
        version = request.query_params.get("api-version", "")
        location = f"{origin_of(request)}{job.scope}/mfeOperationResults/{operation}?api-version={version}"
        return Response(status_code=202, headers={"Location": location, "Retry-After": "1"})

    return [
        Route(WORKSPACE + "/jobs", listed, methods=["GET"]),
        Route(WORKSPACE + "/jobs/{name}", put, methods=["PUT"]),
        Route(WORKSPACE + "/jobs/{name}", get, methods=["GET"]),
        Route(WORKSPACE + "/jobs/{name}/cancel", cancel, methods=["POST"]),
    ]


def _page(emulator: AmlEmulator, request: Request) -> tuple[list[Job], str | None]:
    """One page of the matching jobs, newest first, and the token of the next page."""
    query = request.query_params
    view, tag, kind = query.get("listViewType", "ActiveOnly"), query.get("tag"), query.get("jobType")
    jobs = emulator.jobs(scope_of(request))
    if view != "All":
        jobs = [job for job in jobs if bool(job.properties.get("isArchived")) == (view == "ArchivedOnly")]
    if tag:
        jobs = [job for job in jobs if has_tag(job, tag)]
    if kind:
        jobs = [job for job in jobs if job.properties["jobType"] == kind]
    token = query.get("$skip")
    if token:
        if not token.isdecimal():
            raise user_error("$skip is not a continuation token of this list")
        jobs = [job for job in jobs if job.number < int(token)]
    size = emulator.options.page_size
    page = jobs[:size]
    return page, str(page[-1].number) if len(jobs) > size else None


def _query_without(request: Request, name: str) -> list[tuple[str, str]]:
    return [(key, value) for key, value in request.query_params.multi_items() if key != name]


def _history_routes(emulator: AmlEmulator) -> list[Route]:
    def answering(document: Callable[[Job, Component | None], dict[str, Any]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            job = emulator.get_job(scope_of(request), request.path_params["run"])
            return JSONResponse(document(job, emulator.component_of(job)))

        return endpoint

    return [
        Route(_HISTORY, answering(run_history.run_document), methods=["GET"]),
        Route(_HISTORY + "/details", answering(run_history.details_document), methods=["GET"]),
        Route(_HISTORY + "/children", answering(lambda *_: {"value": []}), methods=["GET"]),
    ]
