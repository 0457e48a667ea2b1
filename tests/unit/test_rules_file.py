"""rules.yaml as a whole: what a good one becomes, and every problem of a bad one."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.adapters.files.pipelines_file import load_catalogue
from bridge.adapters.files.rules_file import Surroundings, load_rules, parse_rules
from bridge.domain.errors import ConfigurationError
from bridge.domain.rules import (
    Condition,
    DataFactoryAction,
    DeployAction,
    NotifyAction,
    PublishAction,
    Rule,
    SubmitAction,
)
from tests.unit.rule_files import NO_REFERENCE, NOTIFY, ROOTS, UNKNOWN, found, parsed, rule

ROOT = Path(__file__).parents[2]
MACHINE_LEARNING = "microsoft.machinelearningservices."
GOOD = """\
version: 1
rules:
  retrain:
    description: Train anew.
    on: [ModelMonitorBreached, datasetdriftdetected, Contoso.Drift]
    where:
      data.DriftCoefficient: {min: 0.30, below: 1}
      tags.stage: prod
      subject: [a, 5]
      data.x: {not_in: [true], prefix: p, suffix: s, contains: c, max: 9, above: -1, exists: true}
    key: [data.experimentName]
    do: {submit: {pipeline: training, inputs: {as_of: "${date}", rows: 5, note: "$$${data.x}"}}}
    cool_down: 1d
    dry_run: true
  deploy:
    on: Microsoft.MachineLearningServices.ModelRegistered
    do: {deploy: {endpoint: churn-online, environment: "azureml:env:2", instance_count: 2, traffic: 10}}
  tell:
    on: Bridge.RunEnded
    where: {data.status: FAILED}
    do: {notify: {channel: ml-team, title: "${data.pipeline}", text: failed}}
  publish:
    on: ModelDeployed
    do:
      publish: {topic: events, type: Contoso.Deployed, subject: "${subject}", data: {names: ["${data.ModelIds}", 1.5]}}
  factory:
    on: Bridge.DeploymentEnded
    do:
      run_data_factory:
        factory: my-factory
        pipeline: copy scores
        parameters: {model: "${data.model_name}"}
        subscription_id: 11111111-1111-1111-1111-111111111111
        resource_group: rg-data
        key_parameter: key
"""


GOOD_RULES = [
    Rule(
        name="retrain",
        description="Train anew.",
        on=frozenset({"modelmonitorbreached", f"{MACHINE_LEARNING}datasetdriftdetected", "contoso.drift"}),
        where=(
            Condition(path="data.DriftCoefficient", minimum=Decimal("0.30"), below=Decimal(1)),
            Condition(path="tags.stage", equals="prod"),
            Condition(path="subject", one_of=("a", 5)),
            Condition(
                path="data.x",
                none_of=(True,),
                prefix="p",
                suffix="s",
                contains="c",
                maximum=Decimal(9),
                above=Decimal(-1),
                exists=True,
            ),
        ),
        key=("data.experimentName",),
        action=SubmitAction(pipeline="training", inputs={"as_of": "${date}", "rows": 5, "note": "$$${data.x}"}),
        cool_down=timedelta(days=1),
        dry_run=True,
    ),
    Rule(
        name="deploy",
        on=frozenset({f"{MACHINE_LEARNING}modelregistered"}),
        action=DeployAction(endpoint="churn-online", environment="azureml:env:2", instance_count=2, traffic=10),
    ),
    Rule(
        name="tell",
        on=frozenset({"bridge.runended"}),
        where=(Condition(path="data.status", equals="FAILED"),),
        action=NotifyAction(channel="ml-team", title="${data.pipeline}", text="failed"),
    ),
    Rule(
        name="publish",
        on=frozenset({f"{MACHINE_LEARNING}modeldeployed"}),
        action=PublishAction(
            topic="events",
            event_type="Contoso.Deployed",
            subject="${subject}",
            data={"names": ["${data.ModelIds}", Decimal("1.5")]},
        ),
    ),
    Rule(
        name="factory",
        on=frozenset({"bridge.deploymentended"}),
        action=DataFactoryAction(
            factory="my-factory",
            pipeline="copy scores",
            parameters={"model": "${data.model_name}"},
            subscription_id="11111111-1111-1111-1111-111111111111",
            resource_group="rg-data",
            key_parameter="key",
        ),
    ),
]


def test_a_file_becomes_the_rules_in_its_order() -> None:
    loaded = parsed(GOOD)

    assert loaded.warnings == ()
    assert list(loaded.rules.all) == GOOD_RULES


@pytest.mark.parametrize("none", ["{}", "[]"])
def test_a_file_may_have_no_rules(none: str) -> None:
    assert parsed(f"version: 1\nrules: {none}\n").rules.all == ()


def test_ten_different_mistakes_are_told_at_once_each_with_its_line_and_fix() -> None:
    text = """\
version: 1
rules:
  retrain:
    on: [ModelMonitorBreeched]
    wher: {tags.stage: prod}
    do:
      submit:
        pipeline: trainin
        inputs: {as_of: "${date}"}
    cool_down: 1 day
  score:
    on: ModelRegistered
    where:
      dta.ModelName: churn
      data.accuracy: {min: 0.9, max: 0.5}
    do:
      submit:
        pipeline: closed
    cool_down: 1h
  tell:
    on: Bridge.RunEnded
    do:
      notify: {channel: ops, text: "costs $5"}
      publish: {type: Contoso.Ended, topic: events}
