"""The text of any body that the bridge sends to its own queues."""

from bridge.domain.commands import SubmitRun
from bridge.domain.inbound import InboundEvent
from bridge.domain.records import Records
from bridge.payloads import lossless
from bridge.payloads.commands import write_submit
from bridge.payloads.control import write_control
from bridge.payloads.event_grid import write_event
from bridge.payloads.records import write_records
from bridge.ports import Body


def write(body: Body) -> str:
    """The JSON text that the readers of the queue's body take."""
    if isinstance(body, SubmitRun):
        return lossless.dumps(write_submit(body))
    if isinstance(body, Records):
        return lossless.dumps(write_records(body))
    if isinstance(body, InboundEvent):
        return lossless.dumps(write_event(body.event))
    return lossless.dumps(write_control(body))
