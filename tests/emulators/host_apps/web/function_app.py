"""HTTP functions of every kind that the host's contract distinguishes."""

import json
import threading
from typing import Any

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="echo")
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """What the function sees of a request."""
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "body": req.get_body().decode("latin-1"),
        "function": context.function_name,
        "invocation_id": context.invocation_id,
        "traceparent": context.trace_context.Traceparent,  # type: ignore[attr-defined] # the worker's name for it
        "retry": context.retry_context,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="length", methods=["POST"])
def length(req: func.HttpRequest) -> str:
    return str(len(req.get_body()))


@app.route(route="items/{id:int}", methods=["GET"])
def item_by_number(req: func.HttpRequest) -> str:
    return f"number {req.route_params['id']}"


@app.route(route="items/{name}", methods=["GET"])
def item_by_name(req: func.HttpRequest) -> str:
    return f"name {req.route_params['name']}"


@app.route(route="items/special", methods=["GET"])
def special_item(req: func.HttpRequest) -> str:
    return "special"


@app.route(route="pages/{number?}", methods=["GET"])
def pages(req: func.HttpRequest) -> str:
    return f"page {req.route_params.get('number', 'none')}"


@app.route(route="files/{*path}", methods=["GET"])
def files(req: func.HttpRequest) -> str:
    return f"file {req.route_params.get('path', 'none')}"


@app.route(route="guarded", auth_level=func.AuthLevel.FUNCTION)
def guarded(req: func.HttpRequest) -> str:
    return "come in"


@app.route(route="restricted", auth_level=func.AuthLevel.ADMIN)
def restricted(req: func.HttpRequest) -> str:
    return "come in"


@app.route(route="raises")
def raises(req: func.HttpRequest) -> str:
    raise RuntimeError("the secret of the traceback")


@app.route(route="returns/{what}")
def returns(req: func.HttpRequest):  # type: ignore[no-untyped-def] # what it returns is wrong on purpose
    return {"none": None, "dict": {"a": 1}}[req.route_params["what"]]


@app.route(route="answer")
def answer(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(
        b"\x00\x01", status_code=207, headers={"X-Custom": "yes"}, mimetype="application/x-raw"
    )
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; Path=/")
    return response


@app.route(route="hangs")
def hangs(req: func.HttpRequest) -> str:
    threading.Event().wait(float(req.params["seconds"]))
    return "at last"


class Barrier:
    """Opens when enough calls run at once; a call that waits in vain says so."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)

    def met(self) -> bool:
        try:
            self._barrier.wait(timeout=1.0)
        except threading.BrokenBarrierError:
            return False
        return True


barriers: dict[str, Any] = {"2": Barrier(2), "3": Barrier(3)}


@app.route(route="together/{parties}")
def together(req: func.HttpRequest) -> str:
    return "met" if barriers[req.route_params["parties"]].met() else "alone"
