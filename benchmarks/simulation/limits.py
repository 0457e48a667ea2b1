"""What Azure and Snowflake document of their limits, each with its source: the only numbers here that are not ours."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bucket:
    """So many calls at once, and so many more each second."""

    size: int
    refill: int


# Source: learn.microsoft.com, "Understand how Azure Resource Manager throttles requests": per subscription, principal,
# kind of operation and region. What the provider of Azure ML itself takes is not published.
ARM_WRITES = Bucket(size=200, refill=10)
ARM_READS = Bucket(size=250, refill=25)
#: Of all principals of a subscription together, as a multiple of one. The same page.
ARM_SUBSCRIPTION_FACTOR = 15

# Source: learn.microsoft.com, "Throttling operations on Azure Service Bus": a message sent or received is 1 credit. A
# management call would be 10; the bridge makes none.
SERVICE_BUS_CREDITS = 1000
#: Bytes a second, in and out, of one messaging unit of Premium. Not a limit: what Microsoft saw in a benchmark without
#: scheduled messages, which the bridge uses. Source: "Best practices for performance improvements using Service Bus".
MESSAGING_UNIT_BYTES = 4_000_000
#: Source: "Service Bus Premium and Standard messaging tiers".
MESSAGING_UNITS_PER_NAMESPACE = 16

# Source: learn.microsoft.com, "Azure Event Grid quotas and limits": events a second of a custom or partner topic. For
# system topics, such as a workspace's, none is named; this is taken for them too.
EVENT_GRID_EVENTS = 5000

# Source: learn.microsoft.com, "Manage and increase quotas and limits for resources with Azure Machine Learning".
RUNS_PER_WORKSPACE = 10_000_000

# Source: docs.snowflake.com, "Understanding compute cost": by the second, at least so many each time it starts.
WAREHOUSE_LEAST_SECONDS = 60
#: Of an X-Small warehouse, and of each cluster of it.
CREDITS_AN_HOUR = 1
# Source: docs.snowflake.com, "Limiting concurrently running queries": the default of MAX_CONCURRENCY_LEVEL.
STATEMENTS_AT_ONCE = 8
#: Error 000625: more statements than this wait for one table's lock. INSERT mostly takes none, but reports of the error
#: for INSERTs exist: a line to stay under. Source: docs.snowflake.com, "Transactions".
LOCK_WAITERS = 20
