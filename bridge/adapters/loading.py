"""Loads what several SDKs share, in one thread.

Modules of azure.core import one another in a circle: of two threads that come into it from two sides, one for the
queues and one for Azure ML, the second finds half of it and fails.
"""

from importlib import import_module

SHARED = ("azure.core.exceptions", "azure.core.pipeline.policies", "azure.core.rest", "azure.servicebus", "requests")
#: What azure-ai-ml has in common with azure-identity: jwt loads cryptography.
OF_SUBMISSIONS = ("jwt",)


def load_shared(*, for_submissions: bool) -> None:
    """All that the queues need, and what azure-ai-ml shares with the other SDKs."""
    for name in (*SHARED, *(OF_SUBMISSIONS if for_submissions else ())):
        import_module(name)
