"""What a line of the log is about: its ids, as fields or at its end, safe like the line itself."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bridge import bootstrap, telemetry
from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.domain import masking
from bridge.domain.context import about, known
from bridge.domain.errors import AccessDenied, ServiceUnavailable
from bridge.domain.trace import Trace
from bridge.handlers import queues as handlers
from bridge.payloads import bodies
from bridge.ports import Bridge
from tests.unit.invocations import message
from tests.unit.requests import accepted, request

TRACE = Trace.derived("q")
SECRET = "planted/secret+value=="
log = logging.getLogger("bridge.handlers.somewhere")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    factory, kept = logging.getLogRecordFactory(), masking._HIDDEN[:]
    masking.hide([SECRET])
    yield
    logging.setLogRecordFactory(factory)
    masking._HIDDEN[:] = kept


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(telemetry.JsonLines())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_a_json_line_has_the_ids_as_fields(written: io.StringIO) -> None:
    telemetry.install()

    with about(run_id="r-1", correlation_id="c-1"), about(trace=TRACE):
        log.warning("refused: %s", 'a "quoted"\nword')
    log.warning("outside")

    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert first.pop("timestamp").endswith("+00:00")
    assert first == {
        "level": "WARNING",
        "logger": log.name,
        "message": 'refused: a "quoted"\n| word',
        "run_id": "r-1",
        "correlation_id": "c-1",
        "trace_id": TRACE.trace_id,
    }
    assert not {"run_id", "trace_id"} & second.keys()


def test_a_json_line_has_no_secret_and_no_line_of_somebody_else(written: io.StringIO) -> None:
    telemetry.install()

    with about(correlation_id=f"c\n{SECRET}"):
        try:
            raise ValueError(SECRET)
        except ValueError:
            log.exception("failed with %s", SECRET, stack_info=True)

    (line,) = written.getvalue().splitlines()
    found = json.loads(line)
    assert SECRET not in line
    assert found["correlation_id"] == "c\n| ***"
    assert "ValueError: ***" in found["exception"]
    assert found["stack"]


def test_where_nobody_shows_fields_a_line_of_ours_ends_with_them(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.install(ids_in_text=True)

    with about(run_id="r-1", correlation_id="c", trace=TRACE):
        log.warning("refused")
        logging.getLogger("azure.core").warning("theirs")
    log.warning("outside")

    assert caplog.messages == [
        f"refused [run_id r-1, correlation_id c, trace_id {TRACE.trace_id}]",
        "theirs",
        "outside",
    ]
    assert [getattr(record, "bridge.run_id", None) for record in caplog.records] == ["r-1", "r-1", None]


@pytest.mark.parametrize(("setting", "message"), [("json", "refused"), ("", "refused [run_id r-1]")])
def test_the_app_begins_with_the_log_that_its_settings_ask_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, setting: str, message: str
) -> None:
    monkeypatch.setenv("LOG_FORMAT", setting)
    bootstrap.start()

    with about(run_id="r-1"):
        log.warning("refused")

    assert caplog.messages[-1] == message


def test_a_handlers_lines_know_their_run(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry.install()
    command = accepted(bridge, queues, request("k"))
    jobs.failures.append(("cancel", AccessDenied("no", code="ACCESS_DENIED")))
    caplog.clear()

    handlers.execute(message(bodies.write(command).replace('"train"', '"unknown"')), bridge)

    record = next(found for found in caplog.records if "is refused" in found.message)
    assert vars(record)["bridge.run_id"] == command.run_id
    assert vars(record)["bridge.correlation_id"] == command.origin.correlation_id
    assert vars(record)["bridge.trace_id"] == command.origin.trace_id


def test_a_failure_is_told_with_its_run(bridge: Bridge, queues: MemoryQueues, caplog: pytest.LogCaptureFixture) -> None:
    telemetry.install()
    command = accepted(bridge, queues, request("k"))
    queues.failures.append(ServiceUnavailable("the broker is away"))

    with pytest.raises(ServiceUnavailable):
        handlers.execute(message(bodies.write(command)), bridge)

    (record,) = [found for found in caplog.records if "back to the queue" in found.message]
    assert vars(record)["bridge.run_id"] == command.run_id
    assert "the broker is away" in record.message


def test_what_work_is_about_ends_with_it() -> None:
    with about(run_id="r-1"):
        with about(run_id="r-2", trace=TRACE):
            assert known() == {"run_id": "r-2", "trace_id": TRACE.trace_id}
        assert known() == {"run_id": "r-1"}
    assert known() == {}


@pytest.mark.parametrize(("as_json", "beginning"), [(True, '{"timestamp": "20'), (False, "20")])
def test_a_container_prints_lines_in_utc(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, as_json: bool, beginning: str
) -> None:
    telemetry.install()
    handler = telemetry.printed(as_json=as_json)
    record = logging.getLogRecordFactory()(log.name, logging.WARNING, "f", 1, "said", (), None)
    record.created, record.msecs = 1_795_000_000.25, 250.0

    text = handler.format(record)

    assert text.startswith(beginning)
    assert "2026-11-18T" in text
    assert "said" in text