"""

    assert found(text) == [
        (
            '4: rules.retrain.on[0]: there is no kind of event "ModelMonitorBreeched": did '
            "you mean ModelMonitorBreached?"
        ),
        "5: rules.retrain.wher: is not a key here: did you mean where?",
        '8: rules.retrain.do.submit.pipeline: there is no pipeline "trainin": did you mean training?',
        (
            '10: rules.retrain.cool_down: is "1 day": write days, hours, minutes such as 2d, '
            '6h, 1h30m, or ISO 8601, "PT6H"'
        ),
        '14: rules.score.where.dta.ModelName: begins with "dta": ' + ROOTS,
        "15: rules.score.where.data.accuracy.min: is 0.9, which leaves no number with max, 0.5: swap them",
        '18: rules.score.do.submit.pipeline: closed does not let this rule run it: add "rule:score" to its '
        "allow.principals in pipelines.yaml",
        "22: rules.tell.do: has notify and publish: keep one, and make a rule for each of the others",
        "23: rules.tell.do.notify.text: " + NO_REFERENCE,
        (
            '23: rules.tell.do.notify.channel: there is no channel "ops": set '
            "NOTIFY_OPS_URL, or use one of ml-team, pager"
        ),
    ]


def test_a_rule_says_when_and_what() -> None:
    assert found("version: 1\nrules:\n  r: {}\n") == [
        (
            "3: rules.r.on: is missing: add it (Kinds of events: one of the bridge's names, "
            "or the full type of an event.)"
        ),
        "3: rules.r.do: is missing: add it (Exactly one action.)",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: is empty: begin with version: 1 and rules: {}"),
        ("version: 1\n", "1: rules: is missing: add it (By name; none is {}.)"),
        ("version: 2\nrules: {}\n", "1: version: is 2: this version of the bridge reads 1"),
        ("version: 1\nrules: {}\nrule: {}\n", "3: rule: is not a key here: did you mean rules?"),
        (
            "version: 1\nrules:\n  - on: ModelDeployed\n",
            "2: rules: is a list: give each rule its name, as in retrain-on-drift: with its keys below",
        ),
        (
            rule("ModelDeployed", NOTIFY).replace("  r:", "  R:"),
            ('3: rules.R: "R" is not a name: use lower-case letters, digits and hyphens, at most 63, a letter first'),
        ),
        ("version: 1\nrules: {r: 5}\n", "2: rules.r: is 5: give keys with values"),
    ],
)
def test_a_file_that_has_no_rules_to_read_is_refused(text: str, problem: str) -> None:
    assert found(text) == [problem]


def test_there_are_at_most_200_rules() -> None:
    many = "".join(f"  r{n}: {{on: ModelDeployed, do: {NOTIFY}}}\n" for n in range(201))

    assert found(f"version: 1\nrules:\n{many}") == ["2: rules: has more than 200 entries: remove some"]


def test_what_is_not_known_of_the_surroundings_is_not_checked() -> None:
    text = rule("ModelRegistered", "{submit: {pipeline: nowhere, inputs: {x: 1}}}", "cool_down: 1d")

    assert parsed(text, UNKNOWN).rules.all
    assert parsed(rule("ModelRegistered", "{notify: {channel: nobody}}"), UNKNOWN).rules.all
    assert parsed(rule("ModelRegistered", "{publish: {type: A}}"), UNKNOWN).rules.all
    assert parsed(rule("ModelRegistered", "{publish: {type: A, topic: none}}"), UNKNOWN).rules.all


def test_the_file_of_this_repository_is_usable_as_it_is() -> None:
    catalogue = load_catalogue(ROOT / "pipelines.yaml", workspaces=frozenset())
    nothing = Surroundings(catalogue=catalogue, channels=frozenset(), topics=frozenset(), has_default_topic=False)

    loaded = load_rules(ROOT / "rules.yaml", nothing)

    assert [each.name for each in loaded.rules.all] == ["retrain-on-drift", "deploy-production-models"]
    assert loaded.warnings == ()


def test_the_rule_that_is_commented_out_is_usable_with_the_settings_that_it_names() -> None:
    catalogue = load_catalogue(ROOT / "pipelines.yaml", workspaces=frozenset())
    text = (ROOT / "rules.yaml").read_text(encoding="utf-8")
    begin = text.index("  # tell-of-failures:")
    whole = text[:begin] + text[begin:].replace("  # ", "  ")
    one = Surroundings(
        catalogue=catalogue, channels=frozenset({"ml-team"}), topics=frozenset(), has_default_topic=False
    )

    loaded = parse_rules(whole.encode(), "rules.yaml", one)

    assert loaded.rules.all[-1].action == NotifyAction(
        channel="ml-team", title="${data.pipeline} failed", text="Run ${data.run_id}: ${data.error_message}"
    )
    assert loaded.warnings == ()


def test_a_missing_file_is_told_by_its_path_and_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_rules(tmp_path / "none.yaml", UNKNOWN)

    assert error.value.problems == (
        f"{tmp_path / 'none.yaml'}: cannot be read, No such file or directory: RULES_FILE names the file",
    )
