"""The app's connections to the management API, pointed at the emulator."""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.adapters.azureml_clients import AmlClients
from bridge.adapters.credential import app_credential
from bridge.settings import Settings


@contextmanager
def aml_clients(settings: Settings) -> Iterator[AmlClients]:
    clients = AmlClients(
        subscription_id=settings.subscription_id,
        resource_group=settings.resource_group,
        credential=app_credential("", settings.aml_endpoint),
        endpoint=settings.aml_endpoint,
    )
    yield clients
    clients.close()
