"""What forms on the page do: the same as the routes of the API, by the same services, in the name of who sent them."""

import re
from dataclasses import asdict
from urllib.parse import parse_qsl

import azure.functions as func

from bridge.domain.commands import Origin
from bridge.domain.context import current_traceparent
from bridge.domain.errors import CallerRefused
from bridge.domain.statuses import BridgeStatus
from bridge.handlers.dashboard import protection
from bridge.handlers.dashboard.context import Visit
from bridge.handlers.dashboard.rendering import see_other
from bridge.handlers.dead_letters import read_letter
from bridge.handlers.runs import refusal
from bridge.handlers.wire import run_id_problem
from bridge.payloads.external_function import UnusableRequest
from bridge.services.cancel_run import CancelRequest, request_cancels
from bridge.services.replay_dead_letters import ReplayRequest, replay_dead_letters
from bridge.services.rerun import RerunRefusal, RerunRequest, rerun_runs

SOURCE = "dashboard"
#: What a page says after a form, by the word in its address: no text of an address is ever shown.
SAID = {
    "cancel": "The cancel is queued. The history below shows what comes of it, within a minute.",
    "rerun": "The run is accepted as a new one, which this page shows.",
    "replay": "The dead letter is queued again. The history shows what comes of it, within a minute.",
}
LARGEST_FORM = 10_000
#: Made with each form: whoever sends it twice asks once.
_KEY = re.compile(r"[0-9a-f]{32}")


def cancel(visit: Visit, run_id: str) -> func.HttpResponse:
    """Ask for the run to be cancelled."""
    key = _form_key(visit)
    _check_run_id(run_id)
    request_cancels([CancelRequest(run_id=run_id, origin=key)], visit.caller.identity, visit.bridge)
    return see_other(visit.links.page("runs", run_id, said="cancel"))


def rerun(visit: Visit, run_id: str) -> func.HttpResponse:
    """Start the run once more, as a new one."""
    key = _form_key(visit)
    _check_run_id(run_id)
    origin = Origin(
        source=SOURCE,
        **asdict(visit.caller.identity),
        correlation_id=visit.caller.correlation_id,
        traceparent=current_traceparent(),
    )
    (answer,) = rerun_runs([RerunRequest(run_id=run_id, idempotency_key=key, origin=origin)], visit.bridge)
    if isinstance(answer, RerunRefusal):
        return refusal([answer.violation], visit.caller.correlation_id)
    if answer.status == BridgeStatus.REJECTED:
        return refusal(answer.violations, visit.caller.correlation_id)
    return see_other(visit.links.page("runs", str(answer.run_id), said="rerun"))


def replay(visit: Visit, dead_letter_id: str) -> func.HttpResponse:
    """Have the dead letter handled again."""
    key = _form_key(visit)
    wanted = ReplayRequest(dead_letter_id=dead_letter_id, caller=visit.caller.identity, occasion=key)
    (answer,) = replay_dead_letters([wanted], read_letter, visit.bridge)
    if answer.violations:
        return refusal(answer.violations, visit.caller.correlation_id)
    if answer.run_id:
        return see_other(visit.links.page("runs", answer.run_id, said="replay"))
    return see_other(visit.links.page("dead-letters", dead_letter_id, said="replay"))


def _form_key(visit: Visit) -> str:
    """Of a form that may do something here. Raises: CallerRefused; UnusableRequest."""
    if not visit.bridge.dashboard.has_actions:
        raise CallerRefused("this page only shows: whoever runs the app may set DASHBOARD_ACTIONS=true")
    if not protection.is_from_this_page(visit.request):
        raise CallerRefused("the form was not sent from this page: open it here and send it again")
    body = visit.request.get_body()
    if len(body) > LARGEST_FORM:
        raise UnusableRequest(413, "the form is larger than any of this page", "TOO_LARGE")
    key = dict(parse_qsl(body.decode("ascii", errors="replace"))).get("key", "")
    if not _KEY.fullmatch(key):
        raise UnusableRequest(400, "the form has no key: open the page again and send it from there")
    return key


def _check_run_id(run_id: str) -> None:
    bad = run_id_problem(run_id)
    if bad is not None:
        raise UnusableRequest(404, bad.message, str(bad.code))
