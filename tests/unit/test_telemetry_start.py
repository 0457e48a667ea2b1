"""Who is told, as the settings have it: nobody, a collector, Azure Monitor; each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.otlp_receiver import Receiver, plain, receiver

ROOT = Path(__file__).parents[2]
SECRET = "planted/secret+value=="
KEY = "11111111-2222-3333-4444-555555555555"
#: The exporters' own calls to their maker.
QUIET = {"APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true", "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true"}
#: Azure Monitor's own choice is five traces a second.
ALL = {"OTEL_TRACES_SAMPLER": "always_on"}
BEGIN = """
import logging, os, sys
from bridge import telemetry
from bridge.domain import masking, signals
from bridge.domain.context import about
from bridge.settings.secrets import secret_values
masking.hide([os.environ.get("PLANTED", ""), *secret_values(os.environ)])
logging.basicConfig(stream=sys.stdout)
telemetry.install()
"""
#: What an app tells of, with a secret wherever one could be.
TELL = """
secret = os.environ["PLANTED"]
told = telemetry.telemetry()
with about(run_id="r-1"), told.span(f"work {secret}", signals.SpanKind.SERVER, attributes={"a": secret}):
    logging.getLogger("bridge.x").warning("said %s", secret, extra={"hung": secret})
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger("bridge.x").exception("failed")
from opentelemetry import trace
with trace.get_tracer("library").start_as_current_span("theirs") as span:
    span.set_attribute("url.full", f"https://hook/?sig={secret}")
    span.record_exception(ValueError(secret))
told.count(signals.RUNS_ACCEPTED, 2, {signals.PIPELINE: "train"})
told.measure(signals.QUEUE_LAG, 1.5, {signals.QUEUE: secret})
"""


def run(code: str, **settings: str) -> str:
    """What a process of its own prints, which has nothing of this one's environment but what it needs."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PLANTED": SECRET}
    environment |= {**QUIET, **ALL, **settings}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def test_without_a_setting_nothing_is_loaded_and_nobody_told() -> None:
    code = """
telemetry.configure(os.environ); telemetry.join(os.environ)
print(telemetry.telemetry().is_on, [name for name in sys.modules if "opentelemetry" in name.split(".")[0]])
"""
    assert run(code, APPLICATIONINSIGHTS_CONNECTION_STRING=" ", OTEL_EXPORTER_OTLP_ENDPOINT="").strip() == "False []"


def test_inside_the_platforms_worker_its_own_setting_is_left_to_it(collector: Receiver) -> None:
    """There it also has the host send its log, so that it would come twice."""
    connection = f"InstrumentationKey={KEY};IngestionEndpoint={collector.url}"

    said = run(
        "telemetry.join(os.environ); print(telemetry.telemetry().is_on)",
        APPLICATIONINSIGHTS_CONNECTION_STRING=connection,
    )

    assert said.strip() == "False"


@pytest.mark.parametrize("begin", ["configure", "join"])
def test_a_collector_gets_traces_metrics_and_logs(collector: Receiver, begin: str) -> None:
    twice = f"telemetry.{begin}(os.environ); telemetry.configure(os.environ)"

    run(twice + TELL, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, BRIDGE_NAME="team-a")

    spans = {span.name: span for span in collector.spans()}
    logs = {text: (attributes, trace) for text, attributes, trace in collector.logs()}
    assert spans.keys() == {"work ***", "theirs"}
    assert collector.services() == {"team-a"}
    assert collector.sums()["bridge.runs.accepted"] == {"train": 2}
    assert "bridge.queue.lag" in collector.histograms()
    assert logs["said ***"][0]["bridge.run_id"] == "r-1"
    assert logs["said ***"][1] == spans["work ***"].trace_id.hex() == logs["failed"][0]["bridge.trace_id"]
    assert plain(spans["theirs"].attributes)["url.full"] == "https://hook/?sig=***"
    assert SECRET.encode() not in collector.raw


def test_azure_monitor_takes_one_setting(collector: Receiver) -> None:
    connection = f"InstrumentationKey={KEY};IngestionEndpoint={collector.url}"

    run("telemetry.configure(os.environ)" + TELL, APPLICATIONINSIGHTS_CONNECTION_STRING=connection)

    found = {each["data"]["baseType"]: each["data"]["baseData"] for each in collector.envelopes()}
    messages = [each for each in collector.envelopes() if each["data"]["baseType"] == "MessageData"]
    assert found.keys() >= {"RequestData", "MessageData", "MetricData", "ExceptionData"}
    assert found["RequestData"]["name"] == "work ***"
    assert messages[0]["data"]["baseData"]["properties"]["bridge.run_id"] == "r-1"
    assert "bridge.runs.accepted" in json.dumps(collector.envelopes())
    assert SECRET.encode() not in collector.raw


def test_both_may_be_told(collector: Receiver) -> None:
    connection = f"InstrumentationKey={KEY};IngestionEndpoint={collector.url}"

    run(
        "telemetry.configure(os.environ)" + TELL,
        APPLICATIONINSIGHTS_CONNECTION_STRING=connection,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    )

    assert "work ***" in {span.name for span in collector.spans()}
    assert "work ***" in json.dumps(collector.envelopes())
    assert collector.sums()["bridge.runs.accepted"] == {"train": 2}
    assert SECRET.encode() not in collector.raw


def test_what_the_platforms_worker_has_set_up_is_joined(collector: Receiver) -> None:
    as_the_worker_does = """
from azure.core.settings import settings
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry import trace
settings.tracing_implementation = "opentelemetry"
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
telemetry.join(os.environ)
print(settings.tracing_enabled(), settings.tracing_implementation(), trace.get_tracer_provider() is provider)
"""
    said = run(
        as_the_worker_does + TELL,
        PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    )

    assert said.splitlines()[0] == "False None True", "one span a call, not a second one of the SDK's"
    assert {span.name for span in collector.spans()} == {"work ***", "theirs"}
    assert SECRET.encode() not in collector.raw


@pytest.mark.parametrize(
    ("begin", "settings", "why"),
    [
        ("configure", {"APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={SECRET}"}, "Invalid connection"),
        ("configure", {"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
        ("join", {"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true"}, "its own log says why"),
    ],
    ids=["connection string", "protocol", "worker"],
)
def test_telemetry_that_cannot_be_set_up_is_said_and_the_app_goes_on(
    begin: str, settings: dict[str, str], why: str
) -> None:
    said = run(f"telemetry.{begin}(os.environ); print(telemetry.telemetry().is_on)", **settings)

    assert "CRITICAL" in said
    assert why in said
    assert said.splitlines()[-1] == "False"
