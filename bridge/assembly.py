"""Puts the bridge together: settings and files, checked whole, to adapters that load their SDKs on first use."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge import telemetry
from bridge.adapters.azureml import AmlJobs
from bridge.adapters.azureml_clients import AmlClients
from bridge.adapters.azureml_endpoints import AmlDeployments
from bridge.adapters.clock import SystemClock
from bridge.adapters.counting import CountingSender
from bridge.adapters.credential import app_credential
from bridge.adapters.datafactory import AzureDataFactories
from bridge.adapters.entra import EntraAuthenticator
from bridge.adapters.eventgrid import EventGridTopics
from bridge.adapters.files.pipelines_file import load_catalogue
from bridge.adapters.files.rules_file import Surroundings, load_rules
from bridge.adapters.pacing import Pace
from bridge.adapters.queue_depths import READ_SECONDS, ArmQueueDepths
from bridge.adapters.service_callers import ServiceAuthenticator
from bridge.adapters.servicebus import ServiceBusQueues
from bridge.adapters.snowflake import SnowflakeLedger
from bridge.adapters.webhooks import Webhooks
from bridge.domain.callers import KeyAuthenticator
from bridge.domain.errors import ConfigurationError
from bridge.domain.links import snowsight_queries
from bridge.domain.pipelines import Catalogue
from bridge.domain.places import Places
from bridge.domain.queues import Queue
from bridge.domain.retry import RetryPolicy
from bridge.domain.rules import Rules
from bridge.domain.signals import Telemetry
from bridge.ports import Authenticator, Bridge, DashboardOptions, MessageSender, Outbound, Reactions
from bridge.settings.app_settings import Settings
from bridge.settings.auth_mode import AuthMode

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

#: Of App Service's own authentication, by Entra.
PLATFORM_SIGN_IN = "/.auth/login/aad"


def build(environ: Mapping[str, str]) -> Bridge:
    """Raises: ConfigurationError with the problems of the settings, or else with those of both files."""
    settings = Settings.from_environ(environ)
    catalogue, rules = _files(settings)
    _warn_of_roles(settings, catalogue)
    credential = app_credential(aml_endpoint=settings.aml_endpoint, **settings.identity.credential_arguments())
    told = telemetry.telemetry()
    clients = AmlClients(
        subscription_id=settings.subscription_id,
        resource_group=settings.resource_group,
        credential=credential,
        pace=Pace(writes_per_second=settings.aml_writes_per_second, instances=settings.execute_max_instances),
        endpoint=settings.aml_endpoint,
        read_seconds=settings.aml_timeout_seconds,
        telemetry=told,
    )
    return Bridge(
        name=settings.bridge_name,
        workspace=settings.workspace,
        workspaces=settings.allowed_workspaces,
        workspace_ids=frozenset(_workspace_id(settings, name).lower() for name in settings.allowed_workspaces),
        catalogue=catalogue,
        jobs=AmlJobs(clients),
        sender=_sender(settings, catalogue, credential, told),
        ledger=SnowflakeLedger(settings.snowflake.connection_arguments(), told),
        outbound=_outbound(settings, credential, told),
        reactions=_reactions(settings, rules, clients, told),
        authenticator=_authenticator(settings),
        clock=SystemClock(),
        retry=RetryPolicy(tries=settings.retry_tries),
        places=Places(instances=settings.execute_max_instances),
        record_window=timedelta(seconds=settings.record_window_seconds),
        sweep_days=settings.sweep_days,
        record_all_events=settings.record_all_events,
        queue_depths=_queue_depths(settings, clients),
        telemetry=told,
        dashboard=_dashboard(settings),
    )


def _dashboard(settings: Settings) -> DashboardOptions:
    trusts_platform = settings.entra is not None and settings.entra.trust_platform_headers
    return DashboardOptions(
        has_actions=settings.dashboard_actions,
        queries_url=snowsight_queries(settings.snowflake.account),
        sign_in_path=PLATFORM_SIGN_IN if trusts_platform else None,
    )


def _queue_depths(settings: Settings, clients: AmlClients) -> ArmQueueDepths | None:
    if not settings.service_bus_resource_id:
        return None
    return ArmQueueDepths(
        clients.arm_of("Service Bus", READ_SECONDS),
        namespace_id=settings.service_bus_resource_id,
        names=settings.queues,
    )


def _sender(
    settings: Settings, catalogue: Catalogue, credential: "Callable[[], TokenCredential]", told: Telemetry
) -> MessageSender:
    queues = ServiceBusQueues(
        connection_string=settings.service_bus.reveal(),
        namespace=settings.service_bus_namespace,
        credential=credential,
        names=settings.queues,
        telemetry=told,
    )
    return CountingSender(queues, told, catalogue) if told.is_on else queues


def _authenticator(settings: Settings) -> Authenticator:
    if settings.auth_mode is AuthMode.SERVICE:
        return ServiceAuthenticator()
    entra = settings.entra
    if entra is None:
        return KeyAuthenticator()
    return EntraAuthenticator(
        tenant_id=entra.tenant_id,
        audiences=entra.audiences,
        client_ids=entra.client_ids,
        app_roles=entra.app_roles,
        snowflake_client_ids=entra.snowflake_client_ids,
        trust_platform_headers=entra.trust_platform_headers,
        authority=entra.authority,
    )


def _reactions(settings: Settings, rules: Rules, clients: AmlClients, told: Telemetry) -> Reactions:
    return Reactions(
        rules=rules,
        deployments=AmlDeployments(clients),
        notifier=Webhooks(settings.channels, told),
        factories=AzureDataFactories(
            clients.arm_of("Data Factory"),
            subscription_id=settings.subscription_id,
            resource_group=settings.resource_group,
        ),
        events_topic=settings.events_topic or None,
    )


def _outbound(settings: Settings, credential: "Callable[[], TokenCredential]", told: Telemetry) -> Outbound:
    default = settings.default_topic
    keys = {
        settings.topics[default] if default else "": settings.topic_key.reveal(),
        settings.events_topic: settings.events_topic_key.reveal(),
    }
    return Outbound(
        publisher=EventGridTopics(
            keys={topic: key for topic, key in keys.items() if topic and key}, credential=credential, telemetry=told
        ),
        topics=settings.topics,
        default_topic=default,
        queues=settings.allowed_queues,
        requests_queue=settings.queues[Queue.RUN_COMMANDS],
    )


def _files(settings: Settings) -> tuple[Catalogue, Rules]:
    """Both files, or the problems of both."""
    problems: list[str] = []
    catalogue = loaded = None
    try:
        catalogue = load_catalogue(settings.pipelines_file, workspaces=settings.allowed_workspaces)
    except ConfigurationError as error:
        problems += error.problems
    try:
        loaded = load_rules(settings.rules_file, surroundings(settings, catalogue))
    except ConfigurationError as error:
        problems += error.problems
    if problems or catalogue is None or loaded is None:
        raise ConfigurationError(problems)
    for warning in loaded.warnings:
        logging.getLogger(__name__).warning("%s", warning)
    return catalogue, loaded.rules


def _warn_of_roles(settings: Settings, catalogue: Catalogue) -> None:
    """A pipeline that allows roles which no caller of this app can have is no mistake of the file, but of the two."""
    if settings.auth_mode is AuthMode.SERVICE or (settings.entra and settings.entra.snowflake_client_ids):
        return
    found = [pipeline for name in catalogue.names() if (pipeline := catalogue.find(name))]
    named = [pipeline.name for pipeline in found if pipeline.allow and pipeline.allow.roles]
    if named:
        logging.getLogger(__name__).warning(
            "allow.roles of %s counts for nobody: Snowflake's roles need AUTH_MODE=entra and SNOWFLAKE_CLIENT_IDS, or"
            " AUTH_MODE=service in a container",
            ", ".join(named),
        )


def surroundings(settings: Settings, catalogue: Catalogue | None) -> Surroundings:
    """What rules may refer to."""
    return Surroundings(
        catalogue=catalogue,
        channels=frozenset(settings.channels),
        topics=frozenset(settings.topics),
        has_default_topic=settings.default_topic is not None,
    )


def _workspace_id(settings: Settings, workspace: str) -> str:
    return (
        f"/subscriptions/{settings.subscription_id}/resourceGroups/{settings.resource_group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
    )
