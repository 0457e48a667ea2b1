"""Many receivers and many senders at once on the Service Bus emulator, with the SDK's threads and with its asyncio."""

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from tests.emulators.servicebus_service import WAIT, ServiceBus

RECEIVERS, MESSAGES = 4, 200


def test_competing_receivers_get_each_message_once(service: ServiceBus) -> None:
    left = threading.Semaphore(MESSAGES)

    def work(_: int) -> list[str]:
        done = []
        with service.client() as client, client.get_queue_receiver("orders") as receiver:
            while left.acquire(blocking=False):
                [message] = receiver.receive_messages(1, max_wait_time=WAIT)
                receiver.complete_message(message)
                done.append(str(message))
        return done

    service.send("orders", *map(str, range(MESSAGES)))
    with ThreadPoolExecutor(RECEIVERS) as pool:
        shares = list(pool.map(work, range(RECEIVERS)))

    assert Counter(text for share in shares for text in share) == Counter(str(number) for number in range(MESSAGES))
    assert all(shares)
    assert service.counts("orders") == {
        "active": 0,
        "locked": 0,
        "scheduled": 0,
        "dead": 0,
        "total_received": MESSAGES,
    }


def test_many_senders_at_once_lose_nothing(service: ServiceBus) -> None:
    def work(worker: int) -> None:
        with service.client() as client, client.get_queue_sender("orders") as sender:
            for number in range(25):
                sender.send_messages(ServiceBusMessage(f"{worker}-{number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    numbers = [message["sequence_number"] for message in service.messages("orders")]
    assert len(set(numbers)) == 100
    assert service.counts("orders")["active"] == 100


def test_the_asynchronous_sdk_works_as_well(service: ServiceBus) -> None:
    async def work() -> list[str]:
        async with (
            ServiceBusClient.from_connection_string(service.connection_string) as client,
            client.get_queue_sender("orders") as sender,
            client.get_queue_receiver("orders") as receiver,
        ):
            batch = await sender.create_message_batch()
            for number in range(50):
                batch.add_message(ServiceBusMessage(str(number)))
            await sender.send_messages(batch)
            found: list[str] = []
            while len(found) < 50:
                messages = await receiver.receive_messages(50, max_wait_time=WAIT)
                await asyncio.gather(*(receiver.complete_message(message) for message in messages))
                found += map(str, messages)
            await sender.send_messages(ServiceBusMessage("again"))
            [message] = await receiver.receive_messages(1, max_wait_time=WAIT)
            await receiver.renew_message_lock(message)
            await receiver.abandon_message(message)
            [message] = await receiver.receive_messages(1, max_wait_time=WAIT)
            await receiver.dead_letter_message(message, reason="Bad")
            return found

    assert asyncio.run(work()) == [str(number) for number in range(50)]
    [dead] = service.messages("orders", "dead")
    assert (dead["body"], dead["delivery_count"], dead["dead_letter_reason"]) == ("again", 1, "Bad")


def test_a_burst_of_asynchronous_receivers_shares_the_queue(service: ServiceBus) -> None:
    async def one(client: ServiceBusClient, share: int) -> list[str]:
        async with client.get_queue_receiver("orders") as receiver:
            found: list[str] = []
            while len(found) < share:
                for message in await receiver.receive_messages(share - len(found), max_wait_time=WAIT):
                    await receiver.complete_message(message)
                    found.append(str(message))
            return found

    async def work() -> list[str]:
        async with ServiceBusClient.from_connection_string(service.connection_string) as client:
            shares = await asyncio.gather(*(one(client, 10) for _ in range(8)))
            return [text for share in shares for text in share]

    service.send("orders", *map(str, range(80)))

    assert Counter(asyncio.run(work())) == Counter(str(number) for number in range(80))
