"""Every trigger of the app: a decorator and one call into `bridge.handlers`."""

import typing

import azure.functions as func

from bridge import bootstrap, handlers
from bridge.domain.queues import Queue
from bridge.handlers.auth_level import auth_level

bridge_app = bootstrap.start()
app = func.FunctionApp(http_auth_level=auth_level(host_checks_keys=bridge_app.host_checks_keys))

# HTTP: Snowflake's external functions and service functions


@app.route(route="v1/snowflake/submit_run", methods=["POST"])
def snowflake_submit_run(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.snowflake.submit_run(req, bridge_app.bridge)


@app.route(route="v1/snowflake/cancel_run", methods=["POST"])
def snowflake_cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.lifecycle.cancel_run(req, bridge_app.bridge)


@app.route(route="v1/snowflake/rerun", methods=["POST"])
def snowflake_rerun(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.lifecycle.rerun(req, bridge_app.bridge)


@app.route(route="v1/snowflake/replay", methods=["POST"])
def snowflake_replay(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.lifecycle.replay(req, bridge_app.bridge)


@app.route(route="v1/snowflake/run_and_wait", methods=["POST", "GET"])
def snowflake_run_and_wait(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.run_and_wait.run_and_wait(req, bridge_app.bridge, handlers.run_and_wait.recent_batches)


@app.route(route="v1/snowflake/publish_event", methods=["POST"])
def snowflake_publish_event(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.outbound.publish_event(req, bridge_app.bridge)


@app.route(route="v1/snowflake/send_message", methods=["POST"])
def snowflake_send_message(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.outbound.send_message(req, bridge_app.bridge)


@app.route(route="v1/snowflake/ping", methods=["POST"])
def snowflake_ping(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.snowflake.ping(req, bridge_app.bridge)


# HTTP: curl, Logic Apps, command line


@app.route(route="v1/runs", methods=["POST"])
def create_run(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.runs.create(req, bridge_app.bridge)


@app.route(route="v1/runs", methods=["GET"])
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.runs.listing(req, bridge_app.bridge)


@app.route(route="v1/runs/{run_id}", methods=["GET"])
def show_run(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.runs.show(req, bridge_app.bridge)


@app.route(route="v1/runs/{run_id}/cancel", methods=["POST"])
def cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.runs.cancel(req, bridge_app.bridge)


@app.route(route="v1/runs/{run_id}/rerun", methods=["POST"])
def rerun(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.runs.rerun(req, bridge_app.bridge)


@app.route(route="v1/dead-letters", methods=["GET"])
def list_dead_letters(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.dead_letters.listing(req, bridge_app.bridge)


@app.route(route="v1/dead-letters/{dead_letter_id}", methods=["GET"])
def show_dead_letter(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.dead_letters.show(req, bridge_app.bridge)


@app.route(route="v1/dead-letters/{dead_letter_id}/replay", methods=["POST"])
def replay_dead_letter(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.dead_letters.replay(req, bridge_app.bridge)


@app.route(route="v1/events", methods=["POST"])
def create_event(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.outbound.create_event(req, bridge_app.bridge)


@app.route(route="v1/messages", methods=["POST"])
def create_message(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.outbound.create_message(req, bridge_app.bridge)


@app.route(route="v1/pipelines", methods=["GET"])
def list_pipelines(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.runs.pipelines(req, bridge_app.bridge)


@app.route(route="v1/health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.runs.health(req, bridge_app.problems)


@app.route(route="v1/openapi.json", methods=["GET"])
def openapi_document(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.openapi.show(req, bridge_app.bridge)


# HTTP: people. Two functions, so that a key of the first opens nothing else.


@app.route(route="v1/dashboard/{*path}", methods=["GET", "POST"])
def dashboard(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.dashboard.show(req, bridge_app.bridge)


@app.route(route="v1/dashboard/assets/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_asset(req: func.HttpRequest) -> func.HttpResponse:
    return handlers.dashboard.asset(req)


# Queues


@app.service_bus_queue_trigger(arg_name="message", queue_name="%RUN_COMMANDS_QUEUE%", connection="ServiceBusConnection")
def execute(message: func.ServiceBusMessage) -> None:
    with handlers.queues.slow_to_fail():
        handlers.queues.execute(message, bridge_app.bridge())


@app.service_bus_queue_trigger(arg_name="message", queue_name="%RUN_CONTROL_QUEUE%", connection="ServiceBusConnection")
def control(message: func.ServiceBusMessage) -> None:
    with handlers.queues.slow_to_fail():
        handlers.queues.control(message, bridge_app.bridge())


@app.service_bus_queue_trigger(
    arg_name="message", queue_name="%INBOUND_EVENTS_QUEUE%", connection="ServiceBusConnection"
)
def ingest(message: func.ServiceBusMessage) -> None:
    with handlers.queues.slow_to_fail():
        handlers.queues.ingest(message, bridge_app.bridge())


@app.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="%RUN_EVENTS_QUEUE%",
    connection="ServiceBusConnection",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,  # without it one body that is no JSON fails the whole batch before it is read
)
def record(messages: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006 - the platform refuses list[…]
    with handlers.queues.slow_to_fail():
        handlers.queues.record(messages, bridge_app.bridge())


# Dead letters. Those of run-events are replayed by command: a function on them would send to the queue they came from.


@app.service_bus_queue_trigger(
    arg_name="message", queue_name="%RUN_COMMANDS_QUEUE%/$deadletterqueue", connection="ServiceBusConnection"
)
def dead_commands(message: func.ServiceBusMessage) -> None:
    with handlers.queues.slow_to_fail():
        handlers.queues.dead(message, Queue.RUN_COMMANDS, bridge_app.bridge())


@app.service_bus_queue_trigger(
    arg_name="message", queue_name="%RUN_CONTROL_QUEUE%/$deadletterqueue", connection="ServiceBusConnection"
)
def dead_control(message: func.ServiceBusMessage) -> None:
    with handlers.queues.slow_to_fail():
        handlers.queues.dead(message, Queue.RUN_CONTROL, bridge_app.bridge())


@app.service_bus_queue_trigger(
    arg_name="message", queue_name="%INBOUND_EVENTS_QUEUE%/$deadletterqueue", connection="ServiceBusConnection"
)
def dead_events(message: func.ServiceBusMessage) -> None:
    with handlers.queues.slow_to_fail():
        handlers.queues.dead(message, Queue.INBOUND_EVENTS, bridge_app.bridge())


# Events by webhook, and the daily sweep


@app.event_grid_trigger(arg_name="event")
def ingest_workspace_event(event: func.EventGridEvent) -> None:
    with handlers.answers.undisclosed():
        handlers.triggers.workspace_event(event, bridge_app.bridge())


@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%")
def sweep(timer: func.TimerRequest) -> None:
    with handlers.answers.undisclosed():
        handlers.triggers.sweep(timer, bridge_app.bridge())


bridge_app.warm_up()
