"""What a rule does in rules.yaml: every action that cannot be done, and inputs that do not fit."""

import pytest

from tests.unit.rule_files import NO_REFERENCE, ROOTS, SUBMIT, found, parsed, rule


@pytest.mark.parametrize(
    ("do", "problem"),
    [
        ("{}", ": has no action: give one of submit, deploy, notify, publish, run_data_factory"),
        ("{notfy: {channel: pager}}", ".notfy: is not a key here: did you mean notify?"),
        (
            "{channel: pager}",
            (".channel: is not a key here: use one of submit, deploy, notify, publish, run_data_factory"),
        ),
        ("{notify: pager}", '.notify: is "pager": give keys with values'),
        (
            "{notify: {}}",
            ".notify.channel: is missing: add it (Name of a channel in the settings: ml-team is NOTIFY_ML_TEAM_URL.)",
        ),
        ("{notify: {channel: mlteam}}", '.notify.channel: there is no channel "mlteam": did you mean ml-team?'),
        (("{notify: {channel: pager, title: '${x}'}}"), ('.notify.title: ${x} begins with "x": ' + ROOTS)),
        (
            "{notify: {channel: pager, cool_down: 1d}}",
            ".notify.cool_down: is not a key here: it belongs under the rule itself",
        ),
        (
            "{deploy: {endpoint: ab}}",
            ('.deploy.endpoint: "ab" is not a name: use 3 to 32 letters, digits and hyphens, a letter first'),
        ),
        ("{deploy: {endpoint: abc, model: churn}}", '.deploy.model: is "churn": write NAME:VERSION, such as churn:4'),
        (("{deploy: {endpoint: abc, model: 'a:${b}'}}"), ('.deploy.model: ${b} begins with "b": ' + ROOTS)),
        (
            ("{deploy: {endpoint: abc, environment: 'azureml:env@latest'}}"),
            (
                '.deploy.environment: "latest" moves, and a repeated deployment would get '
                "another one: pin it, azureml:env:1"
            ),
        ),
        (
            "{deploy: {endpoint: abc, environment: env}}",
            '.deploy.environment: "env" has no version: pin one, azureml:env:1',
        ),
        ("{deploy: {endpoint: abc, traffic: 101}}", ".deploy.traffic: is 101: it must be at most 100"),
        ("{deploy: {endpoint: abc, instance_count: 0}}", ".deploy.instance_count: is 0: it must be at least 1"),
        (
            "{deploy: {endpoint: abc, instance_type: big one}}",
            ('.deploy.instance_type: "big one" is not a name: use the name of a size, such as Standard_DS3_v2'),
        ),
        ("{publish: {type: A, topic: evnts}}", '.publish.topic: there is no topic "evnts": did you mean events?'),
        (
            "{publish: {type: A, topic: others}}",
            ('.publish.topic: there is no topic "others": add it to ALLOWED_TOPICS, or use one of events'),
        ),
        (
            "{publish: {type: A}}",
            (
                ".publish.topic: is missing, and no topic is the default: set "
                "EVENT_GRID_TOPIC_ENDPOINT, or use one of events"
            ),
        ),
        (
            "{publish: {type: MICROSOFT.a, topic: events}}",
            (".publish.type: begins with MICROSOFT., which Azure's own events do: use a type of your own"),
        ),
        (
            "{publish: {type: Bridge.A, topic: events}}",
            (".publish.type: begins with Bridge., which the bridge's own events do: use a type of your own"),
        ),
        ("{publish: {type: ' A', topic: events}}", '.publish.type: is " A": remove the spaces around it'),
        ("{publish: {type: A, topic: events, data: {a: [{b: $}]}}}", (".publish.data.a[0].b: " + NO_REFERENCE)),
        (
            "{publish: {type: A, topic: events, data: {bridge: 1}}}",
            (".publish.data.bridge: is where the bridge says which rules led to the event: use another key"),
        ),
        ("{publish: {type: A, topic: events, data: [1]}}", ".publish.data: is a list: give keys with values"),
        (
            "{run_data_factory: {factory: a_b, pipeline: p}}",
            (
                '.run_data_factory.factory: "a_b" is not a name: use 3 to 63 letters, digits and '
                "hyphens, a letter or digit first and last"
            ),
        ),
        (
            "{run_data_factory: {factory: abc, pipeline: a/b}}",
            (
                '.run_data_factory.pipeline: "a/b" is not a name: use at most 260 characters, '
                "none of < > * # . % & : \\ + ? /, the first a letter, digit or _"
            ),
        ),
        (
            "{run_data_factory: {factory: abc, pipeline: p, subscription_id: x}}",
            (
                '.run_data_factory.subscription_id: is "x": give the subscription\'s id, such as '
                "00000000-0000-0000-0000-000000000000"
            ),
        ),
        (
            ("{run_data_factory: {factory: abc, pipeline: p, resource_group: 'a.'}}"),
            (
                '.run_data_factory.resource_group: "a." is not a name: use at most 90 letters, '
                "digits, underscores, hyphens, brackets and dots, no dot last"
            ),
        ),
        (
            ("{run_data_factory: {factory: abc, pipeline: p, parameters: {a: {b: '${}'}}}}"),
            ".run_data_factory.parameters.a.b: " + NO_REFERENCE,
        ),
        (
            "{run_data_factory: {factory: abc, pipeline: p, parameters: {k: 1}, key_parameter: k}}",
            (
                ".run_data_factory.parameters.k: is the key_parameter, which the bridge gives "
                "itself: remove it here, or name another"
            ),
        ),
    ],
)
def test_an_action_that_cannot_be_done_is_told_with_its_fix(do: str, problem: str) -> None:
    assert found(rule("ModelRegistered", do)) == [f"5: rules.r.do{problem}"]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ('{as_of: "${date}", row: 5}', "row: is no input of training: did you mean rows?"),
        ('{as_of: "${date}", x: 5}', "x: is no input of training: it takes as_of, rows, until, note"),
        ("{rows: 5}", 'as_of: is missing: training requires it, give a date such as "2026-11-01"'),
        ("{as_of: 2026-02-30}", 'as_of: is "2026-02-30": the calendar has no such day'),
        ('{as_of: "${date}", rows: "5"}', 'rows: is "5": write 5 without quotes'),
        ('{as_of: "${date}", rows: 11}', "rows: is 11: it must be at most 10"),
        ('{as_of: "${date}", note: [a]}', "note: is a list: give a single value"),
        ('{as_of: "${dat}"}', ('as_of: ${dat} begins with "dat": ' + ROOTS)),
        (
            '{as_of: "${time}"}',
            ('as_of: is like "2026-11-20T10:00:00+00:00", and the input is of type date: use ${date}'),
        ),
        (
            '{as_of: "${date}", until: "${date}"}',
            'until: is like "2026-11-20", and the input is of type timestamp: use ${time}',
        ),
        (
            '{as_of: "${date}", rows: "${tags.rows}"}',
            ("rows: is text in every event, and the input is of type integer: take it from the event's data"),
        ),
        (
            '{as_of: "${date}", rows: "1${data.rows}"}',
            ("rows: becomes text, and the input is of type integer: give one reference alone, such as ${data.rows}"),
        ),
    ],
)
def test_inputs_are_checked_as_far_as_they_are_known(inputs: str, problem: str) -> None:
    do = f"{{submit: {{pipeline: training, inputs: {inputs}}}}}"

    assert found(rule("RunStatusChanged", do)) == [f"5: rules.r.do.submit.inputs.{problem}"]


