"""What reaches the log, whoever wrote it and whichever handler shows it."""

import io
import logging
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import bootstrap, telemetry
from bridge.domain import masking
from bridge.domain.errors import BridgeError, ConfigurationError
from bridge.handlers.answers import undisclosed
from bridge.handlers.queues import slow_to_fail
from bridge.settings.secrets import secret_values

SECRET = "planted/secret+value=="
FORGED = "2026-11-20 10:00:00 CRITICAL bridge all is lost"
LOGGERS = [
    "bridge.handlers.runs",
    "azure.servicebus._pyamqp",
    "snowflake.connector.network",
    "urllib3.connectionpool",
    "",
]


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    factory, kept = logging.getLogRecordFactory(), masking._HIDDEN[:]
    telemetry.install()
    masking.hide([SECRET])
    yield
    logging.setLogRecordFactory(factory)
    masking._HIDDEN[:] = kept


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """A handler that the platform could have added, at the root and after everything else."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("name", LOGGERS)
def test_no_logger_writes_a_secret(written: io.StringIO, name: str) -> None:
    log = logging.getLogger(name)
    log.warning("plain " + SECRET)
    log.warning("argument %s and %r", SECRET, {"key": SECRET})
    log.warning("mapping %(x)s", {"x": SECRET})
    log.warning("object %s", ValueError(SECRET))
    log.warning("pattern %s", "https://x/y?sig=abcdef12")
    log.warning("stack", stack_info=True)

    text = written.getvalue()
    assert text.count("***") == 6
    assert SECRET not in text
    assert "abcdef12" not in text


def failing() -> None:
    try:
        raise ValueError(f"inner {SECRET}")
    except ValueError as error:
        raise RuntimeError("outer") from error


def test_no_traceback_writes_a_secret(written: io.StringIO, caplog: pytest.LogCaptureFixture) -> None:
    try:
        failing()
    except RuntimeError:
        logging.getLogger("azure.core").exception("failed")

    text = written.getvalue()
    assert "RuntimeError: outer" in text
    assert "ValueError: inner ***" in text
    assert SECRET not in text
    assert SECRET not in caplog.text
    assert all(record.exc_info is None for record in caplog.records), "a handler could look into the exception itself"


def test_an_exception_without_a_secret_stays_for_handlers_that_want_it(caplog: pytest.LogCaptureFixture) -> None:
    harmless = ValueError("harmless")

    logging.getLogger("bridge").error("failed", exc_info=harmless)

    assert caplog.records[0].exc_info == (ValueError, harmless, None)


def test_arguments_that_do_not_fit_are_not_printed(written: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("bridge").warning("two %s %s", SECRET)  # noqa: PLE1206 - that is the point

    assert written.getvalue().strip() == "WARNING bridge two %s %s"
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"], ids=repr)
def test_no_text_forges_a_line(written: io.StringIO, end: str) -> None:
    log = logging.getLogger("bridge.handlers.queues")
    log.warning("refused event %s", f"x{end}{FORGED}")
    try:
        raise ValueError(f"x{end}{FORGED}")
    except ValueError:
        log.exception("failed")

    lines = written.getvalue().splitlines()
    assert [line for line in lines if FORGED in line] == [f"| {FORGED}", f"| {FORGED}"]
    assert all(line.startswith(("WARNING ", "ERROR ", "| ")) for line in lines)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x07", "\x08", "\x7f", "\x9b", "\u202e", "\u2066"], ids=repr)
def test_no_text_steers_a_terminal(written: io.StringIO, character: str) -> None:
    logging.getLogger("bridge").warning("event %s", f"a{character}b")

    assert character not in written.getvalue()
    assert "event a\\" in written.getvalue()


def test_who_added_fields_to_records_before_still_does(caplog: pytest.LogCaptureFixture) -> None:
    """As tracing does, with the trace's id."""

    class Traced(logging.LogRecord):
        trace_id = "t1"

    logging.setLogRecordFactory(Traced)
    telemetry.install()
    telemetry.install()

    logging.getLogger("bridge").warning(SECRET)

    assert [(record.trace_id, record.msg) for record in caplog.records] == [("t1", "***")]  # type: ignore[attr-defined]


