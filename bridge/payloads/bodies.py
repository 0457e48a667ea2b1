"""The text of any body that the bridge sends to its own queues."""

from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.payloads import lossless
from bridge.payloads.commands import write_cancel, write_check, write_submit
from bridge.payloads.records import write_records
from bridge.ports import Body


def write(body: Body) -> str:
    """The JSON text that `read_submit`, `read_control` and `read_records` take."""
    if isinstance(body, SubmitRun):
        return lossless.dumps(write_submit(body))
    if isinstance(body, CheckRun):
        return lossless.dumps(write_check(body))
    if isinstance(body, CancelRun):
        return lossless.dumps(write_cancel(body))
    return lossless.dumps(write_records(body))
