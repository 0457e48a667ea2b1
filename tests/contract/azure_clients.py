"""The app's connections to the management API, pointed at the emulator."""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.adapters.azureml_clients import AmlClients
from bridge.adapters.credential import EmulatorCredential, app_credential
from bridge.adapters.pacing import Pace
from bridge.settings.app_settings import Settings


@contextmanager
def aml_clients(settings: Settings, pace: Pace | None = None) -> Iterator[AmlClients]:
    clients = AmlClients(
        subscription_id=settings.subscription_id,
        resource_group=settings.resource_group,
        credential=app_credential("", settings.aml_endpoint),
        pace=pace or Pace(writes_per_second=1000),
        endpoint=settings.aml_endpoint,
    )
    yield clients
    clients.close()


@contextmanager
def clients_at(url: str, read_seconds: int = 30) -> Iterator[AmlClients]:
    """For whatever answers at this address in the place of Azure."""
    clients = AmlClients(
        subscription_id="s",
        resource_group="g",
        credential=EmulatorCredential,
        endpoint=url,
        read_seconds=read_seconds,
        pace=Pace(writes_per_second=1000),
    )
    yield clients
    clients.close()
