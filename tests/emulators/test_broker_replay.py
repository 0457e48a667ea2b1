"""Replay of dead letters at the broker, where locks end before all letters were looked through."""

from pathlib import Path

from azure.servicebus import ServiceBusClient

from bridge.cli.broker import Broker
from bridge.domain.queues import Queue
from tests.emulators.host_process import running_broker


def test_a_letter_that_somebody_else_took_is_not_looked_for_without_end(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path, lock="PT1S") as running,
        ServiceBusClient.from_connection_string(running.connection_string) as client,
        client.get_queue_receiver("one") as receiver,
    ):
        running.send("one", [{}] * 2)
        for message in receiver.receive_messages(2, max_wait_time=5):
            receiver.dead_letter_message(message, reason="POISON")
        broker = Broker(client, dict.fromkeys(Queue, "one"))
        (first, _) = sorted(broker.numbers(Queue.RUN_EVENTS))

        assert list(broker.replay(Queue.RUN_EVENTS, frozenset({first, 10**9}))) == [(first, True)]
        assert (running.counts("one")["active"], running.counts("one")["dead"]) == (1, 1)
