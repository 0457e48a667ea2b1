"""What is due in the emulators of Azure ML and Event Grid happens by itself, also when the clock was moved."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bridge.local.alarm import Alarm
from bridge.local.aml import clock as aml_clock
from bridge.local.aml.state import AmlEmulator, Options
from bridge.local.eventgrid.clock import Clock
from bridge.local.eventgrid.deliveries import LONGEST_HOLD_SECONDS, EventGridEmulator
from bridge.local.eventgrid.publishing import Event
from bridge.local.eventgrid.topics import Topic
from bridge.local.faults import Fault

TOPIC = Topic("custom", door="custom", queue="inbound-events")
PATIENCE = 10


async def beside(sleeper: Coroutine[Any, Any, Any], act: Callable[[], object], done: asyncio.Event) -> None:
    """Let `sleeper` sleep, act, and wait until it is done."""
    task = asyncio.create_task(sleeper)
    for _ in range(10):  # what was planned before has rung already
        await asyncio.sleep(0)
    act()
    await asyncio.wait_for(done.wait(), PATIENCE)
    task.cancel()


def test_who_is_awake_when_it_rings_does_not_sleep_the_next_time() -> None:
    async def ring_and_sleep() -> None:
        alarm = Alarm()
        alarm.ring()
        await asyncio.wait_for(alarm.sleep(None), PATIENCE)

    asyncio.run(ring_and_sleep())


def test_a_moved_clock_brings_azure_ml_nearer_to_what_is_not_due_yet() -> None:
    async def wait() -> None:
        emulator, done = AmlEmulator(Options(), aml_clock.Clock()), asyncio.Event()
        emulator.agenda.after(3600.05, done.set)
        await beside(emulator.agenda.settle_always(), lambda: emulator.advance(3600), done)

    asyncio.run(wait())


def test_what_is_planned_while_azure_ml_sleeps_happens_in_time() -> None:
    async def wait() -> None:
        emulator, done = AmlEmulator(Options(), aml_clock.Clock()), asyncio.Event()
        await beside(emulator.agenda.settle_always(), lambda: emulator.agenda.after(0.05, done.set), done)

    asyncio.run(wait())


def courier(emulator: EventGridEmulator, done: asyncio.Event) -> Coroutine[Any, Any, None]:
    async def deliver() -> None:
        while (delivery := emulator.next_due(TOPIC)) is None:
            await emulator.until_due(TOPIC)
        emulator.delivered(delivery)
        done.set()

    return deliver()


def event() -> Event:
    return Event({"id": "1", "subject": "s", "eventType": "t"}, is_cloud_event=False)


def test_an_event_wakes_the_courier() -> None:
    async def wait() -> None:
        emulator, done = EventGridEmulator({"custom": TOPIC}, Clock()), asyncio.Event()
        await beside(courier(emulator, done), lambda: emulator.accept(TOPIC, [event()]), done)

    asyncio.run(wait())


def test_a_moved_clock_brings_event_grid_nearer_to_an_attempt_that_is_not_due_yet() -> None:
    async def wait() -> None:
        emulator, done = EventGridEmulator({"custom": TOPIC}, Clock()), asyncio.Event()
        emulator.accept(TOPIC, [event()])
        delivery = emulator.next_due(TOPIC)
        assert delivery
        emulator.failed(delivery, "Busy", is_final=False)  # the next one is ten seconds later
        await beside(courier(emulator, done), lambda: emulator.advance(9.95), done)

    asyncio.run(wait())


def test_an_event_that_is_held_back_for_a_later_one_does_not_wait_for_ever() -> None:
    async def wait() -> None:
        emulator, done = EventGridEmulator({"custom": TOPIC}, Clock()), asyncio.Event()
        held = emulator.faults.add(Fault("reorder"))

        def hold_and_move() -> None:
            emulator.accept(TOPIC, [event()])
            emulator.advance(LONGEST_HOLD_SECONDS - 0.05)

        await beside(courier(emulator, done), hold_and_move, done)
        assert held.struck == 1

    asyncio.run(wait())
