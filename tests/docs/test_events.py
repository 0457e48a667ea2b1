"""docs/events.md is what the code does: its rules load, its outputs and bodies are made anew and compared."""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from bridge.adapters.files.pipelines_file import load_catalogue
from bridge.adapters.files.rules_actions import ACTIONS
from bridge.adapters.files.rules_conditions import ConditionEntry
from bridge.adapters.files.rules_model import RuleEntry
from bridge.adapters.memory import MemoryTopics
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.memory_reactions import MemoryDeployments, MemoryNotifier
from bridge.adapters.snowflake import STATEMENTS
from bridge.adapters.webhooks import Webhooks
from bridge.cli import rule_commands
from bridge.cli.program import main
from bridge.domain import event_kinds
from bridge.domain.actions import Notify
from bridge.domain.channels import ChannelKind
from bridge.domain.event_fields import ROOTS
from bridge.domain.jobs import JobDetails
from bridge.domain.records import AmlEvent, Records
from bridge.domain.rules import CHAIN_LIMIT, DeployAction
from bridge.domain.verdicts import Reason
from bridge.payloads import lossless
from bridge.payloads.notifications import webhook_body
from bridge.payloads.outgoing import write_event
from bridge.payloads.records import row
from bridge.ports import Bridge
from bridge.services import bridge_events, deploy_model
from bridge.settings.channels import read_channels
from bridge.settings.reader import Reader
from tests.docs.rule_chain import BREACH, EXAMPLES, Chains, RuleChain, published, rules_of, sample
from tests.docs.test_readme import blocks, is_answer, names, section, statements, table
from tests.emulators.snowflake_service import SnowflakeService, rows
from tests.sql.ledger_scripts import schema
from tests.webhook_receiver import webhook_receiver

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "events.md"
FILES = ["--file", str(EXAMPLES / "rules.yaml"), "--pipelines", str(EXAMPLES / "pipelines.yaml")]
CHANNEL = {
    "NOTIFY_ML_TEAM_URL": "https://hooks.test/ml-team",
    "NOTIFY_ML_TEAM_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}
TOPIC = "https://events.test/api/events"
#: Blocks that other tests look at, see test_events_azure.py.
OF_AZURE = {"sh", "bicep"}


def text_of(title: str) -> str:
    return section(DOCUMENT, title)


def rows_of(title: str, head: str) -> dict[str, list[str]]:
    """The rows of the table with this head, by what stands in their first cells' backticks."""
    text = text_of(title)
    lines = text[text.index(head) :].partition("\n\n")[0]
    return {name: cells for cells in table(lines) for name in names(cells[0]) or [cells[0]]}


@pytest.fixture
def notifier() -> MemoryNotifier:
    return MemoryNotifier({"ml-team"})


@pytest.fixture
def chains(bridge: Bridge, deployments: MemoryDeployments, notifier: MemoryNotifier) -> Chains:
    rules = rules_of((EXAMPLES / "rules.yaml").read_text(encoding="utf-8")).rules
    reactions = replace(bridge.reactions, rules=rules, events_topic=TOPIC, notifier=notifier)
    catalogue = load_catalogue(EXAMPLES / "pipelines.yaml", workspaces=None)
    return Chains(replace(bridge, reactions=reactions, catalogue=catalogue), deployments)


@pytest.fixture
def chain(chains: Chains) -> RuleChain:
    return chains.run()


@pytest.fixture
def failed(chains: Chains) -> RuleChain:
    return chains.run({"churn-training": JobDetails(error_code="UserError", error_message="no rows for 2026-11-20")})


# The text


def test_every_block_is_of_a_language_that_is_checked() -> None:
    assert {block.language for block in blocks(DOCUMENT)} == {"yaml", "sql", "json", "python", "text", *OF_AZURE}


# rules.yaml


@pytest.mark.parametrize("block", blocks(DOCUMENT, "yaml"), ids=str)
def test_yaml_is_a_rules_file_without_problems_or_warnings(block: Any) -> None:
    loaded = rules_of(block.text)

    assert loaded.rules.all
    assert loaded.warnings == ()


def test_the_rules_shown_are_those_of_the_example() -> None:
    (block,) = blocks(DOCUMENT, "yaml")

    assert block.text == (EXAMPLES / "rules.yaml").read_text(encoding="utf-8").rstrip("\n")


def test_there_is_an_example_of_every_action() -> None:
    (block,) = blocks(DOCUMENT, "yaml")

    assert {rule.action.kind for rule in rules_of(block.text).rules.all} == set(ACTIONS)


def test_the_keys_of_a_rule_are_all_there() -> None:
    assert set(rows_of("rules.yaml", "| key | what |")) >= set(RuleEntry.model_fields)


def test_the_kinds_of_events_are_all_there_with_their_keys() -> None:
    shown = rows_of("rules.yaml", "| `on` | comes |")

    assert set(event_kinds.NAMES) <= set(shown)
    for name, kind in event_kinds.NAMES.items():
        type_ = "Microsoft.MachineLearningServices.RunStatusChanged" if name == "ModelMonitorBreached" else kind
        event = AmlEvent(id="e", event_type=type_, subject="", data={}, topic="", door="workspace")
        assert tuple(names(shown[name][2])) == event_kinds.key_paths(event), name


def test_the_operators_are_all_there() -> None:
    shown = set(rows_of("rules.yaml", "| operator | holds"))

    assert shown - {"a plain value"} == {field.alias or name for name, field in ConditionEntry.model_fields.items()}


def test_the_fields_of_the_actions_are_all_there_with_their_defaults() -> None:
    shown = rows_of("rules.yaml", "| action | fields")

    assert set(shown) == set(ACTIONS)
    for action, entry in ACTIONS.items():
        assert set(names(shown[action][1])) >= set(entry.model_fields), action
    for name in ("instance_type", "instance_count", "traffic"):
        assert f"`{name}` (`{getattr(DeployAction, name)}`)" in shown["deploy"][1]


# What may be referenced


def test_the_paths_are_all_there() -> None:
    shown = rows_of("What may be referenced", "| path | is |")

    assert {name.partition(".")[0] for name in shown} == set(ROOTS)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("RunStatusChanged", "run_status_changed.event_grid.camel.json"),
        ("ModelMonitorBreached", BREACH),
        ("RunCompleted", "run_completed.event_grid.pascal.json"),
        ("ModelRegistered", "model_registered.cloud_event.pascal.json"),
        ("ModelDeployed", "model_deployed.event_grid.pascal.json"),
        ("DatasetDriftDetected", "dataset_drift_detected.event_grid.pascal.json"),
    ],
)
def test_the_fields_of_azure_mls_events_are_those_of_the_samples(name: str, file: str) -> None:
    shown = rows_of("What may be referenced", "| event | fields")
    fields = shown["RunStatusChanged"][1].replace("`runStatus`, ", "") if name == "RunCompleted" else shown[name][1]

    found = {key.lower() for key in sample(file).data}

    assert found <= {key.lower() for key in names(fields)}
    if not name.startswith("Run") and name != "ModelMonitorBreached":  # a run's are optional
        assert found == {key.lower() for key in names(fields)}