@pytest.mark.parametrize(
    "inputs", ['{as_of: "${data.day}", rows: "${data.rows}", until: "${time}", note: "${data.a} $$5"}']
)
def test_inputs_that_may_fit_are_taken(inputs: str) -> None:
    assert parsed(rule("RunStatusChanged", f"{{submit: {{pipeline: training, inputs: {inputs}}}}}")).rules.all


@pytest.mark.parametrize("kind", ["RunStatusChanged", "RunCompleted", "ModelMonitorBreached", "Bridge.RunEnded"])
def test_a_run_leads_to_another_without_a_cool_down(kind: str) -> None:
    assert parsed(rule(kind, SUBMIT)).rules.all


@pytest.mark.parametrize(
    "kind", ["ModelRegistered", "ModelDeployed", "DatasetDriftDetected", "Bridge.DeploymentEnded", "Contoso.NewData"]
)
def test_what_tells_of_no_run_starts_one_only_with_a_cool_down(kind: str) -> None:
    fix = "so that only a cool-down slows a loop of this rule down: add one, such as cool_down: 1d"

    assert found(rule(f"[Bridge.RunEnded, {kind}]", SUBMIT)) == [
        f"3: rules.r.cool_down: is missing: {kind} tells of no run, {fix}"
    ]
    assert parsed(rule(f"[Bridge.RunEnded, {kind}]", SUBMIT, "cool_down: 90m")).rules.all


def test_a_deployment_names_its_model_where_the_event_is_about_none() -> None:
    deploy = "{deploy: {endpoint: abc}}"
    fix = 'add it, such as "churn:4" or "${data.name}:${data.version}"'

    assert found(rule("[ModelRegistered, Bridge.RunEnded]", deploy)) == [
        f"5: rules.r.do.deploy.model: is missing: Bridge.RunEnded registers no model: {fix}"
    ]
    assert parsed(rule("Bridge.RunEnded", '{deploy: {endpoint: abc, model: "${data.outputs.model}"}}')).rules.all


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (rule("ModelRegistered", SUBMIT, "cool_down:"), "6: rules.r.cool_down"),
        (
            rule("RunStatusChanged", "{submit: {pipeline: training, inputs: {as_of: }}}"),
            "5: rules.r.do.submit.inputs.as_of",
        ),
        (rule("Bridge.RunEnded", "{deploy: {endpoint: abc, model: }}"), "5: rules.r.do.deploy.model"),
        (rule("Bridge.RunEnded", "{notify: {channel: }}"), "5: rules.r.do.notify.channel"),
        (rule("Bridge.RunEnded", "{notify: }"), "5: rules.r.do.notify"),
        (rule("Bridge.RunEnded", ""), "5: rules.r.do"),
    ],
)
def test_what_has_no_value_is_told_once(text: str, place: str) -> None:
    assert found(text) == [f"{place}: has no value: give one or leave it out"]


def test_a_rule_about_steps_starts_runs_only_with_a_cool_down() -> None:
    about = "where: {data.runType: azureml.StepRun}"

    (problem,) = found(rule("RunCompleted", SUBMIT, about))

    assert "steps of a pipeline do not say which rules led to it, so that only a cool-down slows" in problem
    assert parsed(rule("RunCompleted", SUBMIT, about, "cool_down: 1d")).rules.all
