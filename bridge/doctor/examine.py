"""The examination of one deployment: which checks there are, in which order, and what they look at."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bridge.doctor.app_checks import check_app
from bridge.doctor.azure import Azure
from bridge.doctor.clock_checks import check_clock
from bridge.doctor.clocks import Clocks
from bridge.doctor.deployed_app import REFERENCE, DeployedApp
from bridge.doctor.event_checks import check_events
from bridge.doctor.examination import SECONDS, Examination, Group
from bridge.doctor.file_checks import check_files
from bridge.doctor.identity_checks import check_identity
from bridge.doctor.mends import Mends
from bridge.doctor.pipeline_checks import check_pipelines
from bridge.doctor.queue_checks import check_queue_settings, check_queues
from bridge.doctor.role_checks import check_roles
from bridge.doctor.setting_checks import check_settings
from bridge.doctor.snowflake_checks import check_snowflake
from bridge.doctor.subject import AppAddress, Now, Subject, setting_of, utc_now
from bridge.doctor.workspace_checks import check_workspaces
from bridge.domain.masking import hide
from bridge.settings.app_settings import Settings
from bridge.settings.reader import host_of
from bridge.settings.secrets import secret_values

AZURE_ML = ("AML_SUBSCRIPTION_ID", "AML_RESOURCE_GROUP", "AML_WORKSPACE", "AML_ENDPOINT")
SERVICE_BUS = ("ServiceBusConnection", "RUN_", "INBOUND_EVENTS_QUEUE", "SERVICE_BUS_RESOURCE_ID")
#: In the order in which they are told; each stands behind those that it waits for.
GROUPS = (
    Group(name="settings", check=check_settings),
    Group(name="files", check=check_files, after=("settings",)),
    Group(name="identity", check=check_identity, settings=("AML_ENDPOINT",)),
    Group(name="workspace", check=check_workspaces, needs=("identity",), settings=AZURE_ML),
    Group(
        name="pipelines", check=check_pipelines, needs=("identity",), after=("files", "workspace"), settings=AZURE_ML
    ),
    Group(name="roles", check=check_roles, needs=("identity",), after=("files", "workspace"), settings=AZURE_ML),
    Group(name="queues", check=check_queues, after=("identity",), settings=SERVICE_BUS),
    Group(
        name="queue settings",
        check=check_queue_settings,
        needs=("identity",),
        after=("queues",),
        settings=("AML_SUBSCRIPTION_ID", *SERVICE_BUS),
    ),
    Group(name="events", check=check_events, needs=("identity", "workspace"), settings=(*AZURE_ML, *SERVICE_BUS)),
    Group(name="snowflake", check=check_snowflake, settings=("SNOWFLAKE_",)),
    Group(name="app", check=check_app, settings=("ENTRA_",)),
    Group(name="clock", check=check_clock, after=("workspace", "snowflake")),
)


def examine(
    environ: Mapping[str, str],
    *,
    app: AppAddress | None = None,
    deployed: DeployedApp | None = None,
    settings_file: Path | None = None,
    is_local: bool = False,
    principal_id: str = "",
    now: Now = utc_now,
    seconds: float = SECONDS,
) -> Examination:
    """Nothing is asked before its findings are; `environ` are the app's settings, from wherever they were read.

    Of a deployed app its own settings count, and its own address and identity where no others are given.
    """
    app = app or AppAddress()
    if deployed is not None:
        environ, principal_id = _with_own_files(deployed.settings), principal_id or deployed.principal_id
        app = app if app.url else replace(app, url=deployed.url)
    hide([*secret_values(environ), app.key, app.token])
    settings, told = Settings.with_problems(environ)
    references = frozenset(name for name, value in environ.items() if value.strip().startswith(REFERENCE))
    problems = tuple(problem for problem in told if setting_of(problem) not in references)
    clocks = Clocks(now)
    mends = Mends(
        is_local=is_local,
        settings_file=settings_file,
        app=deployed.name if deployed else os.environ.get("WEBSITE_SITE_NAME", "") or _app_name(app.url),
        app_group=deployed.group if deployed else os.environ.get("WEBSITE_RESOURCE_GROUP", ""),
    )
    subject = Subject(
        environ=environ,
        settings=settings,
        problems=problems,
        references=references,
        mends=mends,
        azure=Azure(settings, clocks),
        clocks=clocks,
        app=app,
        principal_id=principal_id,
        is_elsewhere=deployed is not None,
    )
    return Examination(subject, GROUPS, seconds)


def _with_own_files(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Paths of the app's machine say nothing here: its files are looked at as this checkout has them."""
    files = {name: Path(settings[name]).name for name in ("PIPELINES_FILE", "RULES_FILE") if settings.get(name)}
    return {**settings, **files}


def _app_name(url: str) -> str:
    """A function app's first address begins with its name."""
    name, _, domain = host_of(url).partition(".")
    return name if domain.startswith("azurewebsites.") else ""
