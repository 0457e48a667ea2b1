"""How a Service Bus connection is named in app settings: a connection string, or a namespace and an identity."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from azure.servicebus import ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

#: Seconds for one attempt to open a link; without it a broker that accepts and stays silent would block for ever.
TRY_SECONDS = 20.0
#: The SDK reads with the connection locked and in slices of this length: what else wants the connection waits for it.
SOCKET_SECONDS = 0.05
DEAD_LETTER_SUFFIX = "/$deadletterqueue"


def connection_problem(connection: str, environment: Mapping[str, str]) -> str | None:
    """Why no listener could start with this connection, if so."""
    if _connection_string(connection, environment) or _namespace(connection, environment):
        return None
    return (
        f"Service Bus connection {connection!r} is not set: give {connection} (a connection string)"
        f" or {connection}__fullyQualifiedNamespace (an identity)"
    )


@asynccontextmanager
async def open_receiver(
    queue: str, connection: str, prefetch_count: int, environment: Mapping[str, str]
) -> AsyncIterator[ServiceBusReceiver]:
    """A connected receiver of `queue`, or of its dead-letter queue when the name ends in /$deadletterqueue.

    The SDK does not retry: it would back off for seconds, and the listener reconnects anyway.
    """
    is_dead_letters = queue.lower().endswith(DEAD_LETTER_SUFFIX)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(await _client(connection, environment, stack))
        yield await stack.enter_async_context(
            client.get_queue_receiver(
                queue[: -len(DEAD_LETTER_SUFFIX)] if is_dead_letters else queue,
                sub_queue=ServiceBusSubQueue.DEAD_LETTER if is_dead_letters else None,
                prefetch_count=prefetch_count,
                socket_timeout=SOCKET_SECONDS,
            )
        )


async def _client(connection: str, environment: Mapping[str, str], stack: AsyncExitStack) -> ServiceBusClient:
    text = _connection_string(connection, environment)
    if text:
        return ServiceBusClient.from_connection_string(text, retry_total=0, try_timeout=TRY_SECONDS)
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    client_id = environment.get(f"{connection}__clientId")
    credential: DefaultAzureCredential | ManagedIdentityCredential
    if environment.get(f"{connection}__credential", "").lower() == "managedidentity":
        credential = ManagedIdentityCredential(client_id=client_id)
    else:
        credential = DefaultAzureCredential()
    await stack.enter_async_context(credential)
    namespace = _namespace(connection, environment)
    return ServiceBusClient(namespace, credential, retry_total=0, try_timeout=TRY_SECONDS)


def _connection_string(connection: str, environment: Mapping[str, str]) -> str:
    return environment.get(f"AzureWebJobs{connection}") or environment.get(connection) or ""


def _namespace(connection: str, environment: Mapping[str, str]) -> str:
    name = f"{connection}__fullyQualifiedNamespace"
    return environment.get(f"AzureWebJobs{name}") or environment.get(name) or ""
