"""Timers, one of which overlaps itself when the host lets it."""

import json
import threading

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
fired: list[dict[str, object]] = []
at_once = 0
lock = threading.Lock()


def note(name: str, timer: func.TimerRequest) -> None:
    with lock:
        fired.append({"name": name, "past_due": timer.past_due})


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *")
def yearly(timer: func.TimerRequest) -> None:
    note("yearly", timer)


@app.timer_trigger(arg_name="timer", schedule="%EVERY_SECOND%")
def often(timer: func.TimerRequest) -> None:
    note("often", timer)


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    note("at_start", timer)


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *")
def slow(timer: func.TimerRequest) -> None:
    global at_once  # noqa: PLW0603 - what is to be seen here is shared
    with lock:
        at_once += 1
        together = at_once
    threading.Event().wait(0.2)
    with lock:
        at_once -= 1
        fired.append({"name": "slow", "together": together})


@app.route(route="fired")
def tell(req: func.HttpRequest) -> str:
    return json.dumps(fired)


@app.route(route="forget")
def forget(req: func.HttpRequest) -> str:
    fired.clear()
    return ""