def test_the_fields_of_the_end_of_a_run_are_those_it_has(chain: RuleChain, failed: RuleChain) -> None:
    ended = [event for event in (*chain.seen, *failed.seen) if event.event_type == bridge_events.RUN_ENDED]
    always, sometimes = rows_of("What may be referenced", "| event | fields")["Bridge.RunEnded"][1].split("where known")

    statuses = {*bridge_events.ENDS}
    assert set(names(always)) - statuses == {
        "run_id",
        "status",
        "attempt",
        "has_job",
        "tags",
        "correlation_id",
        "rule_chain",
    }
    assert all(set(names(always)) - statuses <= set(event.data) for event in ended)
    assert set().union(*(event.data for event in ended)) | {"outputs"} == set(names(always + sometimes)) - statuses


def test_the_fields_of_the_end_of_a_deployment_are_those_it_has(chain: RuleChain) -> None:
    (event,) = [event for event in chain.seen if event.event_type == bridge_events.DEPLOYMENT_ENDED]
    shown = names(rows_of("What may be referenced", "| event | fields")["Bridge.DeploymentEnded"][1])

    assert set(event.data) == set(shown) - {"SUCCEEDED", "FAILED", "error_message"}


# Guards and deployments


def test_the_reasons_are_all_there() -> None:
    shown = set(names(text_of("Guards")))

    assert {str(reason) for reason in Reason} - {"other_event", "repeated"} <= shown
    assert f"none acts after {CHAIN_LIMIT}." in text_of("Guards")


