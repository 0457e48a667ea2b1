"""Takes requests for runs that come as events. Nobody waits for an answer, so each one shows in RUNS, good or bad."""

from collections.abc import Mapping
from typing import Any

from bridge.domain.aml_events import REQUEST_DOORS, fold_keys
from bridge.domain.commands import Origin
from bridge.domain.context import current_traceparent
from bridge.domain.inputs import Violation, shown
from bridge.domain.records import AmlEvent, Records
from bridge.ports import Bridge
from bridge.services.accept_runs import NAME_LIMIT, RunRequest, accept_runs, key_problem
from bridge.services.report import send_records

FIELDS = ("pipeline", "inputs", "idempotency_key")


def request_run(event: AmlEvent, bridge: Bridge) -> None:
    """Accept the run that the event asks for, or record why not; the same event again is the same run.

    What cannot be read as a request is also kept as it came, in AML_EVENTS.
    Raises: RetryableError when the queues could not take it.
    """
    request = _read(event)
    if bridge.record_all_events or request.problem is not None:
        send_records(Records(aml_events=(event,)), bridge)
    accept_runs([request], bridge)


def _read(event: AmlEvent) -> RunRequest:
    """Key: the request's own, else the event's id, which a second delivery has too."""
    given = fold_keys(event.data)
    pipeline, inputs, key = (given.get(name) for name in FIELDS)
    door = f"event:{event.door}"
    return RunRequest(
        pipeline=pipeline[:NAME_LIMIT] if isinstance(pipeline, str) else "",
        inputs=inputs if isinstance(inputs, Mapping) else {},
        idempotency_key=key if isinstance(key, str) and key_problem(key) is None else event.id,
        origin=Origin(source=door, principal=door, correlation_id=event.id, traceparent=current_traceparent()),
        problem=_problem(event.door, given),
    )


def _problem(door: str, given: Mapping[str, Any]) -> Violation | None:
    """What makes the event no request at all; its inputs are looked at later."""
    pipeline, inputs, key = (given.get(name) for name in FIELDS)
    unknown = [name for name in given if name not in FIELDS]
    if door not in REQUEST_DOORS:
        message = f"events that come through the door {shown(door)} start no runs: publish to a topic for requests"
        return Violation(code="NOT_ALLOWED", message=message)
    if not isinstance(pipeline, str) or not 0 < len(pipeline) <= NAME_LIMIT:
        message = f"the event's data names no pipeline: give {{{', '.join(FIELDS)}}}, the name as text"
        return Violation(code="BAD_EVENT", message=message, field="pipeline")
    if inputs is not None and not isinstance(inputs, Mapping):
        return Violation(code="BAD_EVENT", message="the inputs are not an object", field="inputs")
    bad_key = key_problem(key) if key != "" else None  # an empty one gives up nothing here: the event has an id
    if bad_key is not None:
        return bad_key
    if unknown:  # a misspelt `inputs` would run the pipeline without them
        return Violation(code="BAD_EVENT", message=f"{shown(unknown[0])} is not known: give {', '.join(FIELDS)}")
    return None