def test_the_problems_of_the_configuration_stay_readable(written: io.StringIO) -> None:
    logging.getLogger("bridge").critical("%s", ConfigurationError(["A is not set", "B is not set"]))

    lines = written.getvalue().splitlines()
    assert lines == ["CRITICAL bridge 2 problems in the configuration:", "| A is not set", "| B is not set"]


def test_what_a_function_raises_has_no_secret() -> None:
    with pytest.raises(BridgeError) as caught, undisclosed():
        failing()

    assert SECRET not in str(caught.value)
    assert "RuntimeError: outer" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value)), "as the platform writes it"


def test_what_a_function_raises_without_a_secret_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), undisclosed():
        1 / 0  # noqa: B018 - it fails


def test_what_a_queues_function_raises_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("bridge.handlers.queues.time.sleep", waits.append)

    with pytest.raises(BridgeError) as caught, slow_to_fail():
        failing()

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert waits, "and it waited as for any failure"


def test_the_app_hides_its_secrets_as_soon_as_it_starts(monkeypatch: pytest.MonkeyPatch, written: io.StringIO) -> None:
    logging.setLogRecordFactory(logging.LogRecord)
    monkeypatch.setenv("SNOWFLAKE_TOKEN", "a-token-of-the-settings")

    bootstrap.start()
    logging.getLogger("snowflake.connector.auth").error("refused: a-token-of-the-settings")

    assert "refused: ***" in written.getvalue()
    assert "a-token-of-the-settings" not in written.getvalue()


PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----"
ENVIRON = {
    "ServiceBusConnection": "Endpoint=sb://ns/;SharedAccessKeyName=RootManage;SharedAccessKey=bus-key-1234=",
    "AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=theaccount;AccountKey=storage-key-1==",
    "EVENT_GRID_TOPIC_KEY": "topic-key-12345=",
    "BRIDGE_EVENTS_TOPIC_KEY": "events-key-1234=",
    "SNOWFLAKE_PASSWORD": "a-password-here",
    "SNOWFLAKE_PRIVATE_KEY": PEM,
    "SNOWFLAKE_TOKEN": "snowflake-token",
    "NOTIFY_OPS_URL": "https://hooks.example/workflows/0a1b2c3d4e5f60718293a4b5/run?api-version=2016-10-01&sig=hook-signature",
    "NOTIFY_ML_TEAM_SECRET": "whsec_bm90LWEtc2VjcmV0LWF0LWFsbA==",
    "IDENTITY_HEADER": "identity-header-1",
    "BRIDGE_NAME": "a-long-bridge-name",
    "AML_WORKSPACE": "a-long-workspace",
}
#: What each of them must not tell.
KEYS = [
    "bus-key-1234=", "storage-key-1==", "topic-key-12345=", "events-key-1234=", "a-password-here", PEM,
    "MIIEvQIBADANBgkqhkiG9w0", "snowflake-token", "0a1b2c3d4e5f60718293a4b5", "hook-signature",
    "whsec_bm90LWEtc2VjcmV0LWF0LWFsbA==", "bm90LWEtc2VjcmV0LWF0LWFsbA==", "identity-header-1",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_every_secret_setting_is_hidden(key: str) -> None:
    masking.hide(secret_values(ENVIRON))

    assert key not in masking.masked(f"before {key} after")


@pytest.mark.parametrize(
    "text",
    ["RootManage", "theaccount", "a-long-bridge-name", "a-long-workspace", "2016-10-01", "workflows", "hooks.example"],
)
def test_what_is_no_secret_of_the_settings_is_not_hidden(text: str) -> None:
    masking.hide(secret_values(ENVIRON))

    assert masking.masked(f"before {text} after") == f"before {text} after"


def test_every_setting_that_is_read_as_a_secret_is_hidden() -> None:
    source = "".join(file.read_text() for file in (Path(__file__).parents[2] / "bridge" / "settings").glob("*.py"))
    read = set(re.findall(r'reader\.secret\("(\w+)"\)', source))

    assert read
    for name in read:
        value = f"planted-in-{name}-1234"
        text = f"Endpoint=sb://ns/;SharedAccessKey={value}" if name == "ServiceBusConnection" else value
        assert any(value in found for found in secret_values({name: text})), name