def test_the_looks_at_a_deployment_are_those_of_the_code() -> None:
    *first, last = deploy_model.LOOKS
    hours = int(deploy_model.LAST_AFTER.total_seconds() // 3600)

    assert f"Looks after {', '.join(map(str, first))} and {last} minutes, then every 30" in text_of("Deployments")
    assert f"after {hours} hours `{deploy_model.TIMED_OUT}`" in text_of("Deployments")
    assert {deploy_model.UNHEALTHY, deploy_model.CONFLICT} <= set(names(text_of("Deployments")))


# What it shows of a chain


@pytest.fixture
def recorded(chain: RuleChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local.settings.json, and a ledger that has the chain's events."""
    ledger = MemoryLedger()
    ledger.write(Records(aml_events=chain.records.aml_events))
    monkeypatch.setattr(rule_commands, "ledger", lambda _: nullcontext(ledger))
    document = json.loads((ROOT / "local.settings.example.json").read_text())
    document["Values"] |= {**CHANNEL, "EVENT_GRID_TOPIC_ENDPOINT": "https://main.eventgrid.azure.net/api/events"}
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps(document))
    return path


def test_the_commands_answer_as_shown(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    title = "Before it is deployed"
    (shell,) = [block.text for block in blocks(DOCUMENT, "sh") if "bridge rules" in block.text]
    (shown,) = [block.text for block in blocks(DOCUMENT, "text") if block.text.startswith("> check")]
    assert shell in text_of(title)
    answers = re.split(r"^> .*\n", shown, flags=re.MULTILINE)[1:]

    for command, answer in zip(shell.replace("\\\n", " ").splitlines(), answers, strict=True):
        words = [str(ROOT / word) if (ROOT / word).is_file() else word for word in shlex.split(command)[3:]]
        words = [str(recorded) if word == "local.settings.json" else word for word in words]
        assert main(words) == 0
        assert capsys.readouterr().out.partition("\n\nWhether an occasion")[0].rstrip("\n") == answer.rstrip("\n")


def test_everything_that_the_rules_start_is_done(chain: RuleChain) -> None:
    settled = {(action.rule, action.status) for action in chain.records.rule_actions if action.status != "NOT_FIRED"}
    done = ("deploy-production-models", "announce-deployments", "copy-scores")

    assert settled == {
        ("retrain-on-breach", "FIRED"), ("score-after-training", "FIRED"),
        *((rule, status) for rule in done for status in ("FIRED", "DONE")),
    }  # fmt: skip
    assert chain.records.dead_letters == ()


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


def test_sql_answers_as_shown(chain: RuleChain, service: SnowflakeService) -> None:
    ledger = schema(service, "EVENTS_MD")
    for name in ("run_events", "aml_events", "rule_actions"):
        found = [row(record) for record in getattr(chain.records, name)]
        rows(ledger, STATEMENTS[f"insert_{name}"], [lossless.dumps(found)])
    timeline, decisions = (statements(block.text) for block in blocks(DOCUMENT, "sql"))
    ((question, _),), ((other, answer),) = timeline, decisions

    (shown,) = [block.text for block in blocks(DOCUMENT, "text") if block.text.startswith("event |")]

    found_rows = [" | ".join(cell or "" for cell in found).strip() for found in rows(ledger, question)]
    assert found_rows == shown.splitlines()
    assert answer is not None
    assert is_answer(answer, rows(ledger, other)[0])


# Bridge events out


def test_the_cloud_event_is_what_the_code_makes(failed: RuleChain) -> None:
    (shown,) = [json.loads(block.text) for block in blocks(DOCUMENT, "json") if '"specversion"' in block.text]
    topics = failed.bridge.outbound.publisher
    assert isinstance(topics, MemoryTopics)

    assert json.loads(json.dumps(write_event(published(topics, TOPIC, "Bridge.RunFailed")))) == shown


def test_the_types_of_bridge_events_are_all_there(chain: RuleChain) -> None:
    shown = rows_of("Bridge events out", "| type | subject |")
    topics = chain.bridge.outbound.publisher
    assert isinstance(topics, MemoryTopics)

    assert set(shown) == {bridge_events.RUN_ACCEPTED, bridge_events.RULE_FIRED, *bridge_events.ENDS.values()}
    for kind in (bridge_events.RUN_ACCEPTED, bridge_events.RULE_FIRED):
        event = published(topics, TOPIC, kind)
        assert set(event.data) == set(names(shown[kind][2]))
        assert event.subject.partition("/")[0] == names(shown[kind][1])[0].partition("/")[0]


# Notifications


@pytest.fixture
def notification(failed: RuleChain, notifier: MemoryNotifier) -> Notify:
    assert failed.records.rule_actions
    (sent,) = notifier.sent
    return sent


def test_the_webhooks_body_is_what_the_code_makes(notification: Notify) -> None:
    (shown,) = [json.loads(block.text) for block in blocks(DOCUMENT, "json") if "Bridge.Notification" in block.text]
    made = json.loads(webhook_body(notification, datetime.now(UTC)))

    of_event = shown["data"]["event"].pop("data")
    assert of_event.pop("…") == "…"
    assert of_event.items() <= made["data"]["event"].pop("data").items()
    assert made == shown


def test_a_receiver_checks_the_signature_as_shown(notification: Notify) -> None:
    (check,) = [block.text for block in blocks(DOCUMENT, "python") if "standardwebhooks" in block.text]
    with webhook_receiver() as receiver:
        channels = read_channels(Reader({**CHANNEL, "NOTIFY_ML_TEAM_URL": receiver.url}))
        Webhooks(channels).send(notification, at=datetime.now(UTC))
        (call,) = receiver.received

    seen = {"secret": CHANNEL["NOTIFY_ML_TEAM_SECRET"], "body": call.body, "headers": call.headers}
    exec(check, seen)  # noqa: S102 - of our own document
    assert seen["notification"] == call.document
    assert call.headers["webhook-id"] == notification.occasion.action_id
    with pytest.raises(WebhookVerificationError):
        exec(check, {**seen, "body": call.body.replace("FAILED", "COMPLETED")})  # noqa: S102


def test_the_settings_of_a_channel_are_all_there() -> None:
    shown = rows_of("Notifications", "| setting | what |")
    reader = Reader({**CHANNEL, "NOTIFY_ML_TEAM_KIND": "webhook"})

    assert set(read_channels(reader)) == {"ml-team"}
    assert reader.problems == []
    assert {name for name in shown if name.startswith("NOTIFY_")} == set(reader.environ)
    assert {str(kind) for kind in ChannelKind} <= set(names(shown["NOTIFY_ML_TEAM_KIND"][1]))
