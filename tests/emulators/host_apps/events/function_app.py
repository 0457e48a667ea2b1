"""An Event Grid function that remembers what it got, and an HTTP function that tells."""

import json
import threading

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
seen: list[str] = []
together = threading.Barrier(2)


@app.event_grid_trigger(arg_name="event")
def on_event(event: func.EventGridEvent) -> None:
    if event.event_type == "Pair":
        together.wait(timeout=5)
    if event.subject == "bad":
        raise RuntimeError("told to fail")
    seen.append(event.id)


@app.event_grid_trigger(arg_name="event")
def on_cloud_event(event: func.CloudEvent) -> None:
    seen.append(f"{event.source} {event.type}")


@app.route(route="seen")
def tell(req: func.HttpRequest) -> str:
    return json.dumps(seen)
