"""What threads that send at once share: a transfer, and its failure; never one another's mistakes."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.adapters.servicebus import ServiceBusQueues
from bridge.adapters.shared_sender import SharedSender
from bridge.domain.commands import CheckRun
from bridge.domain.errors import PermanentError, RetryableError
from bridge.domain.queues import Queue
from bridge.local.stack import Stack
from bridge.ports import Message
from bridge.settings.app_settings import Settings
from tests.contract.test_message_sender import peeked, queues_of
from tests.eventually import eventually

QUEUE = Queue.RUN_CONTROL


@pytest.fixture
def queues(settings: Settings, emulators: Stack) -> Iterator[ServiceBusQueues]:
    emulators.call("service_bus", "POST", "/reset", {})
    real = queues_of(settings)
    real.send(QUEUE, [check()])
    yield real
    real.close()


@pytest.fixture
def transfers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each transfer had."""
    counts: list[int] = []
    send = SharedSender._transfer

    def counted(self: SharedSender, batch: Any, whole: Any) -> None:
        counts.append(len(batch))
        send(self, batch, whole)

    monkeypatch.setattr(SharedSender, "_transfer", counted)
    return counts


def check(text: str = "") -> Message:
    body = CheckRun(run_id="r-" + "a" * 26, workspace="ws", step=1, if_missing_fail=text or None)
    return Message(message_id=uuid.uuid4().hex, body=body)


def all_at_once(
    queues: ServiceBusQueues, parcels: list[list[Message]], meanwhile: Callable[[], None] = lambda: None
) -> list[BaseException | None]:
    """Send each parcel from a thread of its own, all of them waiting for the same turn; what each was told."""
    told: list[BaseException | None] = [None] * len(parcels)

    def work(number: int) -> None:
        try:
            queues.send(QUEUE, parcels[number])
        except BaseException as error:
            told[number] = error

    sender = queues._sender(QUEUE)
    threads = [threading.Thread(target=work, args=[number]) for number in range(len(parcels))]
    with sender._turn:
        for thread in threads:
            thread.start()
        eventually(lambda: len(sender._waiting) == len(parcels))
        meanwhile()
    for thread in threads:
        thread.join()
    return told


def test_what_waits_goes_out_together(queues: ServiceBusQueues, emulators: Stack, transfers: list[int]) -> None:
    told = all_at_once(queues, [[check()] for _ in range(20)])

    assert told == [None] * 20
    assert transfers == [20]
    assert len(peeked(emulators, QUEUE)) == 21


def test_more_than_a_transfer_takes_goes_out_in_several(
    queues: ServiceBusQueues, emulators: Stack, transfers: list[int]
) -> None:
    told = all_at_once(queues, [[check("x" * 50_000) for _ in range(3)] for _ in range(5)])

    assert told == [None] * 5
    assert len(transfers) > 1
    assert sum(transfers) == 15
    assert len(peeked(emulators, QUEUE)) == 16


def test_a_message_that_is_too_large_is_its_senders_own_affair(queues: ServiceBusQueues, emulators: Stack) -> None:
    told = all_at_once(queues, [[check()], [check(), check("x" * 300_000), check()], [check()]])

    assert [type(error) for error in told] == [type(None), PermanentError, type(None)]
    assert len(peeked(emulators, QUEUE)) in {3 + 1, 3 + 2}, "what was sent before a failure stays sent"


def test_a_transfer_that_fails_is_told_to_all_who_were_in_it(queues: ServiceBusQueues, emulators: Stack) -> None:
    try:
        told = all_at_once(
            queues, [[check()] for _ in range(5)], meanwhile=lambda: emulators.outage("service_bus", down=True)
        )
    finally:
        emulators.outage("service_bus", down=False)

    assert all(isinstance(error, RetryableError) for error in told)
    assert all_at_once(queues, [[check()] for _ in range(3)]) == [None] * 3
    assert len(peeked(emulators, QUEUE)) == 4


def test_who_has_waited_for_too_long_is_told_and_not_sent_later(
    queues: ServiceBusQueues, emulators: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.adapters.shared_sender.SEND_SECONDS", 0.01)

    with queues._sender(QUEUE)._turn, pytest.raises(RetryableError):
        queues.send(QUEUE, [check()])
    monkeypatch.undo()
    queues.send(QUEUE, [check()])

    assert len(peeked(emulators, QUEUE)) == 2


def test_who_gives_up_while_the_turn_changes_hands_harms_nobody(
    queues: ServiceBusQueues, emulators: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parcel that is taken away between two looks at those that wait."""
    sender = queues._sender(QUEUE)
    taken = sender._taken

    def one_less() -> Iterator[Any]:
        if len(sender._waiting) == 4:
            sender._waiting.pop()
        yield from taken()

    monkeypatch.setattr(sender, "_taken", one_less)

    told = all_at_once(queues, [[check()] for _ in range(4)])

    monkeypatch.undo()
    arrived = len(peeked(emulators, QUEUE)) - 1
    assert arrived == told.count(None), "nobody is told that it went well if it did not"
    assert all(error is None or isinstance(error, RetryableError) for error in told)


def test_nobody_is_told_that_it_went_well_when_the_sending_thread_is_stopped(
    queues: ServiceBusQueues, emulators: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = queues._sender(QUEUE)

    def stopped(parcels: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(sender, "_send_all", stopped)

    told = all_at_once(queues, [[check()] for _ in range(4)])

    assert len(peeked(emulators, QUEUE)) == 1
    assert all(isinstance(error, RetryableError | SystemExit) for error in told)
