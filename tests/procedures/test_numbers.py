"""Numbers in OBJECT and VARIANT arguments of the procedures, from the CALL to what leaves Snowflake."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from bridge.local import endpoints
from bridge.local.sql_scripts import laptop_statements
from bridge.payloads import lossless
from tests.emulators.snowflake_service import SnowflakeService, rows, value
from tests.procedures.playback import Answer, Playback

LONG = 123456789012345678901234567890
INPUTS = f"{{'learning_rate': 0.5, 'tiny': 0.1, 'long': {LONG}}}"
EXACT = {
    "learning_rate": Decimal("0.5"),
    "tiny": Decimal("0.1"),
    "long": LONG,
}


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    """A Snowflake with every script deployed."""
    with SnowflakeService() as running:
        connection = running.connect(database=None, schema=None)
        for statement in laptop_statements():
            rows(connection, statement)
        yield running


@pytest.mark.parametrize(
    ("call", "host", "status"),
    [
        (f"START_RUN('train', {INPUTS}, 'k')", endpoints.APP_HOST, 202),
        (f"SEND_MESSAGE('run-commands', {INPUTS}::VARIANT, 'm')", endpoints.SERVICE_BUS_HOST, 201),
        (f"PUBLISH_EVENT('t', 's', {INPUTS}::VARIANT, 'e')", endpoints.TOPIC_HOST, 200),
    ],
    ids=["START_RUN", "SEND_MESSAGE", "PUBLISH_EVENT"],
)
def test_every_digit_leaves_snowflake(
    service: SnowflakeService, playback: Playback, call: str, host: str, status: int
) -> None:
    service.tell("/url-map", {"from": f"https://{host}", "to": playback.url})
    playback.plays(Answer(status, {"status": "ACCEPTED"}))

    value(service.connect(), f"CALL {call}")

    (sent,) = playback.received
    body = lossless.loads(sent.body)
    inner = body[0]["data"] if isinstance(body, list) else body.get("inputs", body)
    assert {name: Decimal(str(number)) for name, number in inner.items()} == EXACT


@pytest.mark.parametrize("call", ["START_RUN('train', NULL)", "START_RUN('train', {})"])
def test_no_inputs_are_an_empty_object(service: SnowflakeService, playback: Playback, call: str) -> None:
    service.tell("/url-map", {"from": f"https://{endpoints.APP_HOST}", "to": playback.url})
    playback.plays(Answer(202, {"status": "ACCEPTED"}))

    value(service.connect(), f"CALL {call}")

    assert playback.received[0].json()["inputs"] == {}


def test_text_is_a_message_as_it_is(service: SnowflakeService, playback: Playback) -> None:
    service.tell("/url-map", {"from": f"https://{endpoints.SERVICE_BUS_HOST}", "to": playback.url})
    playback.plays(Answer(201))

    value(service.connect(), """CALL SEND_MESSAGE('run-commands', PARSE_JSON('"as it is"'))""")

    assert playback.received[0].body == b"as it is"
